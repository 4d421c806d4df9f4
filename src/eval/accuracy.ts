// How many held-out tasks a policy answers right. Each task has a random stream of its own, whatever the step: two measurements on
// the same tasks differ by the policy alone, not by luck of the draw.

import { rngFor } from "../base/rng.ts";
import type { Rollout } from "../data/rollout.ts";
import type { Task } from "../data/task.ts";
import type { PolicyBackend, SampleRequest } from "../policy/backend.ts";
import type { RolloutScore } from "../rewards/score.ts";

/** What a measurement works with. `seed` names its random streams, `score` gives the verdicts. */
export interface Measuring {
  readonly policy: PolicyBackend;
  readonly promptTokens: (task: Task) => Int32Array;
  /** The task's own verifier must be among those that it asks. */
  readonly score: (asked: { readonly task: Task; readonly rollout: Rollout }, signal: AbortSignal) => Promise<RolloutScore>;
  readonly seed: number;
  readonly temperature: number;
  readonly maxNewTokens: number;
  /** Told of each answer when it has its verdicts, in the order of completion. */
  readonly onAnswer?: (answer: ScoredAnswer) => void;
}

/** One answer to one held-out task. */
export interface ScoredAnswer extends RolloutScore {
  readonly task: Task;
  readonly rollout: Rollout;
}

/** What was measured on one set of tasks. */
export interface Accuracy {
  /** Share of the scored answers that their task's own verifier gave the full score; absent where none could be scored. */
  readonly accuracy?: number;
  /** Families of which none could be scored are left out. */
  readonly byFamily: Readonly<Record<string, number>>;
  readonly tasks: number;
  /** Left out of every share. */
  readonly unscorable: number;
  readonly meanResponseTokens: number;
}

/** One answer for each task, scored as it arrives. */
export async function measureAccuracy(tasks: readonly Task[], measuring: Measuring, signal: AbortSignal): Promise<Accuracy> {
  const pending: Promise<Outcome>[] = [];
  for await (const rollout of measuring.policy.sample(evaluationRequests(tasks, measuring), signal)) {
    const outcome = judge({ task: tasks[rollout.group]!, rollout }, { measuring, signal });
    outcome.catch(() => {}); // awaited below; until then a failure must not count as unhandled
    pending.push(outcome);
  }
  signal.throwIfAborted(); // cancelled answers are no measurement
  const outcomes = await Promise.all(pending);
  const families = [...Map.groupBy(outcomes, ({ family }) => family)].toSorted();
  const accuracy = shareRight(outcomes);
  return {
    ...(accuracy === undefined ? {} : { accuracy }),
    byFamily: Object.fromEntries(families.flatMap(([family, members]) => named(family, shareRight(members)))),
    tasks: tasks.length,
    unscorable: outcomes.filter(({ right }) => right === undefined).length,
    meanResponseTokens: outcomes.reduce((sum, { numTokens }) => sum + numTokens, 0) / outcomes.length,
  };
}

interface Outcome {
  readonly family: string;
  /** Undefined: could not be scored. */
  readonly right: boolean | undefined;
  readonly numTokens: number;
}

function evaluationRequests(tasks: readonly Task[], { promptTokens, seed, temperature, maxNewTokens }: Measuring): SampleRequest[] {
  return tasks.map((task, group) => ({
    id: `evaluation.${group}`,
    taskId: task.id,
    group,
    index: 0,
    seed: rngFor(seed, "evaluation", task.id).seed,
    promptTokens: promptTokens(task),
    temperature,
    maxNewTokens,
    ...(task.thinkingBudget === undefined ? {} : { thinkingBudget: task.thinkingBudget }),
  }));
}

async function judge(
  asked: { readonly task: Task; readonly rollout: Rollout },
  { measuring, signal }: { measuring: Measuring; signal: AbortSignal },
): Promise<Outcome> {
  const score = await measuring.score(asked, signal);
  measuring.onAnswer?.({ ...asked, ...score });
  const verdict = score.verdicts[asked.task.verifier]!;
  const right = verdict.kind === "scored" ? verdict.score === 1 : undefined;
  return { family: asked.task.family, right, numTokens: asked.rollout.tokens.length };
}

/** Undefined where nothing was scored: there is no share of nothing. */
function shareRight(outcomes: readonly Outcome[]): number | undefined {
  const scored = outcomes.filter(({ right }) => right !== undefined);
  return scored.length === 0 ? undefined : scored.filter(({ right }) => right).length / scored.length;
}

function named(family: string, share: number | undefined): [string, number][] {
  return share === undefined ? [] : [[family, share]];
}
