// What the main thread and an engine's thread say to each other. Calls carry a number; every answer names the call it belongs to.
// Not a network protocol: both ends are the same version of this code.

import type { ForwardOutputs, ForwardSample, SampleRequest } from "../policy/backend.ts";
import type { SampledResponse } from "../policy/response.ts";
import type {
  EngineOptions,
  RangeUpdate,
  ReducedRange,
  ShardMetrics,
  ShardWork,
  SharedOptimizer,
  SharedState,
  UpdatedRange,
} from "./engine.ts";
import type { Routing } from "./forwardGraph.ts";
import type { Range } from "./shards.ts";
import type { TrainGraph } from "./trainGraph.ts";

/** The engine's verbs: their arguments and results. `version` counts the changes of the shared parameters. */
export interface EngineCalls {
  readonly addGraph: { readonly in: { readonly key: string; readonly graph: TrainGraph }; readonly out: undefined };
  readonly forward: {
    readonly in: { readonly version: number; readonly routing: Routing; readonly samples: readonly ForwardSample[] };
    readonly out: readonly ForwardOutputs[];
  };
  readonly forwardBackward: {
    readonly in: { readonly key: string; readonly version: number; readonly work: ShardWork };
    readonly out: ShardMetrics;
  };
  readonly reduce: { readonly in: { readonly range: Range; readonly shards: number }; readonly out: ReducedRange };
  /** `version` is of the parameters before the update. */
  readonly update: { readonly in: { readonly version: number; readonly work: RangeUpdate }; readonly out: UpdatedRange };
  /** Responses come as items before the result. */
  readonly sample: { readonly in: { readonly version: number; readonly requests: readonly SampleRequest[] }; readonly out: undefined };
  readonly digestParameters: { readonly in: undefined; readonly out: string };
  readonly digestOptimizer: { readonly in: SharedOptimizer | undefined; readonly out: string };
  readonly dispose: { readonly in: undefined; readonly out: undefined };
}

/** The engine's verbs by name. */
export type CallName = keyof EngineCalls;

/** What the main thread says. */
export type ToEngine =
  | {
      readonly [Name in CallName]: {
        readonly kind: "call";
        readonly id: number;
        readonly name: Name;
        readonly argument: EngineCalls[Name]["in"];
      };
    }[CallName]
  | { readonly kind: "cancel"; readonly id: number };

/** What an engine says. */
export type FromEngine =
  | { readonly kind: "item"; readonly id: number; readonly item: SampledResponse }
  | { readonly kind: "result"; readonly id: number; readonly result: unknown }
  | { readonly kind: "error"; readonly id: number; readonly error: { readonly message: string; readonly stack: string } };

/** Given to the thread when it starts. */
export interface EngineStart {
  readonly options: EngineOptions;
  readonly shared: SharedState;
}
