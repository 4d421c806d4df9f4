// What the main thread and the engine's thread say to each other.
// Calls carry a number; every answer names the call it belongs to.

import type { OptimSettings, SampleRequest, StepMetrics, TrainSample } from "../policy/backend.ts";
import type { SampledResponse } from "../policy/sample.ts";
import type { EngineOptions, EngineState } from "./engine.ts";
import type { TrainGraph } from "./trainGraph.ts";

/** The engine's verbs: their arguments and results. */
export interface EngineCalls {
  readonly addGraph: { readonly in: { readonly key: string; readonly graph: TrainGraph }; readonly out: undefined };
  readonly forwardBackward: { readonly in: { readonly key: string; readonly samples: readonly TrainSample[] }; readonly out: StepMetrics };
  readonly optimStep: { readonly in: OptimSettings; readonly out: StepMetrics };
  readonly discardGradient: { readonly in: undefined; readonly out: undefined };
  /** Responses come as items before the result. */
  readonly sample: { readonly in: readonly SampleRequest[]; readonly out: undefined };
  readonly copyState: { readonly in: undefined; readonly out: EngineState };
  readonly loadState: { readonly in: EngineState; readonly out: undefined };
  readonly digests: { readonly in: undefined; readonly out: { readonly parameters: string; readonly optimizer: string } };
  readonly dispose: { readonly in: undefined; readonly out: undefined };
}

export type CallName = keyof EngineCalls;

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

export type FromEngine =
  | { readonly kind: "item"; readonly id: number; readonly item: SampledResponse }
  | { readonly kind: "result"; readonly id: number; readonly result: unknown }
  | { readonly kind: "error"; readonly id: number; readonly error: { readonly message: string; readonly stack: string } };

/** Given to the thread when it starts. */
export interface EngineStart {
  readonly options: EngineOptions;
  readonly state: EngineState;
}
