// A run's record kept in memory, with checkpoints in a folder: what a loop test looks at afterwards. With `earlier` it is the
// record of a process that was killed and started again, from a checkpoint of step `until` at most.

import { join } from "node:path";

import { digestJson } from "../../src/base/digest.ts";
import type { Rollout } from "../../src/data/rollout.ts";
import { initialGuard } from "../../src/optim/guard.ts";
import type { RlRecord, RlStepRecord } from "../../src/rl/record.ts";
import type { RolloutReward } from "../../src/rl/rollout.ts";
import type { SavedPoint, StagePoint, StageRecord, StageStart, StepRecord } from "../../src/train/stage.ts";

type MemoryPoint = StagePoint & SavedPoint;

export class MemoryRecord<Step extends StepRecord = StepRecord> implements StageRecord<Step> {
  readonly folder: string;
  readonly everySteps: number;
  readonly start: StageStart;
  readonly steps: Step[];
  readonly points: MemoryPoint[];
  readonly wentBack: { readonly step: number; readonly reason: string }[] = [];

  constructor(folder: string, { everySteps, earlier, until = 0 }: { everySteps: number; earlier?: MemoryRecord<Step>; until?: number }) {
    this.folder = folder;
    this.everySteps = everySteps;
    this.steps = [...(earlier?.steps ?? [])];
    this.points = (earlier?.points ?? []).filter(({ nextStep }) => nextStep <= until);
    this.start = this.points.at(-1) ?? { nextStep: 0, guard: initialGuard };
  }

  async recordStep(step: Step): Promise<void> {
    this.steps[step.step] = step;
  }

  checkpointDue(nextStep: number): boolean {
    return nextStep % this.everySteps === 0;
  }

  async checkpoint(point: StagePoint, save: (folder: string) => Promise<void>): Promise<void> {
    const folder = join(this.folder, `step-${point.nextStep}`);
    await save(folder);
    this.points.push({ ...structuredClone(point), folder });
  }

  async goBack({ step, reason, guard }: { step: number; reason: string; guard: StagePoint["guard"] }): Promise<SavedPoint> {
    const last = this.points.at(-1)!;
    const { nextStep } = last;
    this.points[this.points.length - 1] = { ...last, guard };
    this.wentBack.push({ step, reason });
    this.steps.length = nextStep;
    return last;
  }

  /** One digest of everything that was learned from and left behind. */
  get chain(): string {
    return digestJson(this.steps.map(({ digests }) => digests));
  }
}

export class MemoryRlRecord extends MemoryRecord<RlStepRecord> implements RlRecord {
  readonly attempts: Parameters<RlRecord["recordAttempt"]>[0][] = [];

  async recordAttempt(attempt: Parameters<RlRecord["recordAttempt"]>[0]): Promise<void> {
    this.attempts.push(attempt);
  }

  recordedReward(step: number, rollout: Rollout): RolloutReward | undefined {
    const found = this.steps[step]?.rollouts.find(({ rollout: { id } }) => id === rollout.id);
    if (found === undefined || found.rollout.tokens.join() !== rollout.tokens.join()) return undefined;
    return { verdicts: found.verdicts, reward: found.reward };
  }

  hasLearned(step: number): boolean {
    return this.steps.slice(this.points.at(-1)!.nextStep, step).some(({ metrics }) => metrics["updates"]! > 0);
  }

  command(verb: string, options: string): string {
    return `whetstone runs ${verb} memory-1 ${options}`;
  }
}
