// What a policy says of the targets of a micro-batch, as a graph: what every loss is built from, and by itself what `forward` runs.
//
// Dimension key:  N tokens, M targets, R = M + 1 rows of the head, D width, V vocabulary.

import { type OnnxModel, toOnnx } from "../graph/onnx.ts";
import { entropy, gatherDistinctRows, input, pick, reshape } from "../graph/ops.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { PolicyConfig } from "../policy/architecture.ts";
import type { ForwardOutputs, LossInputs } from "../policy/backend.ts";
import { nextTokenLogProbs, type RouterReport, stateValues } from "../policy/model.ts";
import { type ParameterInputs, type ParameterPiece, parameterInputs } from "../policy/parameters.ts";
import { expertInputs, forwardSequences, sequenceInputs } from "../policy/sequences.ts";

/** Who chooses the experts of a batch: the router, or whoever sampled it. */
export type Routing = "own" | "replayed";

interface TargetOptions {
  readonly config: PolicyConfig;
  readonly routing: Routing;
}

interface TargetOutputs {
  /** Vectors [M]. */
  readonly outputs: Pick<LossInputs, "logProb_N" | "entropy_N" | "value_N">;
  readonly routers: readonly RouterReport[];
}

/** The forward pass and what it says of each target. `microBatchFeeds` makes the values of its inputs. */
export function forwardTargets(parameters: ParameterInputs, { config, routing }: TargetOptions): TargetOutputs {
  const experts = routing === "own" ? [] : expertInputs(config);
  const { x_ND, routers } = forwardSequences(parameters, { inputs: sequenceInputs(config), config, experts });
  // The head has one row more than there are targets, since a product of one row has other bits; `real` leaves it out again.
  const rows_RD = gatherDistinctRows(x_ND, input("targetRows", ["R"], "int32"));
  const real = input("real", ["M"], "int32");
  const realRows = (values_R: Tensor): Tensor => gatherDistinctRows(values_R, real);
  const logProbs_RV = nextTokenLogProbs(parameters, { x_ND: rows_RD, temperature_N1: input("temperature", ["R", 1]), config });
  const picked_R = reshape(pick(logProbs_RV, input("targets", ["R", 1], "int32")), ["R"]);
  const outputs = { logProb_N: realRows(picked_R), entropy_N: realRows(entropy(logProbs_RV)) };
  if (config.valueHead === undefined) return { outputs, routers };
  return { outputs: { ...outputs, value_N: realRows(stateValues(parameters, { x_ND: rows_RD, config })) }, routers };
}

/** Parameters and a micro-batch in, each of `ForwardOutputs` by name out. */
export interface ForwardGraph {
  readonly model: OnnxModel;
  readonly pieces: readonly ParameterPiece[];
  readonly outputs: readonly (keyof ForwardOutputs)[];
}

export function forwardGraph(pieces: readonly ParameterPiece[], options: TargetOptions): ForwardGraph {
  const parameters = parameterInputs(pieces);
  const { logProb_N, entropy_N, value_N } = forwardTargets(parameters, options).outputs;
  const outputs = { logProb: logProb_N, entropy: entropy_N, ...(value_N === undefined ? {} : { value: value_N }) };
  return {
    model: toOnnx(outputs),
    pieces: parameters.used().map(({ piece }) => piece),
    outputs: Object.keys(outputs) as (keyof ForwardOutputs)[],
  };
}
