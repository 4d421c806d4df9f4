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
  const names = readdirSync(folder).filter((each) => complete.test(each));
  const found = names.toSorted(inOrder(stages)).map((name) => ({ folder: join(folder, name), read: readTrainer(join(folder, name)) }));
  const checkpoints = found.flatMap(({ folder, read }) => (read.kind === "read" ? [{ folder, trainer: read.trainer }] : []));
  const damaged = found.flatMap(({ folder, read }, at) => {
    if (read.kind === "read" || !existsSync(folder)) return []; // deleted meanwhile
    const isRead = (each: (typeof found)[number]): boolean => each.read.kind === "read";
    const [hasBefore, hasAfter] = [found.slice(0, at).some(isRead), found.slice(at + 1).some(isRead)];
    return [read.refused(cureOf(folder, { hasBefore, hasAfter, latest: checkpoints.at(-1) }))];
  });
  return { checkpoints, damaged };
}

/** By the names of checkpoints, in the order of the run. */
function inOrder(stages: readonly string[]): (a: string, b: string) => number {
  const place = (name: string): readonly [number, number] => {
    const [stage, step] = name.split("-");
    return [stages.indexOf(stage!), Number(step)];
  };
  return (a, b) => place(a)[0] - place(b)[0] || place(a)[1] - place(b)[1];
}

interface Beside {
  readonly hasBefore: boolean;
  readonly hasAfter: boolean;
  readonly latest: Checkpoint | undefined;
}

/** What helps where the trainer's state in `folder` is damaged, by the checkpoints beside it that can be read. */
function cureOf(folder: string, { hasBefore, hasAfter, latest }: Beside): string {
  if (latest?.trainer.reference === basename(folder)) return referenceCure(latest, "delete the folder and go on");
  if (hasAfter) return "delete the folder to go on from a later checkpoint";
  if (hasBefore) return "delete the folder to go on from the checkpoint before it";
  return "put it back from a copy; there is no checkpoint before it: without the folder the run begins anew, and a fork has to be made again";
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
    const there = readTrainer(final);
    if (there.kind === "read" && there.trainer.hash === point.hash) return final;
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
  const read = readTrainer(folder);
  return read.kind === "read" && isDeepStrictEqual(read.trainer.files, files);
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
  if (existsSync(held)) {
    const read = readTrainer(held);
    if (read.kind === "read") return { folder: held, trainer: read.trainer };
    throw read.refused(referenceCure(checkpoint, "delete the folder and go on"));
  }
  throw new CheckpointError(
    `"${held}": must be there, since rl.kl holds the policy of ${checkpointName(trainer)} near it, got no such folder; ${referenceCure(checkpoint)}`,
  );
}

function referenceCure({ folder, trainer: { run } }: Checkpoint, orElse = "go on"): string {
  const runs = dirname(dirname(dirname(folder)));
  return `put it back from a copy, or ${orElse} without it: ${withRuns(`whetstone runs fork ${run} --set 'rl.kl={"kind":"none"}'`, runs)}`;
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

type TrainerRead =
  | { readonly kind: "read"; readonly trainer: TrainerState }
  /** The error says `cure`, where the state is not of another version. */
  | { readonly kind: "damaged"; readonly refused: (cure: string) => CheckpointError };

function readTrainer(folder: string): TrainerRead {
  const path = join(folder, trainerFile);
  const damaged = (rule: string, cause?: unknown): TrainerRead => ({
    kind: "damaged",
    refused: (cure) => new CheckpointError(`${path}: ${rule}; ${cure}`, cause),
  });
  const text = readText(path);
  if (text === undefined) return damaged("must hold the trainer's state, got no such file");
  const parsed = parseJsonWith(TrainerState, text);
  if (parsed.success) return { kind: "read", trainer: parsed.data };
  const rule = `${parsed.path === "" ? "it" : parsed.path} ${parsed.rule}`;
  if (parsed.path !== "version") return damaged(rule, parsed.cause);
  const cure = `use the version of whetstone that wrote it, or train another run from it with model: { kind: "checkpoint", path, optimizer: "checkpoint" }`;
  return { kind: "damaged", refused: () => new CheckpointError(`${path}: ${rule}; ${cure}`, parsed.cause) };
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
