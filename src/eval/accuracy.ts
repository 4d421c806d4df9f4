// How many held-out tasks a policy answers right. Each task has a random stream of its own, whatever the step: two measurements on
// the same tasks differ by the policy alone, not by luck of the draw.

import { rngFor } from "../base/rng.ts";
import type { Rollout } from "../data/rollout.ts";
import type { Task } from "../data/task.ts";
import type { FailureKind, Verdict } from "../data/verdict.ts";
import type { PolicyBackend, SampleRequest } from "../policy/backend.ts";
import { isRight } from "../rewards/compose.ts";
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
  /** Families without a scored answer are left out. */
  readonly byFamily: Readonly<Record<string, number>>;
  readonly tasks: number;
  /** Left out of every share. */
  readonly unscorable: number;
  /** Why most of these could not be scored; absent where all could. */
  readonly mostFailed?: MostFailed;
  readonly meanResponseTokens: number;
}

/** The most frequent failure among the answers that could not be scored. */
export interface MostFailed {
  readonly failure: FailureKind;
  readonly count: number;
  /** What the verifier said of the first of them. */
  readonly example: string;
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
  const families = Map.groupBy(outcomes, ({ family }) => family);
  const shares = [...families].toSorted().map(([family, members]) => [family, shareRight(members)] as const);
  const failures = outcomes.flatMap(({ verdict }) => (verdict.kind === "unscorable" ? [verdict] : []));
  const [accuracy, mostFailed] = [shareRight(outcomes), mostFrequent(failures)];
  return {
    ...(accuracy === undefined ? {} : { accuracy }),
    byFamily: Object.fromEntries(shares.flatMap(([family, share]) => (share === undefined ? [] : [[family, share]]))),
    tasks: tasks.length,
    unscorable: failures.length,
    ...(mostFailed === undefined ? {} : { mostFailed }),
    meanResponseTokens: outcomes.reduce((sum, { numTokens }) => sum + numTokens, 0) / outcomes.length,
  };
}

type Failure = Extract<Verdict, { kind: "unscorable" }>;

interface Outcome {
  readonly family: string;
  /** Undefined: it could not be told; `verdict` says why. */
  readonly right: boolean | undefined;
  /** Of the task's own verifier. */
  readonly verdict: Verdict;
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
  const { task, rollout } = asked;
  const right = isRight({ task, verdicts: score.verdicts });
  return { family: task.family, right, verdict: score.verdicts[task.verifier]!, numTokens: rollout.tokens.length };
}

function shareRight(outcomes: readonly Outcome[]): number | undefined {
  const told = outcomes.filter(({ right }) => right !== undefined);
  return told.length === 0 ? undefined : told.filter(({ right }) => right === true).length / told.length;
}

/** Of equals, the one that was met first. */
function mostFrequent(failures: readonly Failure[]): MostFailed | undefined {
  const [most] = [...Map.groupBy(failures, ({ failure }) => failure).values()].toSorted((a, b) => b.length - a.length);
  if (most === undefined) return undefined;
  const { failure, reason } = most[0]!;
  return { failure, count: most.length, example: reason };
}
