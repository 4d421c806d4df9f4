// One run while a process works on it: its lock, its place in the hash chain, its checkpoints. It is opened by creating, resuming or
// forking, and hands each training stage the record that the stage keeps (`StageRecord`, `RlRecord`).

import { join } from "node:path";

import { RepeatError } from "../base/errors.ts";
import type { Rollout } from "../data/rollout.ts";
import { initialGuard } from "../optim/guard.ts";
import type { RecordedRollout, RlRecord, RlStepRecord } from "../rl/record.ts";
import type { RolloutReward } from "../rl/rollout.ts";
import type { SavedPoint, StagePoint, StageStart, StepRecord } from "../train/stage.ts";
import { digestDifferences, type Fingerprint, nextHash } from "./chain.ts";
import {
  type Checkpoint,
  checkCheckpoint,
  checkpointName,
  deleteCheckpoint,
  listCheckpoints,
  type NewTrainerState,
  pruneCheckpoints,
  writeCheckpoint,
  writeTrainer,
} from "./checkpoints.ts";
import { withRuns } from "./commandText.ts";
import type { RunLock } from "./lock.ts";
import type { Recipe } from "./recipe.ts";
import type { RunState, StoredRollout } from "./rows.ts";
import type { RunStore } from "./store.ts";

/** The stages of a run, in order. A recipe may leave either out. */
export const stages = ["sft", "rl"] as const;
export type Stage = (typeof stages)[number];

/** Name of the step metric that checkpoints are compared by. */
export const heldOutAccuracy = "heldOut/accuracy";

interface RunParts {
  readonly id: string;
  readonly recipe: Recipe;
  readonly recipeFile: string;
  readonly fingerprint: Fingerprint;
  readonly store: RunStore;
  readonly lock: RunLock;
  /** Head of the hash chain. */
  readonly hash: string;
}

/** An open run; disposing of it gives its lock back. */
export class Run implements Disposable {
  readonly id: string;
  readonly recipe: Recipe;
  /** Absolute; paths in the recipe are relative to its folder. */
  readonly recipeFile: string;
  readonly store: RunStore;
  readonly #fingerprint: Fingerprint;
  readonly #lock: RunLock;
  #hash: string;

  constructor({ id, recipe, recipeFile, fingerprint, store, lock, hash }: RunParts) {
    this.id = id;
    this.recipe = recipe;
    this.recipeFile = recipeFile;
    this.store = store;
    this.#fingerprint = fingerprint;
    this.#lock = lock;
    this.#hash = hash;
  }

  get folder(): string {
    return join(this.store.folder, this.id);
  }

  /** The head of the hash chain: of the last step recorded, or where the run starts. */
  get hash(): string {
    return this.#hash;
  }

  /** The newest complete checkpoint, which a resumed run starts from. */
  get latest(): Checkpoint | undefined {
    return this.checkpoints().at(-1);
  }

  checkpoints(): Checkpoint[] {
    return listCheckpoints(this.folder, stages);
  }

  setState(state: RunState): void {
    this.store.setState(this.id, state);
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }

  /** What the stage's loop keeps. `verifierVersions` are stored with each verdict. */
  stageRecord(
    stage: Stage,
    verifierVersions: Readonly<Record<string, number>> = {},
  ): RlRecord & { recordStep(step: StepRecord): Promise<void> } {
    return {
      start: this.#startOf(stage),
      recordStep: async (step) => this.#recordStep(stage, { step, verifierVersions }),
      checkpointDue: (nextStep) => nextStep % this.recipe.checkpoints.everySteps === 0,
      checkpoint: (point, save) => this.#checkpoint({ stage, ...point }, save),
      goBack: async (cause) => this.#goBack(stage, cause),
      recordAttempt: async ({ step, rollouts }) =>
        this.store.recordAttempt(this.id, {
          stage,
          step,
          previousHash: this.#hash,
          rollouts: rollouts.map(storedRollout),
          verifierVersions,
        }),
      recordedReward: this.#recordedRewards(stage),
      hasLearned: (step) => this.#hasLearned(stage, step),
      command: (verb, options) => withRuns(`whetstone runs ${verb} ${this.id} ${options}`, this.store.folder),
    };
  }

  #startOf(stage: Stage): StageStart {
    const own = this.checkpoints().findLast(({ trainer }) => trainer.stage === stage);
    return own === undefined ? { nextStep: 0, guard: initialGuard } : { ...pointOf(own), guard: own.trainer.guard };
  }

  #recordStep(
    stage: Stage,
    { step: record, verifierVersions }: { step: StepRecord | RlStepRecord; verifierVersions: Readonly<Record<string, number>> },
  ): void {
    const { step, digests, metrics } = record;
    const previousHash = this.#hash;
    const hash = nextHash(previousHash, { config: this.#fingerprint.recipe, stage, step, digests });
    const recorded = this.store.step(this.id, { stage, step });
    if (recorded === undefined) {
      const rollouts = "rollouts" in record ? record.rollouts.map(storedRollout) : [];
      this.store.recordStep(this.id, {
        stage,
        step,
        previousHash,
        hash,
        digests,
        metrics,
        rollouts,
        verifierVersions,
        notes: record.notes,
      });
    } else if (recorded.hash !== hash) {
      const differing = digestDifferences(recorded.digests, digests).join(", ") || "hash of the step before";
      throw new RepeatError(
        `run ${this.id}: the step after ${step} steps of ${stage}, taken again, must give what was recorded, got another ${differing}; the machine or the recorded run has changed. To start a new chain from the last checkpoint: ${withRuns(`whetstone runs resume ${this.id} --new-chain`, this.store.folder)}`,
      );
    }
    this.#hash = hash;
  }

  async #checkpoint(
    { stage, nextStep, guard, carried }: StagePoint & { stage: Stage },
    save: (folder: string) => Promise<void>,
  ): Promise<void> {
    const accuracy = nextStep === 0 ? undefined : this.store.step(this.id, { stage, step: nextStep - 1 })?.metrics[heldOutAccuracy];
    const measured = Number.isFinite(accuracy) ? { accuracy: accuracy! } : {}; // JSON has no NaN
    const reference = this.latest?.trainer.reference ?? checkpointName({ stage, nextStep }); // the first of its stage is its own
    const state: NewTrainerState = {
      run: this.id,
      stage,
      nextStep,
      hash: this.#hash,
      guard: { ...guard, gradNorms: [...guard.gradNorms] },
      ...(stage === "rl" && hasReference(this.recipe) ? { reference } : {}),
      ...(carried === undefined ? {} : { carried }),
      ...measured,
    };
    await writeCheckpoint(this.folder, state, save);
    pruneCheckpoints(this.checkpoints(), {
      ...this.recipe.checkpoints,
      keepFirstOf: hasReference(this.recipe) ? ["rl"] : [],
      isGoneBackTo: (checkpoint) => this.#isGoneBackTo(checkpoint),
    });
  }

  #goBack(stage: Stage, { step, reason, guard }: { step: number; reason: string; guard: StagePoint["guard"] }): SavedPoint {
    const ofStage = this.checkpoints().filter(({ trainer }) => trainer.stage === stage);
    const last = this.#lastGood(ofStage);
    checkCheckpoint(last);
    for (const { folder } of ofStage.slice(ofStage.indexOf(last) + 1)) deleteCheckpoint(folder);
    const { nextStep, hash } = last.trainer;
    this.store.goBack(this.id, {
      stage,
      step,
      nextStep,
      reason: `${reason}; back to ${nextStep} steps with ${guard.learningRateScale} times the learning rate`,
    });
    writeTrainer(last.folder, { ...last.trainer, guard: { ...guard, gradNorms: [...guard.gradNorms] } });
    this.#hash = hash;
    return pointOf(last);
  }

  /** The one of a stage's checkpoints that is gone back to; the stage saves its first step. */
  #lastGood(ofStage: readonly Checkpoint[]): Checkpoint {
    return ofStage.findLast((checkpoint) => this.#isGoneBackTo(checkpoint))!;
  }

  #hasLearned(stage: Stage, until: number): boolean {
    const from = this.#lastGood(this.checkpoints().filter(({ trainer }) => trainer.stage === stage)).trainer.nextStep;
    const steps = Array.from({ length: until - from }, (_, i) => from + i);
    return steps.some((step) => this.store.step(this.id, { stage, step })!.metrics["updates"]! > 0);
  }

  /** Whether a run that nobody stopped has it too: where another one was gone back to, a run that was stopped and resumed would not repeat. */
  #isGoneBackTo({ trainer: { stage, nextStep, guard } }: Checkpoint): boolean {
    const { parent } = this.store.run(this.id);
    if (nextStep === 0 || (stage === parent?.stage && nextStep === parent.step)) return true;
    return nextStep % this.recipe.checkpoints.everySteps === 0 && guard.skippedInARow === 0;
  }

  /**
   * Rewards of a step's earlier attempts, read when its first rollout asks. A verdict that was not given in a step of the run stays so, or
   * the step would not repeat; in an attempt that is no part of it, the rollout is scored again, also where the reward did not need it.
   */
  #recordedRewards(stage: Stage): (step: number, rollout: Rollout) => RolloutReward | undefined {
    let loaded: { step: number; byId: ReadonlyMap<string, StoredRollout> } | undefined;
    return (step, rollout) => {
      if (loaded?.step !== step) {
        const found = this.store
          .attempts(this.id, { stage, step })
          .filter(({ isPartOfRun, verdicts }) => isPartOfRun || Object.values(verdicts).every(({ kind }) => kind === "scored"));
        loaded = { step, byId: new Map(found.map((stored) => [stored.rollout.id, stored])) };
      }
      const recorded = loaded.byId.get(rollout.id);
      if (recorded === undefined || !sameTokens(recorded.rollout.tokens, rollout.tokens)) return undefined;
      const { verdicts, reward, verifierVersions } = recorded;
      return { verdicts, reward, ...(verifierVersions === undefined ? {} : { verifierVersions }) };
    };
  }
}

/** Whether the policy is held near the one that its stage started from, which is the stage's first checkpoint. */
export function hasReference({ rl }: Recipe): boolean {
  return rl !== undefined && rl.kl.kind !== "none";
}

function pointOf({ folder, trainer: { nextStep, carried } }: Checkpoint): SavedPoint {
  return { nextStep, folder, ...(carried === undefined ? {} : { carried }) };
}

function storedRollout({ task, rollout, verdicts, reward, advantage, verifierVersions }: RecordedRollout): StoredRollout {
  return { task, rollout, verdicts, reward, advantage, ...(verifierVersions === undefined ? {} : { verifierVersions }) };
}

function sameTokens(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((token, i) => token === b[i]);
}
