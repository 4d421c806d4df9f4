// The critic's part of a step: it says what each decision of the sampled rollouts was worth, turns rewards into advantages for the
// policy and returns for itself, and learns the returns. A critic is a policy with a value head in a backend of its own, with its own
// parameters, optimizer and rate, as in VAPO (arXiv:2504.05118) and verl. Nothing is remembered between steps but what the
// backend keeps.

import { mean } from "../base/statistics.ts";
import type { Rollout } from "../data/rollout.ts";
import type { PolicyBackend, StepMetrics, TrainBatch } from "../policy/backend.ts";
import { type GuardState, type OptimizerConfig, optimSettings } from "../train/stage.ts";
import type { GroupCredit } from "./advantages.ts";
import { forwardSample, numTrainedTokens } from "./batch.ts";
import type { RlConfig } from "./config.ts";
import { decisionRewards, generalizedAdvantages, lambdaReturns, policyLambda, whiten } from "./gae.ts";
import type { GaeConfig } from "./gaeConfig.ts";
import { type UpdateReport, updateMetrics } from "./metrics.ts";
import type { RewardedRollout } from "./rollout.ts";
import { clippedValueLoss, explainedVariance } from "./valueLoss.ts";

/** A rollout with one number for each of its decisions. */
export interface ValuedRollout {
  readonly rollout: Rollout;
  /** Of the state before the decision, by the critic as it was when the step began. */
  readonly values: Float32Array;
  readonly advantages: Float64Array;
  /** What the critic is to learn. */
  readonly returns: Float64Array;
}

/** The members of each group; undefined where one is unscorable or decided nothing, and teaches neither policy nor critic. */
export type ValuedGroups = readonly (readonly (ValuedRollout | undefined)[])[];

interface ValuePlace {
  readonly critic: PolicyBackend;
  readonly gae: GaeConfig;
  readonly isPretraining: boolean;
  /** Rewards of a rollout's decisions beside its own at the last. Absent: there are none. */
  readonly perDecision?: (rollout: Rollout) => ArrayLike<number>;
}

/** Values, advantages and returns of a step's rollouts. */
export async function valueGroups(
  groups: readonly (readonly RewardedRollout[])[],
  { critic, gae, isPretraining, perDecision }: ValuePlace,
): Promise<ValuedGroups> {
  const scored = groups.flat().filter(({ reward, rollout }) => reward !== undefined && rollout.chosen.includes(1));
  const outputs = await critic.forward(scored.map(({ rollout }) => forwardSample(rollout)));
  const lambdaCritic = isPretraining ? 1 : gae.lambdaCritic; // values that know nothing yet must not stand in for returns
  const perDecisionOf = (rollout: Rollout) => (perDecision === undefined ? {} : { perDecision: perDecision(rollout) });
  const valued = scored.map(({ rollout, reward }, i): ValuedRollout => {
    const values = outputs[i]!.value!;
    const episode = { values, rewards: decisionRewards(reward!, { numDecisions: values.length, ...perDecisionOf(rollout) }) };
    const advantages = generalizedAdvantages(episode, policyLambda(gae.lambdaPolicy, values.length));
    return { rollout, values, advantages, returns: lambdaReturns(episode, lambdaCritic) };
  });
  const spread = gae.whiten ? whiten(valued.map(({ advantages }) => advantages)) : undefined;
  const byRollout = new Map(
    scored.map((member, i) => [member, spread === undefined ? valued[i]! : { ...valued[i]!, advantages: spread[i]! }]),
  );
  return groups.map((members) => members.map((member) => byRollout.get(member)));
}

/** What each group teaches: a member's advantage is the mean over its decisions. */
export function valuedCredits(groups: ValuedGroups): GroupCredit[] {
  return groups.map((members) => {
    if (members.every((member) => member === undefined)) return { kind: "dropped" };
    return { kind: "trained", advantages: members.map((member) => member && mean([...member.advantages])) };
  });
}

/**
 * Moves the critic towards the returns: `passes` times over the step, one update for each minibatch of groups. An update that is no
 * number is skipped. `critic/explainedVariance` is that of the values before the first update.
 */
export async function teachCritic(
  groups: ValuedGroups,
  { critic, gae, config, step, guard }: { critic: PolicyBackend; gae: GaeConfig; config: RlConfig; step: number; guard: GuardState },
): Promise<{ readonly metrics: StepMetrics; readonly notes: readonly string[] }> {
  const loss = clippedValueLoss({ valueClip: gae.valueClip });
  const settings = optimSettings(criticOptimizer(config, gae), { step, guard });
  const reports: UpdateReport[] = [];
  const notes: string[] = [];
  for (const batch of Array.from({ length: gae.critic.passes }, () => valueBatches(groups, config.minibatchTasks)).flat()) {
    const said = await critic.forwardBackward(batch, loss);
    if (Number.isFinite(said["loss"]) && Number.isFinite(said["gradNorm"])) {
      reports.push({ numTokens: numTrainedTokens(batch), metrics: { ...said, ...(await critic.optimStep(settings)) } });
    } else {
      await critic.discardGradient();
      notes.push(`critic's update skipped: loss is ${said["loss"]}, gradient norm ${said["gradNorm"]}`);
    }
  }
  return { metrics: prefixed({ ...updateMetrics(reports), ...valueMetrics(groups), learningRate: settings.learningRate }), notes };
}

/** The critic's rate rises as the policy's does and then stays: the returns it follows never stop moving. */
function criticOptimizer({ learningRate, warmupSteps, steps, maxGradNorm, adam }: RlConfig, { critic }: GaeConfig): OptimizerConfig {
  return { learningRate: critic.learningRate ?? 10 * learningRate, warmupSteps, steps, decay: { kind: "constant" }, maxGradNorm, adam };
}

/** Batches of `minibatchTasks` groups whose weights average over all decisions, as the policy's do. */
function valueBatches(groups: ValuedGroups, minibatchTasks: number): TrainBatch[] {
  const starts = Array.from({ length: Math.ceil(groups.length / minibatchTasks) }, (_, i) => i * minibatchTasks);
  const minibatches = starts.map((from) => present(groups.slice(from, from + minibatchTasks)));
  return minibatches.filter((members) => members.length > 0).map(valueBatch);
}

function valueBatch(members: readonly ValuedRollout[]): TrainBatch {
  const numDecisions = members.reduce((sum, { values }) => sum + values.length, 0);
  return {
    samples: members.map(({ rollout, values, returns }) => ({
      ...forwardSample(rollout),
      columns: {
        return: Float32Array.from(returns),
        oldValue: values,
        weight: new Float32Array(values.length).fill(1 / numDecisions),
      },
    })),
  };
}

/** Absent where there is nothing to explain. */
function valueMetrics(groups: ValuedGroups): StepMetrics {
  const members = present(groups);
  const [values, returns] = [members.flatMap((member) => [...member.values]), members.flatMap((member) => [...member.returns])];
  const explained = explainedVariance(values, returns);
  return {
    ...(returns.length === 0 ? {} : { return: mean(returns) }),
    ...(explained === undefined ? {} : { explainedVariance: explained }),
  };
}

function present(groups: ValuedGroups): ValuedRollout[] {
  return groups.flat().filter((member) => member !== undefined);
}

function prefixed(metrics: StepMetrics): StepMetrics {
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`critic/${name}`, value]));
}
