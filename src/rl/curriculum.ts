// Which tasks of a finite pool are worth practising. A running pass rate is kept for each task; one that is nearly always solved is
// retired, and retired ones are looked at again in turn, so that a task which was forgotten comes back. Unsolved tasks stay. Pure:
// the state goes in and comes out, and a draw is a function of the state and a random stream.
//
// Retiring is No-Positive-Resampling of ScaleRL (arXiv:2510.13786), which drops tasks at a pass rate of 0.9 for good.

import type { Rng } from "../base/rng.ts";
import type { Task } from "../data/task.ts";
import { shareRight } from "./metrics.ts";
import type { RewardedRollout } from "./rollout.ts";
import type { PassRateConfig } from "./samplingConfig.ts";

/** What is known of one task that was drawn. */
interface Practice {
  /** Step that it was last drawn for. */
  readonly lastDrawn: number;
  /** Running share of rollouts that its own verifier called right. Absent: none could be scored yet. */
  readonly passRate?: number;
}

/** Of the tasks that were drawn, by id: never more than the pool holds. */
export type CurriculumState = ReadonlyMap<string, Practice>;

/** What a draw is made for. */
interface Draw {
  readonly state: CurriculumState;
  readonly settings: PassRateConfig;
  readonly step: number;
  /** 0: the step's first draw, the only one that looks at retired tasks again. */
  readonly round: number;
  readonly count: number;
  /** Ids that the step has already. */
  readonly taken: ReadonlySet<string>;
  readonly rng: Rng;
}

/**
 * Up to `count` distinct tasks in random order: those not drawn for longest come first, so that the active ones take turns. Where too few
 * are active, retired ones fill the batch.
 */
export function drawTasks(pool: readonly Task[], { state, settings, step, round, count, taken, rng }: Draw): Task[] {
  const lastDrawn = ({ id }: Task): number => state.get(id)?.lastDrawn ?? -1;
  const waiting = rng // ties are broken at random
    .shuffle(pool.filter(({ id }) => !taken.has(id)))
    .toSorted((a, b) => lastDrawn(a) - lastDrawn(b));
  const [retired, active] = parted(waiting, ({ id }) => isRetired(state.get(id), settings));
  const numRevisited = round === 0 ? Math.min(retired.length, revisitsIn(step, settings.revisitShare * count)) : 0;
  const chosen = [...retired.slice(0, numRevisited), ...active.slice(0, count - numRevisited)];
  return rng.shuffle([...chosen, ...retired.slice(numRevisited, numRevisited + count - chosen.length)]);
}

/** Whole tasks of `perStep` that fall to a step, so that their sum over many steps is right also where `perStep` is less than 1. */
function revisitsIn(step: number, perStep: number): number {
  return Math.floor((step + 1) * perStep) - Math.floor(step * perStep);
}

/** The state once `tasks` were drawn for `step`. */
export function afterDraw(
  state: CurriculumState,
  { tasks, step }: { readonly tasks: readonly Task[]; readonly step: number },
): CurriculumState {
  const drawn = tasks.map(({ id }) => [id, { ...state.get(id), lastDrawn: step }] as const);
  return new Map([...state, ...drawn]);
}

/**
 * The state once groups were scored, and how many tasks came back by it. With x the share of a group that passed:
 *
 *     p' = p + newestWeight (x - p),  p' = x for the first group
 *
 * A rollout passes when its task's own verifier gives it a score of 1; what that could not score is no part of x.
 */
export function afterGroups(
  state: CurriculumState,
  { groups, settings }: { readonly groups: readonly (readonly RewardedRollout[])[]; readonly settings: PassRateConfig },
): { readonly state: CurriculumState; readonly returned: number } {
  const after = new Map(state);
  let returned = 0;
  for (const members of groups) {
    const { id } = members[0]!.task;
    const newest = shareRight(members);
    const known = after.get(id);
    if (newest === undefined || known === undefined) continue;
    const { passRate = newest } = known;
    const practice = { ...known, passRate: passRate + settings.newestWeight * (newest - passRate) };
    after.set(id, practice);
    if (isRetired(known, settings) && !isRetired(practice, settings)) returned++;
  }
  return { state: after, returned };
}

/** Tasks of the pool that are drawn as a rule, and those that are only looked at again. */
export function countTasks(
  pool: readonly Task[],
  { state, settings }: { readonly state: CurriculumState; readonly settings: PassRateConfig },
): { readonly active: number; readonly retired: number } {
  const retired = pool.filter(({ id }) => isRetired(state.get(id), settings)).length;
  return { active: pool.length - retired, retired };
}

function isRetired(practice: Practice | undefined, { retireAt }: PassRateConfig): boolean {
  return practice?.passRate !== undefined && practice.passRate >= retireAt;
}

function parted<Item>(items: readonly Item[], holds: (item: Item) => boolean): [yes: Item[], no: Item[]] {
  return [items.filter(holds), items.filter((item) => !holds(item))];
}
