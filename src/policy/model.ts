// The transformer, as graph-building functions: Qwen3-MoE (arXiv:2505.09388; dense Qwen3 with zero experts). Tokens of all
// sequences lie after one another in one axis, so that nothing but attention ever sees padding; how a token finds the keys of
// its own sequence is the caller's (`sequences.ts` gathers whole sequences, `decodeGraphs.ts` reads a cache).
//
// The same functions build training and sampling graphs. Every op acts on each token's row by itself, in the same order of
// operations for any number of rows, which is why sampled and recomputed log-probabilities agree in every bit.
//
// Dimension key:  N tokens, D width, H query heads, C key/value heads, K head width, E experts, F expert width, V vocabulary.

import {
  add,
  cast,
  combine,
  concatRows,
  constant,
  div,
  gatherRows,
  linear,
  logSoftmax,
  logSumExp,
  mul,
  oneHot,
  pick,
  replay,
  rmsNorm,
  route,
  silu,
  softmax,
  splitRows,
  sub,
  sum,
  topK,
} from "../graph/ops.ts";
import { scope, type Tensor } from "../graph/tensor.ts";
import type { PolicyConfig } from "./architecture.ts";
import type { ParameterInputs } from "./parameters.ts";

/** What the router did with the tokens of one layer. */
export interface RouterReport {
  /** int64 [N, k]: the experts that each token was sent to. */
  readonly chosen: Tensor;
  /** int64 [E]: tokens sent to each expert, plus 2. */
  readonly counts: Tensor;
  /** Load-balancing loss, a scalar: 1 when the load is even. */
  readonly balance: Tensor;
  /** Router z-loss, a scalar. */
  readonly zLoss: Tensor;
  /** float32 [E]: tokens sent to each expert. */
  readonly sent_E: Tensor;
  /** Mean entropy of the router's distribution over the experts, in nats, a scalar. */
  readonly entropy: Tensor;
  /** A scalar: of the replayed (token, slot) pairs those whose expert is among the router's own top k. Undefined where nothing is replayed. */
  readonly numAgreed: Tensor | undefined;
}

/** One layer of the model. */
export interface LayerPlace {
  readonly layer: number;
  readonly config: PolicyConfig;
  /** int64 [N, k]: experts to send tokens to, -1 in rows where the router decides. Absent: it decides everywhere. */
  readonly recorded?: Tensor | undefined;
}

/** Residual stream at the start: one embedding row for each token (integers [N]). */
export function embed(parameters: ParameterInputs, tokens_N: Tensor): Tensor {
  return scope("embed", () => gatherRows(parameters.get("embed"), tokens_N));
}

/** Queries, keys and values of all heads side by side: [N, (H + 2 C) K], not yet normalised or rotated. */
export function projectHeads(
  parameters: ParameterInputs,
  { x_ND, layer, config }: { x_ND: Tensor; layer: number; config: PolicyConfig },
): Tensor {
  return scope(`layers.${layer}.attention`, () => {
    const normal_ND = rmsNorm(x_ND, parameters.get(`layers.${layer}.attentionNorm`), config.rmsNormEpsilon);
    return linear(normal_ND, parameters.get(`layers.${layer}.qkv`));
  });
}

/** The stream after a layer, from the stream before it and the heads' results [N, H K]. */
export function finishLayer(
  parameters: ParameterInputs,
  { x_ND, heads_N, layer, config, recorded }: LayerPlace & { x_ND: Tensor; heads_N: Tensor },
): { readonly x_ND: Tensor; readonly router: RouterReport | undefined } {
  return scope(`layers.${layer}`, () => {
    const attended_ND = add(x_ND, linear(heads_N, parameters.get(`layers.${layer}.attentionOut`)));
    const normal_ND = rmsNorm(attended_ND, parameters.get(`layers.${layer}.ffnNorm`), config.rmsNormEpsilon);
    const ffn =
      config.numExperts === 0
        ? dense(parameters, { x_ND: normal_ND, layer })
        : experts(parameters, { x_ND: normal_ND, layer, config, recorded });
    return { x_ND: add(attended_ND, ffn.y_ND), router: ffn.router };
  });
}

/** Log-probabilities over the vocabulary after the last layer, logits divided by `temperature_N1`. */
export function nextTokenLogProbs(
  parameters: ParameterInputs,
  { x_ND, temperature_N1, config }: { x_ND: Tensor; temperature_N1: Tensor; config: PolicyConfig },
): Tensor {
  return scope("head", () => {
    const normal_ND = rmsNorm(x_ND, parameters.get("finalNorm"), config.rmsNormEpsilon);
    const head_VD = parameters.get(config.tieEmbeddings ? "embed" : "head");
    return logSoftmax(div(linear(normal_ND, head_VD), temperature_N1));
  });
}

/** Value of the state that each row of the stream stands for, after the last layer: [N]. */
export function stateValues(parameters: ParameterInputs, { x_ND, config }: { x_ND: Tensor; config: PolicyConfig }): Tensor {
  return scope("valueHead", () => {
    const normal_ND = rmsNorm(x_ND, parameters.get("finalNorm"), config.rmsNormEpsilon);
    // Row by row: a product with a weight of one row takes another path in the engine for few rows, with other bits.
    return sum(mul(normal_ND, parameters.get("valueHead")), { axes: [1] });
  });
}

interface FeedForward {
  readonly y_ND: Tensor;
  readonly router: RouterReport | undefined;
}

function dense(parameters: ParameterInputs, { x_ND, layer }: { x_ND: Tensor; layer: number }): FeedForward {
  return scope("ffn", () => {
    const weight = (name: string): Tensor => parameters.get(`layers.${layer}.${name}`);
    return { y_ND: swiglu(x_ND, weight), router: undefined };
  });
}

/** (silu(x gate) * x up) down, Shazeer 2020 (arXiv:2002.05202), eq. 6. */
function swiglu(x: Tensor, weight: (name: "gate" | "up" | "down") => Tensor): Tensor {
  return linear(mul(silu(linear(x, weight("gate"))), linear(x, weight("up"))), weight("down"));
}

/** Each token goes to its k experts; an expert multiplies only the rows that were sent to it. */
function experts(parameters: ParameterInputs, { x_ND, layer, config, recorded }: LayerPlace & { x_ND: Tensor }): FeedForward {
  return scope("ffn", () => {
    const { numExperts } = config;
    const logits_NE = linear(x_ND, parameters.get(`layers.${layer}.router`));
    const probs_NE = softmax(logits_NE);
    const { chosen, weights_Nk, numAgreed } = choose(probs_NE, { config, recorded });
    const numRows = `rows${layer}`;
    const sent = route(chosen, { numExperts, symbol: numRows });

    const symbols = Array.from({ length: numExperts }, (_, expert) => `rows${layer}expert${expert}`);
    const inputs = splitRows(gatherRows(x_ND, sent.source, sent.rows), { counts: sent.counts, symbols });
    const outputs = inputs.map((x, expert) =>
      scope(`experts.${expert}`, () => swiglu(x, (name) => parameters.get(`layers.${layer}.${name}.${expert}`))),
    );
    const y_RD = concatRows(outputs, { counts: sent.counts, rows: numRows });
    const y_ND = combine(y_RD, { weights: weights_Nk, route: sent });
    return {
      y_ND,
      router: { chosen, counts: sent.counts, numAgreed, ...measureRouter({ logits_NE, probs_NE, counts: sent.counts, config }) },
    };
  });
}

interface Choice {
  readonly chosen: Tensor;
  readonly weights_Nk: Tensor;
  readonly numAgreed: Tensor | undefined;
}

/**
 * The experts of each token and their weights. Where a set I was recorded, it takes the place of the router's own top k; the weights, and so
 * the gradient, come from the router's logits s either way (R3, arXiv:2510.11370):
 *
 *     g_i = I_i exp(s_i) / sum_j I_j exp(s_j)
 *
 * This is the softmax over all experts, scaled to add up to 1 over the set; with `normTopkProb` off it is not scaled.
 */
function choose(probs_NE: Tensor, { config, recorded }: { config: PolicyConfig; recorded: Tensor | undefined }): Choice {
  const { numExperts, expertsPerToken, normTopkProb } = config;
  const weigh = (values: Tensor): Tensor => (normTopkProb ? div(values, sum(values, { axes: [1], keepDims: true })) : values);
  const own = topK(probs_NE, expertsPerToken);
  if (recorded === undefined) return { chosen: own.indices, weights_Nk: weigh(own.values), numAgreed: undefined };
  const { indices, replayed } = replay(own.indices, recorded);
  const isOwn_NE = sum(oneHot(own.indices, numExperts), { axes: [1] });
  return { chosen: indices, weights_Nk: weigh(pick(probs_NE, indices)), numAgreed: sum(mul(pick(isOwn_NE, indices), replayed)) };
}

/**
 * Load balance: E sum_e f_e P_e with f the share of (token, slot) pairs and P the mean probability of expert e (Fedus et al. 2021,
 * eq. 4, arXiv:2101.03961; it is 1 when the load is even). z-loss: mean of logsumexp(logits)^2 (Zoph et al. 2022, eq. 5, arXiv:2202.08906).
 * Entropy of one token: -sum_e p_e log p_e = logsumexp(logits) - sum_e p_e logits_e.
 */
function measureRouter({
  logits_NE,
  probs_NE,
  counts,
  config,
}: {
  logits_NE: Tensor;
  probs_NE: Tensor;
  counts: Tensor;
  config: PolicyConfig;
}): Pick<RouterReport, "balance" | "zLoss" | "sent_E" | "entropy"> {
  const sent_E = sub(cast(counts, "float32"), constant(2));
  const share_E = div(sent_E, sum(sent_E));
  const sums_E = sum(probs_NE, { axes: [0] });
  const meanProb_E = div(sums_E, sum(sums_E));
  const z_N1 = logSumExp(logits_NE);
  const numTokens = sum(sum(probs_NE, { axes: [1] }));
  return {
    balance: mul(constant(config.numExperts), sum(mul(share_E, meanProb_E))),
    zLoss: div(sum(mul(z_N1, z_N1)), numTokens),
    sent_E,
    entropy: div(sub(sum(z_N1), sum(mul(probs_NE, logits_NE))), numTokens),
  };
}
