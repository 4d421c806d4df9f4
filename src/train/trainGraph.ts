// A loss over whole sequences and its gradient as one graph: what `forwardBackward` runs for each micro-batch.
//
// Dimension key:  M trained tokens.

import { gradients } from "../graph/backward.ts";
import { type OnnxModel, toOnnx } from "../graph/onnx.ts";
import { add, addAll, concat, constant, input, mul } from "../graph/ops.ts";
import { nodesOf, type Tensor } from "../graph/tensor.ts";
import type { PolicyConfig } from "../policy/architecture.ts";
import type { Loss } from "../policy/backend.ts";
import type { RouterReport } from "../policy/model.ts";
import { type ParameterPiece, parameterInputs } from "../policy/parameters.ts";
import { forwardTargets, type Routing } from "./forwardGraph.ts";
import { sequenceMean, sequenceMeanInputs } from "./sequenceMean.ts";

/** The graph and how to read it. Outputs: each of `metrics`, `maxima` and `vectors` by name, and `gradientName(piece)` for each piece. */
export interface TrainGraph {
  readonly model: OnnxModel;
  readonly pieces: readonly ParameterPiece[];
  readonly routing: Routing;
  /** Columns that the loss reads, fed as `columnName(name)`. */
  readonly columns: readonly string[];
  /** Scalars that add up over micro-batches. */
  readonly metrics: readonly string[];
  /** Scalars of which the largest counts. */
  readonly maxima: readonly string[];
  /** Vectors that add up over micro-batches: `sentTokens`, where there are experts. */
  readonly vectors: readonly string[];
}

/** Tokens sent to each expert, all experts of a layer after one another. */
export const sentTokens = "sentTokens";

/** Name of the output that holds a piece's gradient. */
export const gradientName = (piece: string): string => `gradient of ${piece}`;
/** Name of the input that a column of the batch is fed as. */
export const columnName = (column: string): string => `column ${column}`;

/** What a training graph is built for. */
export interface TrainGraphOptions {
  readonly config: PolicyConfig;
  readonly pieces: readonly ParameterPiece[];
  readonly routing?: Routing;
}

/** The graph of `loss`, the router's losses and their gradient by every piece that the policy uses. */
export function trainGraph(loss: Loss, { config, pieces, routing = "own" }: TrainGraphOptions): TrainGraph {
  const parameters = parameterInputs(pieces);
  const { outputs, routers } = forwardTargets(parameters, { config, routing });
  const columns = new Map<string, Tensor>();
  const column = (name: string): Tensor => {
    const known = columns.get(name) ?? input(columnName(name), ["M"]);
    columns.set(name, known);
    return known;
  };
  const built = loss.build({ ...outputs, column, sequenceMean: (x_M) => sequenceMean(x_M, sequenceMeanInputs()) });
  const router = routers.length === 0 ? undefined : routerLosses(routers);
  const total = router === undefined ? built.loss : add(built.loss, routerPenalty(router, config));
  // A critic's loss reads no log-probabilities: the output head is no part of its graph.
  const reached = new Set(nodesOf([total]).map(({ id }) => id));
  const used = parameters.used().filter(({ tensor }) => reached.has(tensor.node.id));
  const grads = gradients(
    total,
    used.map(({ tensor }) => tensor),
  );
  const agreement = routing === "own" ? {} : { routingAgreement: routingAgreement(routers) };
  const metrics = { loss: built.loss, ...built.metrics, ...router, ...agreement };
  const maxima = built.maxima ?? {};
  const vectors = routers.length === 0 ? {} : { [sentTokens]: sentToAll(routers) };
  const model = toOnnx({
    ...metrics,
    ...maxima,
    ...vectors,
    ...Object.fromEntries(used.map(({ piece }, i) => [gradientName(piece.name), grads[i]!])),
  });
  return {
    model,
    pieces: used.map(({ piece }) => piece),
    routing,
    columns: [...columns.keys()],
    metrics: Object.keys(metrics),
    maxima: Object.keys(maxima),
    vectors: Object.keys(vectors),
  };
}

function sentToAll(routers: readonly RouterReport[]): Tensor {
  const [first, ...others] = routers.map(({ sent_E }) => sent_E);
  return others.length === 0 ? first! : concat([first!, ...others], 0);
}

/**
 * Means over layers, times the micro-batch's share of the batch's tokens. Over a batch z-loss and entropy add up to their means; balance, a
 * product of two means, adds up to the mean of the micro-batches' balances.
 */
function routerLosses(routers: readonly RouterReport[]): Readonly<Record<"routerBalance" | "routerZLoss" | "routerEntropy", Tensor>> {
  const scale = mul(input("share", []), constant(1 / routers.length));
  return {
    routerBalance: mul(scale, addAll(routers.map(({ balance }) => balance))),
    routerZLoss: mul(scale, addAll(routers.map(({ zLoss }) => zLoss))),
    routerEntropy: mul(scale, addAll(routers.map(({ entropy }) => entropy))),
  };
}

/** Share of the batch's replayed (token, layer, slot) whose expert is among the router's own; over micro-batches the parts add up to it. */
function routingAgreement(routers: readonly RouterReport[]): Tensor {
  return mul(input("agreementScale", []), addAll(routers.map(({ numAgreed }) => numAgreed!)));
}

function routerPenalty({ routerBalance, routerZLoss }: ReturnType<typeof routerLosses>, config: PolicyConfig): Tensor {
  return add(mul(constant(config.routerAuxLossWeight), routerBalance), mul(constant(config.routerZLossWeight), routerZLoss));
}
