// What thinking is worth to a policy, and whether it keeps to a budget: the same held-out tasks answered under each of several budgets.
// A task's random stream is the same under all of them.

import { type Rng, rngFor } from "../base/rng.ts";
import { closedInTime, type Rollout } from "../data/rollout.ts";
import type { Task } from "../data/task.ts";
import { controlTokens } from "../policy/tokenizer.ts";
import { isRight } from "../rewards/compose.ts";
import { type Measuring, measureAccuracy, type ScoredAnswer } from "./accuracy.ts";
import { bootstrapInterval, type Estimate, meanOf, shareInterval, spreadOf } from "./intervals.ts";
import { rankCorrelation } from "./rankCorrelation.ts";

/** Tokens, or "auto": the policy decides by itself how long to think. */
export type Budget = number | "auto";

/** What was measured under one budget. Shares and means carry 95 % confidence intervals. */
export interface BudgetPoint {
  readonly budget: Budget;
  readonly tasks: number;
  /** Left out of accuracy and of tokens per correct answer. */
  readonly unscorable: number;
  readonly accuracy?: Estimate;
  /** Share of answers before which the policy itself ended its thinking, or did not think. Absent for a budget of 0: there is none to end. */
  readonly closedInTime?: Estimate;
  readonly thinkingTokens: { readonly mean: Estimate; readonly spread?: Estimate };
  /** Answers that follow a close which the policy did not choose: at the budget, or in the prompt of a budget of 0. */
  readonly forcedCloses: number;
  /** Of these the share that went on thinking in the answer, or gave none. Absent where no close was forced. */
  readonly escapes?: Estimate;
  /** All tokens of all responses over the number of right ones. Absent where none is right. */
  readonly tokensPerCorrect?: Estimate;
  /** Absent where "auto" was not measured beside it, and where no task has room enough. */
  readonly withRoom?: WithRoom;
}

/** The tasks to which the budget gives at least half of what the policy thinks on them when it decides by itself. */
export interface WithRoom {
  readonly tasks: number;
  readonly closedInTime: Estimate;
  readonly accuracy?: Estimate;
  /** On the same tasks without a budget. */
  readonly accuracyUnforced?: Estimate;
}

/** One set of tasks under all budgets. */
export interface BudgetReport {
  readonly points: readonly BudgetPoint[];
  /** Spearman's, of thinking tokens under "auto" with the tasks' difficulty. Absent where "auto" was not measured, or no difficulty is known. */
  readonly rankCorrelation?: Estimate;
}

/** Every task once under each budget. */
export async function measureBudgets(
  tasks: readonly Task[],
  { budgets, ...measuring }: Measuring & { readonly budgets: readonly Budget[] },
  signal: AbortSignal,
): Promise<BudgetReport> {
  const answers = new Map<Budget, readonly ScoredAnswer[]>();
  for (const budget of budgets) answers.set(budget, await answersUnder(budget, { tasks, measuring }, signal));
  return budgetReport(answers, { seed: measuring.seed });
}

async function answersUnder(
  budget: Budget,
  { tasks, measuring }: { tasks: readonly Task[]; measuring: Measuring },
  signal: AbortSignal,
): Promise<readonly ScoredAnswer[]> {
  const answers: ScoredAnswer[] = [];
  const onAnswer = (answer: ScoredAnswer): void => {
    answers[answer.rollout.group] = answer;
    measuring.onAnswer?.(answer);
  };
  const asked = tasks.map(({ thinkingBudget: _, ...task }) => (budget === "auto" ? task : { ...task, thinkingBudget: budget }));
  await measureAccuracy(asked, { ...measuring, onAnswer }, signal);
  return answers;
}

/** The report on answers by budget, each list in the order of the tasks. `seed` names the streams of the bootstrap. */
export function budgetReport(answers: ReadonlyMap<Budget, readonly ScoredAnswer[]>, { seed }: { readonly seed: number }): BudgetReport {
  const unforced = answers.get("auto");
  const longest = longestHonestAnswer([...answers.values()].flat());
  const points = [...answers].map(([budget, list]) =>
    budgetPoint({ budget, answers: list, unforced, longest, rng: rngFor(seed, "budget-bootstrap", budget) }),
  );
  const rank = unforced === undefined ? undefined : difficultyCorrelation(unforced, rngFor(seed, "budget-bootstrap", "difficulty"));
  return { points, ...(rank === undefined ? {} : { rankCorrelation: rank }) };
}

interface PointInputs {
  readonly budget: Budget;
  readonly answers: readonly ScoredAnswer[];
  readonly unforced: readonly ScoredAnswer[] | undefined;
  readonly longest: number;
  readonly rng: Rng;
}

function budgetPoint({ budget, answers, unforced, longest, rng }: PointInputs): BudgetPoint {
  const scored = answers.filter((answer) => isRight(answer) !== undefined);
  const forced = answers.filter(({ rollout }) => wasForced(rollout, budget));
  const thinking = answers.map(({ rollout }) => rollout.thinking.tokens);
  const withRoom = unforced === undefined || budget === 0 ? undefined : measureWithRoom({ budget, answers, unforced });
  return {
    budget,
    tasks: answers.length,
    unscorable: answers.length - scored.length,
    ...optional("accuracy", accuracyOf(answers)),
    ...optional("closedInTime", budget === 0 ? undefined : inTimeShare(answers)),
    thinkingTokens: { mean: bootstrapInterval(thinking, meanOf, rng)!, ...optional("spread", bootstrapInterval(thinking, spreadOf, rng)) },
    forcedCloses: forced.length,
    ...optional("escapes", shareInterval(forced.filter((answer) => hasEscaped(answer, { budget, longest })).length, forced.length)),
    ...optional("tokensPerCorrect", bootstrapInterval(scored, tokensPerCorrect, rng)),
    ...optional("withRoom", withRoom),
  };
}

function measureWithRoom({ budget, answers, unforced }: Pick<PointInputs, "budget" | "answers"> & { unforced: readonly ScoredAnswer[] }) {
  const has = (_: ScoredAnswer, i: number): boolean => budget === "auto" || unforced[i]!.rollout.thinking.tokens <= 2 * budget;
  const roomy = answers.filter(has);
  if (roomy.length === 0) return undefined;
  return {
    tasks: roomy.length,
    closedInTime: inTimeShare(roomy)!,
    ...optional("accuracy", accuracyOf(roomy)),
    ...optional("accuracyUnforced", accuracyOf(unforced.filter(has))),
  };
}

function accuracyOf(answers: readonly ScoredAnswer[]): Estimate | undefined {
  const right = answers.map(isRight).filter((each) => each !== undefined);
  return shareInterval(right.filter((each) => each).length, right.length);
}

function inTimeShare(answers: readonly ScoredAnswer[]): Estimate | undefined {
  return shareInterval(answers.filter(({ rollout }) => closedInTime(rollout)).length, answers.length);
}

function wasForced({ thinking }: Rollout, budget: Budget): boolean {
  return budget === 0 || thinking.closedBy === "budget";
}

/**
 * After a forced close, thinking that goes on: a second block, no answer, an answer without an end, or one that is longer than answers
 * are. With a budget of 0 the prompt has closed the block already, and whoever opens another has escaped too.
 */
function hasEscaped({ rollout }: ScoredAnswer, { budget, longest }: { budget: Budget; longest: number }): boolean {
  const { answerText, finish, thinking } = rollout;
  if (budget === 0 && thinking.closedBy !== "none") return true;
  const resumes = answerText.includes(controlTokens.thinkOpen) || answerText.includes(controlTokens.thinkClose);
  return resumes || answerText.trim() === "" || finish !== "stop" || answerTokens(rollout) > longest;
}

/** How much longer than usual an answer must be to count as thinking that goes on. */
const longFactor = 4;

/** In tokens, from the answers that follow a close of the policy's own; without any of them no answer counts as too long. */
function longestHonestAnswer(answers: readonly ScoredAnswer[]): number {
  const lengths = answers.flatMap(({ rollout }) => (rollout.thinking.closedBy === "policy" ? [answerTokens(rollout)] : []));
  const median = lengths.toSorted((a, b) => a - b)[Math.floor(lengths.length / 2)];
  return median === undefined ? Number.POSITIVE_INFINITY : longFactor * Math.max(1, median);
}

/** Without the block of thinking, its control tokens and the end of the turn. */
function answerTokens({ tokens, thinking, finish }: Rollout): number {
  const block = thinking.closedBy === "none" ? 0 : thinking.tokens + 2;
  return tokens.length - block - (finish === "stop" ? 1 : 0);
}

function tokensPerCorrect(answers: readonly ScoredAnswer[]): number | undefined {
  const right = answers.filter((answer) => isRight(answer)).length;
  return right === 0 ? undefined : answers.reduce((sum, { rollout }) => sum + rollout.tokens.length, 0) / right;
}

function difficultyCorrelation(answers: readonly ScoredAnswer[], rng: Rng): Estimate | undefined {
  const pairs = answers.flatMap(({ task, rollout }) =>
    task.difficulty === undefined ? [] : [[task.difficulty, rollout.thinking.tokens] as const],
  );
  return bootstrapInterval(pairs, rankCorrelation, rng);
}

/** Absent instead of undefined. */
function optional<Name extends string, Value>(name: Name, value: Value | undefined): { readonly [key in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { [key in Name]: Value }); // computed names lose their type
}
