// The checkpoints of a run: `checkpoints/rl-000050/` is the policy after 50 steps of the stage `rl`, with `trainer.json` beside the
// model. A folder under such a name is complete: it is written under another name and renamed, and renamed again before it is deleted.
// A run that is at work deletes and replaces its checkpoints while others look.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";

import { z } from "zod";

import { CheckpointError, StorageError, WhetstoneError } from "../base/errors.ts";
import { syncFolder, writeFileAtomic } from "../base/files.ts";
import type { Json } from "../base/json.ts";
import { parseJsonWith } from "../base/parse.ts";
import { checkFiles, digestFolder, trainerFile } from "./checkpointFiles.ts";
import { withRuns } from "./commandText.ts";

/** `rl-000050`. */
const complete = /^[a-z]+-\d{6,}$/;

/** What helps where a checkpoint is damaged. */
const earlier = "delete the folder to go on from the checkpoint before it";

/** What the trainer needs to go on, beside the policy and its optimizer. */
export const TrainerState = z.strictObject({
  version: z.literal(2),
  run: z.string(),
  stage: z.string(),
  /** Steps of the stage done; also the next one to take. */
  nextStep: z.int().nonnegative(),
  /** Of the last step before it: what the next link of the chain starts from. */
  hash: z.string(),
  guard: z.strictObject({
    gradNorms: z.array(z.number().nonnegative()),
    skippedInARow: z.int().nonnegative(),
    rollbacks: z.int().nonnegative(),
    learningRateScale: z.number().positive().max(1),
  }),
  /** Name of the checkpoint of the same run whose policy this one is held near: the first of its stage, maybe this one itself. */
  reference: z.string().regex(complete).exactOptional(),
  /** What else the stage wants to find again. */
  carried: (z.json() as z.ZodType<Json>).exactOptional(),
  /** Held-out accuracy, where it was measured at this point. */
  accuracy: z.number().min(0).max(1).exactOptional(),
  /** SHA-256 of every other file of the folder by its path in it: of the policy, the optimizer, the critic, the saved rollouts. */
  files: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)),
});
export type TrainerState = z.infer<typeof TrainerState>;
/** A state before its checkpoint is written. */
export type NewTrainerState = Omit<TrainerState, "version" | "files">;

/** A complete checkpoint on disk. */
export interface Checkpoint {
  readonly folder: string;
  readonly trainer: TrainerState;
}

/** Which checkpoints a recipe keeps. */
export interface KeepRules {
  readonly keepLast: number;
  readonly keepBest: boolean;
  readonly keepEverySteps?: number;
  /** Stages whose first checkpoint a later part of the run, or one that goes on with it, still reads. */
  readonly keepFirstOf?: readonly string[];
  /** With each that is kept, the newest up to it that a run may go back to is. Absent: it may go back to any. */
  readonly isGoneBackTo?: (checkpoint: Checkpoint) => boolean;
}

/** Complete checkpoints in the order of the run; `stages` is that order. A damaged one is an error that says what to do. */
export function listCheckpoints(runFolder: string, stages: readonly string[]): Checkpoint[] {
  const { checkpoints, damaged } = surveyCheckpoints(runFolder, stages);
  if (damaged.length > 0) throw damaged[0]!;
  return [...checkpoints];
}

/** What there is, for whoever only looks: the checkpoints that can be read, and what is wrong with each other. */
export function surveyCheckpoints(
  runFolder: string,
  stages: readonly string[],
): { readonly checkpoints: readonly Checkpoint[]; readonly damaged: readonly CheckpointError[] } {
  const folder = join(runFolder, "checkpoints");
  if (!existsSync(folder)) return { checkpoints: [], damaged: [] };
  const checkpoints: Checkpoint[] = [];
  const damaged: CheckpointError[] = [];
  for (const name of readdirSync(folder).filter((each) => complete.test(each))) {
    try {
      checkpoints.push({ folder: join(folder, name), trainer: readTrainer(join(folder, name)) });
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      if (existsSync(join(folder, name))) damaged.push(error); // else it was deleted meanwhile
    }
  }
  const inOrder = checkpoints.toSorted(
    (a, b) => stages.indexOf(a.trainer.stage) - stages.indexOf(b.trainer.stage) || a.trainer.nextStep - b.trainer.nextStep,
  );
  return { checkpoints: inOrder, damaged };
}

/** Writes a checkpoint: `save` makes a folder with what the stage keeps, this adds the trainer's state. Resolves to its folder. */
export function writeCheckpoint(runFolder: string, trainer: NewTrainerState, save: (folder: string) => Promise<void>): Promise<string> {
  return putCheckpoint(runFolder, trainer, async (folder) => {
    await save(folder);
    return { version: 2, ...trainer, files: digestFolder(folder) };
  });
}

/** Puts what `fill` makes in the place of the checkpoint, with the trainer's state that it gives. */
async function putCheckpoint(runFolder: string, point: NewTrainerState, fill: (folder: string) => Promise<TrainerState>): Promise<string> {
  const parent = join(runFolder, "checkpoints");
  const name = checkpointName(point);
  const writing = join(parent, `.writing-${name}`);
  const final = join(parent, name);
  try {
    // A step that is taken again saves what is there: the hash says so.
    if (existsSync(final) && readTrainer(final).hash === point.hash) return final;
    mkdirSync(parent, { recursive: true });
    rmSync(writing, { recursive: true, force: true });
    writeTrainer(writing, await fill(writing));
    const replaced = join(parent, `.replaced-${name}`);
    if (existsSync(final)) renameSync(final, replaced);
    renameSync(writing, final);
    syncFolder(parent);
    rmSync(replaced, { recursive: true, force: true });
    return final;
  } catch (cause) {
    rmSync(writing, { recursive: true, force: true });
    if (cause instanceof WhetstoneError) throw cause;
    throw new StorageError(
      `checkpoint ${name}: could not be written: ${(cause as Error).message}; earlier checkpoints are untouched. Free some space and go on`,
      cause,
    );
  }
}

/**
 * A checkpoint of one run as the first of another, under its own trainer's state; false where it is not there any more, since its run has
 * deleted or replaced it.
 */
export async function copyCheckpoint(
  { folder, trainer: { files } }: Checkpoint,
  { runFolder, trainer }: { runFolder: string; trainer: TrainerState },
): Promise<boolean> {
  try {
    await putCheckpoint(runFolder, trainer, async (copy) => {
      await cp(folder, copy, { recursive: true });
      checkFiles(copy, { files, place: folder, cure: "fork from another checkpoint with --from" });
      return trainer;
    });
    return true;
  } catch (error) {
    if (holdsFiles(folder, files)) throw error;
    return false;
  }
}

/** Whether the folder still states these files; what else its trainer says may have changed. */
function holdsFiles(folder: string, files: TrainerState["files"]): boolean {
  try {
    return isDeepStrictEqual(readTrainer(folder).files, files);
  } catch {
    return false; // it is being deleted
  }
}

/** Refuses a checkpoint, and the one that it is held near, unless their files are those that were saved. For whoever goes on from it. */
export function checkCheckpoint(checkpoint: Checkpoint): void {
  const { folder, trainer } = checkpoint;
  checkFiles(folder, { files: trainer.files, place: folder, cure: `delete the folder "${folder}" to go on from the checkpoint before it` });
  const reference = referenceOf(checkpoint);
  if (reference === undefined) return;
  checkFiles(reference.folder, { files: reference.trainer.files, place: reference.folder, cure: referenceCure(checkpoint) });
}

/** The checkpoint whose policy another one is held near; undefined where it is held near none. */
export function referenceOf(checkpoint: Checkpoint): Checkpoint | undefined {
  const { folder, trainer } = checkpoint;
  if (trainer.reference === undefined) return undefined;
  const held = join(dirname(folder), trainer.reference);
  if (existsSync(held)) return { folder: held, trainer: readTrainer(held) };
  throw new CheckpointError(
    `"${held}": must be there, since rl.kl holds the policy of ${checkpointName(trainer)} near it, got no such folder; ${referenceCure(checkpoint)}`,
  );
}

function referenceCure({ folder, trainer: { run } }: Checkpoint): string {
  const runs = dirname(dirname(dirname(folder)));
  return `put it back from a copy, or go on without it: ${withRuns(`whetstone runs fork ${run} --set 'rl.kl={"kind":"none"}'`, runs)}`;
}

/** Puts the trainer's state into a checkpoint folder, in place of the one that is there. */
export function writeTrainer(folder: string, trainer: TrainerState): void {
  writeFileAtomic(join(folder, trainerFile), [`${JSON.stringify(trainer, null, 2)}\n`]);
}

/** Removes what an interrupted process left: checkpoints half-written, half-replaced or half-deleted. Needs the run's lock. */
export function sweepCheckpoints(runFolder: string): void {
  const folder = join(runFolder, "checkpoints");
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const final = join(folder, name.replace(/^\.replaced-/, ""));
    if (name.startsWith(".replaced-") && !existsSync(final)) renameSync(join(folder, name), final);
    else if (name.startsWith(".")) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** Deletes the checkpoints that the rules let go. */
export function pruneCheckpoints(checkpoints: readonly Checkpoint[], rules: KeepRules): void {
  const kept = new Set(checkpointsToKeep(checkpoints, rules));
  for (const checkpoint of checkpoints) if (!kept.has(checkpoint)) deleteCheckpoint(checkpoint.folder);
}

/**
 * Which of a run's checkpoints, given in its order, are kept: the newest few, the most accurate (the newer of equals), every n-th, and the last
 * of every finished stage, since the next one started from it; of some stages the first; and with each of these the one that a run which
 * goes on from it may go back to.
 */
export function checkpointsToKeep(
  checkpoints: readonly Checkpoint[],
  { keepLast, keepBest, keepEverySteps, keepFirstOf = [], isGoneBackTo = () => true }: KeepRules,
): Checkpoint[] {
  const newest = new Set(checkpoints.slice(-keepLast));
  const lastOfStage = new Map(checkpoints.map((checkpoint) => [checkpoint.trainer.stage, checkpoint]));
  const firsts = keepFirstOf.map((stage) => checkpoints.find(({ trainer }) => trainer.stage === stage));
  const measured = checkpoints.filter(({ trainer }) => trainer.accuracy !== undefined);
  const best = keepBest ? measured.toSorted((a, b) => a.trainer.accuracy! - b.trainer.accuracy!).at(-1) : undefined;
  const kept = checkpoints.filter(
    (checkpoint) =>
      newest.has(checkpoint) ||
      checkpoint === best ||
      firsts.includes(checkpoint) ||
      checkpoint === lastOfStage.get(checkpoint.trainer.stage) ||
      (keepEverySteps !== undefined && checkpoint.trainer.nextStep % keepEverySteps === 0),
  );
  const targets = kept.map((checkpoint) => checkpoints.slice(0, checkpoints.indexOf(checkpoint) + 1).findLast(isGoneBackTo));
  return checkpoints.filter((checkpoint) => kept.includes(checkpoint) || targets.includes(checkpoint));
}

/** `rl-000050`. */
export function checkpointName({ stage, nextStep }: { readonly stage: string; readonly nextStep: number }): string {
  return `${stage}-${String(nextStep).padStart(6, "0")}`;
}

/** Deletes a checkpoint. Takes the complete name away first, so that a folder half-deleted is never taken for one. */
export function deleteCheckpoint(folder: string): void {
  const doomed = join(dirname(folder), `.deleting-${basename(folder)}`);
  rmSync(doomed, { recursive: true, force: true });
  renameSync(folder, doomed);
  rmSync(doomed, { recursive: true, force: true });
}

function readTrainer(folder: string): TrainerState {
  const path = join(folder, trainerFile);
  const text = readText(path);
  if (text === undefined) throw new CheckpointError(`${path}: must hold the trainer's state, got no such file; ${earlier}`);
  const parsed = parseJsonWith(TrainerState, text);
  if (parsed.success) return parsed.data;
  const rule = `${path}: ${parsed.path === "" ? "it" : parsed.path} ${parsed.rule}`;
  if (parsed.path !== "version") throw new CheckpointError(`${rule}; ${earlier}`, parsed.cause);
  throw new CheckpointError(
    `${rule}; use the version of whetstone that wrote it, or train another run from it with model: { kind: "checkpoint", path, optimizer: "checkpoint" }`,
    parsed.cause,
  );
}

/** Undefined where there is no such file, maybe since a moment ago. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cause;
  }
}
