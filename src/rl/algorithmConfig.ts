// The choices of a policy-gradient algorithm, each a union of its own: how rewards become advantages, what is maximised, what holds
// entropy up and the policy near its reference, and what tokens are averaged over. The keys of another choice are rejected. Formulas and
// sources stand at the functions that the kinds name.

import { z } from "zod";

import { GaeConfig } from "./gaeConfig.ts";
import { maxLogRatio } from "./logRatio.ts";
import { isSampledEarlier } from "./samplingConfig.ts";

const covarianceShare = z
  .number()
  .positive()
  .max(1)
  .default(2e-4)
  .meta({ description: "How many tokens are taken, one at least.", unit: "share of an update's tokens" });

const bandWithout1 = "must leave 1 inside the band, or rollouts that are on-policy are masked";

const groupSize = z
  .int()
  .min(2, "must be at least 2: the group's mean is the baseline, so one rollout teaches nothing")
  .default(8)
  .meta({ description: "Rollouts of each task; their mean reward is the baseline.", unit: "rollouts" });

/** How rewards become advantages (`advantages.ts`, `gdpo.ts`; `gae.ts` with a critic). */
export const AdvantagesConfig = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("grpo").describe("Reward minus the group's mean, divided by the group's standard deviation (arXiv:2402.03300)."),
    groupSize,
  }),
  z.strictObject({
    kind: z.literal("dr-grpo").describe("Reward minus the group's mean, not divided by anything (arXiv:2503.20783)."),
    groupSize,
  }),
  z.strictObject({
    kind: z
      .literal("reinforce-plus-plus")
      .describe("Reward minus the group's mean, divided by the standard deviation over the whole step (arXiv:2501.03262, 2510.13786)."),
    groupSize,
  }),
  z.strictObject({
    kind: z.literal("rloo").describe("Reward minus the mean of the group's other members, not divided by anything (arXiv:2402.14740)."),
    groupSize,
  }),
  z.strictObject({
    kind: z
      .literal("max-rl")
      .describe("Reward minus the group's mean, divided by that mean: tasks that rarely succeed weigh more (arXiv:2602.02710)."),
    groupSize,
  }),
  z.strictObject({
    kind: z
      .literal("gdpo")
      .describe("Each term of the reward as in grpo by itself; the weighted sum divided by its spread over the step (arXiv:2601.05242)."),
    groupSize,
  }),
  GaeConfig,
]);
export type AdvantagesConfig = z.infer<typeof AdvantagesConfig>;

/** What is maximised (`objectives.ts`). */
export const ObjectiveConfig = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("clip").describe("PPO's clipped surrogate; more room above than below (arXiv:1707.06347, 2503.14476)."),
    below: z.number().positive().lt(1).default(0.2).describe("The probability ratio is clipped at 1 - below."),
    above: z.number().positive().default(0.28).describe("The probability ratio is clipped at 1 + above."),
    dual: z
      .number()
      .gt(1, "must be above 1, or it would bind where the ratio has not moved")
      .exactOptional()
      .describe(
        "A worse rollout costs at most so many times its advantage, however likely it became (arXiv:1912.09729). Absent: unbounded.",
      ),
  }),
  z.strictObject({
    kind: z
      .literal("gspo")
      .describe("The clipped surrogate of one ratio for each sequence, the geometric mean over its tokens (arXiv:2507.18071)."),
    below: z.number().positive().lt(1).default(3e-4).describe("The sequence's ratio is clipped at 1 - below."),
    above: z.number().positive().default(4e-4).describe("The sequence's ratio is clipped at 1 + above."),
  }),
  z.strictObject({
    kind: z
      .literal("cispo")
      .describe("REINFORCE whose importance weights are cut off, so that no token loses its gradient (arXiv:2506.13585, 2510.13786)."),
    maxRatio: z.number().min(1).default(5).describe("The largest importance weight; the bound itself, not 1 + it."),
  }),
  z.strictObject({
    kind: z
      .literal("sapo")
      .describe("A soft gate in place of the clip: a token's gradient fades as its ratio leaves 1 (arXiv:2511.20347)."),
    tauPositive: z.number().positive().default(1).describe("How fast it fades for better rollouts."),
    tauNegative: z
      .number()
      .positive()
      .default(1.05)
      .describe("How fast it fades for worse rollouts, whose gradient spreads over all other tokens."),
  }),
  z.strictObject({
    kind: z.literal("reinforce").describe("The plain importance-weighted policy gradient: nothing bounds the ratio."),
  }),
]);
export type ObjectiveConfig = z.infer<typeof ObjectiveConfig>;

/** What keeps the policy's choices open (`losses.ts`, `covariance.ts`). */
export const EntropyConfig = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none").describe("Nothing but the objective.") }),
  z.strictObject({
    kind: z.literal("bonus").describe("The entropy of every trained token's distribution is maximised too."),
    weight: z.number().positive("must be above 0; leave rl.entropy out for no bonus").describe("Of a nat, against the advantages."),
  }),
  z.strictObject({
    kind: z
      .literal("clip-cov")
      .describe("Some of the tokens that lower the entropy most, being both likely and better, have no gradient (arXiv:2505.22617)."),
    share: covarianceShare,
    min: z.number().default(1).describe("Tokens are drawn from those whose covariance is above it."),
    max: z.number().default(5).describe("Tokens are drawn from those whose covariance is below it."),
  }),
  z.strictObject({
    kind: z.literal("kl-cov").describe("The tokens that lower the entropy most are held where sampling found them (arXiv:2505.22617)."),
    share: covarianceShare,
    weight: z.number().positive().default(1).describe("Of the distance |log ratio| of such a token."),
  }),
]);
export type EntropyConfig = z.infer<typeof EntropyConfig>;

const klWeight = z
  .number()
  .positive("must be above 0; leave rl.kl out for none")
  .describe("Of a nat, against the reward or the advantages.");

/** What keeps the policy near the one that the stage started from (`kl.ts`). */
export const KlConfig = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none").describe("The policy may go anywhere.") }),
  z.strictObject({
    kind: z.literal("reward").describe("A rollout's reward is lowered by the log-ratio of its tokens to the reference (k1)."),
    weight: klWeight,
  }),
  z.strictObject({
    kind: z.literal("loss").describe("An estimate of the divergence from the reference is added to the loss."),
    estimator: z
      .enum(["k2", "k3", "unbiased"], {
        error: ({ input }) =>
          `must be k2, k3 or unbiased, got ${JSON.stringify(input)}${input === "k1" ? ': the gradient of k1 in the loss is 0 in expectation; take {kind: "reward"}' : ""}`,
      })
      .default("unbiased")
      .describe("k2 and unbiased (k3 times the ratio) have the gradient of KL(policy || reference), k3 that of KL(reference || policy)."),
    weight: klWeight,
  }),
]);
export type KlConfig = z.infer<typeof KlConfig>;

/** What a step's tokens are averaged over (`aggregation.ts`). */
export const AggregationConfig = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z
      .literal("token-mean")
      .describe("Over all trained tokens of an update: a long response counts by its length (arXiv:2503.14476)."),
  }),
  z.strictObject({
    kind: z
      .literal("sequence-mean")
      .describe("Over the tokens of each response, then over responses: a token of a long one counts less (arXiv:2402.03300)."),
  }),
  z.strictObject({
    kind: z.literal("prompt-mean").describe("Over the tokens of each task's responses, then over tasks (arXiv:2510.13786)."),
  }),
  z.strictObject({
    kind: z
      .literal("constant")
      .describe(
        "Sums over tokens, divided by responses and one constant length: no token counts less for its neighbours (arXiv:2503.20783).",
      ),
    length: z
      .int({
        error: ({ input }) =>
          input === undefined ? "must be there: constant has no divisor without it; maxNewTokens is the usual one" : undefined,
      })
      .positive()
      .meta({ description: "What a response's sum is divided by, whatever its length.", unit: "tokens" }),
  }),
]);
export type AggregationConfig = z.infer<typeof AggregationConfig>;

const beyondCut = `must lie within exp(-${maxLogRatio}) and exp(${maxLogRatio}), where weights are cut off anyway`;

const weightLevel = "Bounds are on the weight of each token, or on the product over each sequence.";
const veto = z
  .strictObject({
    min: z.number().gt(Math.exp(-maxLogRatio), beyondCut).lt(1).default(1e-4).describe("Smallest weight of a token."),
    max: z.number().gt(1).lt(Math.exp(maxLogRatio), beyondCut).default(100).describe("Largest weight of a token."),
  })
  .exactOptional()
  .describe("A sequence with a token beyond these bounds is left out whole. Absent: none is.");

/** How training answers rollouts that another policy sampled (`correction.ts`). */
export const CorrectionConfig = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("none").describe("The ratio of the objective is taken to the policy that sampled, however old it is."),
  }),
  z.strictObject({
    kind: z.literal("truncated").describe("Importance weights, cut off at a largest one (TIS)."),
    level: z.enum(["token", "sequence"]).default("token").describe(weightLevel),
    max: z
      .number()
      .min(1, "must be at least 1, or weights of rollouts that are on-policy are cut off")
      .default(2)
      .describe("The largest weight."),
    veto,
  }),
  z.strictObject({
    kind: z.literal("masked").describe("Importance weights, and nothing is learned from what lies outside a band (IcePop, MIS)."),
    level: z
      .enum(["token", "sequence", "geometric"])
      .describe(`${weightLevel} Geometric: the mean over each sequence is bounded, the weights are the tokens' own.`),
    min: z
      .number()
      .nonnegative()
      .max(1, bandWithout1)
      .describe("The smallest weight that is learned from, such as 0.5 by token, 0.99 geometric."),
    max: z.number().min(1, bandWithout1).describe("The largest weight that is learned from, such as 5 by token, 1.01 geometric."),
    veto,
  }),
]);
export type CorrectionConfig = z.infer<typeof CorrectionConfig>;

/** What the rules across the choices look at. */
interface Algorithm {
  readonly advantages: AdvantagesConfig;
  readonly objective: ObjectiveConfig;
  readonly entropy: EntropyConfig;
  readonly kl: KlConfig;
  readonly tasksPerStep: number;
  readonly minibatchTasks?: number;
  readonly innerEpochs: number;
  readonly correction: CorrectionConfig;
  readonly sampling: { readonly lag: number; readonly partial?: object };
}

/** The rules across the choices: each of these combinations would do nothing, or something else than it says. */
export function checkAlgorithm(stage: Algorithm, context: z.RefinementCtx): void {
  const { advantages, objective, entropy, kl, tasksPerStep, minibatchTasks = tasksPerStep, innerEpochs } = stage;
  const fail = (path: string[], message: string): void => context.addIssue({ code: "custom", path, message });
  if (kl.kind === "reward" && ["grpo", "max-rl", "gdpo"].includes(advantages.kind)) {
    const why: Readonly<Record<string, string>> = {
      grpo: "it divides by the group's spread, so where all rewards are the same the divergence would be all that is learned from",
      "max-rl": "it divides by the group's mean reward, which the divergence can make negative",
      gdpo: "it looks at the terms of the reward, and the divergence is none of them",
    };
    fail(
      ["kl", "kind"],
      `must not be "reward" with "${advantages.kind}" advantages: ${why[advantages.kind]}; take "loss", or another kind of advantages`,
    );
  }
  if (objective.kind === "gspo" && advantages.kind === "gae") {
    fail(
      ["objective", "kind"],
      'must not be "gspo" with "gae" advantages: its one ratio for a sequence needs one advantage for it; take "clip"',
    );
  }
  const isSampledByOthers = isSampledEarlier(stage.sampling);
  if (stage.correction.kind !== "none" && !isSampledByOthers) {
    fail(
      ["correction", "kind"],
      `must be "none" where every step learns from its own policy's rollouts, since all weights are 1, got "${stage.correction.kind}"; set sampling.lag or sampling.partial, or leave it out`,
    );
  }
  if (stage.correction.kind === "masked" && stage.correction.min === stage.correction.max) {
    fail(
      ["correction", "min"],
      "must be below max, or only tokens whose probability has not moved at all are learned from, got 1 and 1; lower min or raise max",
    );
  }
  // The ratio to an older policy that sampled is not 1 at the first update either, unless it is taken to the present one.
  const isOffPolicy = isSampledByOthers && stage.correction.kind === "none";
  if (entropy.kind === "kl-cov" && minibatchTasks === tasksPerStep && innerEpochs === 1 && !isOffPolicy) {
    fail(
      ["entropy", "kind"],
      'must not be "kl-cov" where a step is one update: it holds tokens where sampling found them, which is where they are; set minibatchTasks or innerEpochs, or take "clip-cov"',
    );
  }
  if (entropy.kind === "clip-cov" && entropy.min >= entropy.max) {
    fail(
      ["entropy", "min"],
      `must be below max, or no token is between them, got ${entropy.min} and ${entropy.max}; lower min or raise max`,
    );
  }
}
