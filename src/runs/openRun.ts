// The three ways to come by a run to work on: make a new one, go on with one, fork one. Each takes the run's lock before it
// touches anything.

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import type { Clock } from "../base/clock.ts";
import { RunError, StorageError } from "../base/errors.ts";
import { writeFileAtomic } from "../base/files.ts";
import type { Json } from "../base/json.ts";
import { type Fingerprint, fingerprintDifferences, startHash } from "./chain.ts";
import {
  type Checkpoint,
  checkCheckpoint,
  checkpointName,
  copyCheckpoint,
  listCheckpoints,
  referenceOf,
  sweepCheckpoints,
  type TrainerState,
  writeTrainer,
} from "./checkpoints.ts";
import { withRuns } from "./commandText.ts";
import { lockRun, type RunLock } from "./lock.ts";
import type { Recipe } from "./recipe.ts";
import type { RunRow } from "./rows.ts";
import { hasReference, Run, type Stage, stages } from "./run.ts";
import type { RunStore } from "./store.ts";

/** What opening a run needs to know about here and now. */
export interface RunPlace {
  readonly store: RunStore;
  readonly clock: Clock;
  readonly fingerprint: Fingerprint;
}

/** A new run, locked, named after its recipe and the first free number. */
export function createRun({ recipe, recipeFile }: { recipe: Recipe; recipeFile: string }, { store, clock, fingerprint }: RunPlace): Run {
  using undo = new DisposableStack();
  const { id, folder, lock } = makeRun(undo, { store, clock, name: recipe.name });
  const hash = startHash(fingerprint);
  writeRecipe(folder, recipe);
  store.createRun({ id, name: recipe.name, recipe: asJson(recipe), recipeFile, fingerprint, startHash: hash });
  undo.move();
  return new Run({ id, recipe, recipeFile, fingerprint, store, lock, hash });
}

/** An existing run, locked, at its newest checkpoint. With other code, files or machine its bits would differ, so that this must be asked for. */
export function resumeRun(
  { id, recipe, allowNewChain }: { id: string; recipe: Recipe; allowNewChain: boolean },
  { store, clock, fingerprint }: RunPlace,
): Run {
  const row = store.run(id);
  const folder = join(store.folder, id);
  const differences = fingerprintDifferences(row.fingerprint, fingerprint);
  if (differences.length > 0 && !allowNewChain) {
    throw new RunError(
      `run ${id}: must go on where its bits repeat, got a difference in\n${differences.map((line) => `  ${line}`).join("\n")}\nTo go on with what is here, such as a repaired verifier: ${withRuns(`whetstone runs resume ${id} --new-chain`, store.folder)}. The steps after the last checkpoint are taken again, scores that were given in them are kept and the others asked for again; the hash chain starts anew there, and the record says why`,
    );
  }
  using undo = new DisposableStack();
  const lock = undo.use(lockRun(folder, { runId: id, nowMs: clock.nowMs() }));
  const latest = newestCheckpoint(row, folder);
  const hash = allowNewChain
    ? startNewChain({ id, store, fingerprint, latest, startHash: row.startHash, differences })
    : (latest?.trainer.hash ?? row.startHash);
  undo.move();
  return new Run({ id, recipe, recipeFile: row.recipeFile, fingerprint, store, lock, hash });
}

/** Where the run goes on; undefined: from its beginning. */
function newestCheckpoint({ id, parent }: RunRow, folder: string): Checkpoint | undefined {
  sweepCheckpoints(folder);
  const latest = listCheckpoints(folder, stages).at(-1);
  if (latest !== undefined) checkCheckpoint(latest);
  if (latest !== undefined || parent === undefined) return latest;
  throw new RunError(`run ${id}: a fork goes on from a checkpoint, got none in "${folder}"; fork ${parent.run} again`);
}

interface Fork {
  /** Id of the run that is forked. */
  readonly parent: string;
  /** Which of its checkpoints; asked again where the parent, which may be at work, has deleted the one that was chosen. */
  readonly choose: () => Checkpoint;
  readonly recipe: Recipe;
  readonly recipeFile: string;
}

/** A run that deletes its checkpoints faster than they can be copied is not waited for. */
const maxChoices = 5;

/** A new run that starts from a checkpoint of another one, possibly with another recipe. Where it cannot be made, nothing of it is left. */
export async function forkRun({ parent, choose, recipe, recipeFile }: Fork, { store, clock, fingerprint }: RunPlace): Promise<Run> {
  using undo = new DisposableStack();
  const { id, folder, lock } = makeRun(undo, { store, clock, name: recipe.name });
  for (let choices = 0; choices < maxChoices; choices++) {
    const checkpoint = choose();
    const { stage, nextStep, hash: parentHash } = checkpoint.trainer;
    const hash = startHash(fingerprint, parentHash);
    if (!(await copyForFork(checkpoint, { id, folder, hash, recipe }))) continue;
    writeRecipe(folder, recipe);
    store.createRun({
      id,
      name: recipe.name,
      recipe: asJson(recipe),
      recipeFile,
      fingerprint,
      startHash: hash,
      parent: { run: parent, stage, step: nextStep },
    });
    undo.move();
    return new Run({ id, recipe, recipeFile, fingerprint, store, lock, hash });
  }
  throw new RunError(
    `run ${parent}: a fork takes a copy of a checkpoint, got ${maxChoices} that the run, which is at work, deleted meanwhile; stop it first, or let it keep more with checkpoints.keepLast`,
  );
}

/** Copies a checkpoint into the run that starts from it, and the one that its policy is held near; false where either has gone. */
async function copyForFork(
  checkpoint: Checkpoint,
  { id, folder, hash, recipe }: { readonly id: string; readonly folder: string; readonly hash: string; readonly recipe: Recipe },
): Promise<boolean> {
  const { reference: _, ...trainer }: TrainerState = { ...checkpoint.trainer, run: id, hash };
  if (trainer.stage !== "rl" || !hasReference(recipe)) return copyCheckpoint(checkpoint, { runFolder: folder, trainer });
  const reference = referenceOf(checkpoint) ?? checkpoint;
  if (reference.folder !== checkpoint.folder) {
    const copied = await copyCheckpoint(reference, { runFolder: folder, trainer: { ...reference.trainer, run: id } });
    if (!copied) return false;
  }
  return copyCheckpoint(checkpoint, { runFolder: folder, trainer: { ...trainer, reference: checkpointName(reference.trainer) } });
}

/** Takes back the steps after the newest checkpoint, and lets the chain go on from it under the present fingerprint. */
function startNewChain(at: {
  id: string;
  store: RunStore;
  fingerprint: Fingerprint;
  latest: Checkpoint | undefined;
  startHash: string;
  differences: readonly string[];
}): string {
  const { id, store, fingerprint, latest, differences } = at;
  const hash = startHash(fingerprint, latest?.trainer.hash ?? at.startHash);
  const said = differences.length > 0 ? differences.join("; ") : "asked for";
  const from = latest === undefined ? 0 : stages.indexOf(latest.trainer.stage as Stage);
  const cuts = stages.slice(from).map((stage) => ({ stage, step: stage === latest?.trainer.stage ? latest.trainer.nextStep : 0 }));
  store.startNewChain(id, { fingerprint, cuts, detail: `new chain ${hash.slice(0, 12)}: ${said}` });
  if (latest !== undefined) writeTrainer(latest.folder, { ...latest.trainer, hash });
  return hash;
}

/** The folder of a new run, locked; disposing of `undo` removes both. */
function makeRun(
  undo: DisposableStack,
  { store, clock, name }: Pick<RunPlace, "store" | "clock"> & { readonly name: string },
): { readonly id: string; readonly folder: string; readonly lock: RunLock } {
  const id = makeRunFolder(store, name);
  const folder = join(store.folder, id);
  undo.defer(() => rmSync(folder, { recursive: true, force: true }));
  return { id, folder, lock: undo.use(lockRun(folder, { runId: id, nowMs: clock.nowMs() })) };
}

/** Makes `name-1`, or the first number after it that is free: neither a folder nor a record has it, which may outlive its folder. */
function makeRunFolder(store: RunStore, name: string): string {
  for (let number = 1; ; number++) {
    const id = `${name}-${number}`;
    if (store.has(id)) continue;
    try {
      mkdirSync(join(store.folder, id));
      return id;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "EEXIST") continue;
      throw new StorageError(
        `run ${id}: its folder could not be made: ${(cause as Error).message}; give another folder with --runs`,
        cause,
      );
    }
  }
}

function writeRecipe(folder: string, recipe: Recipe): void {
  writeFileAtomic(join(folder, "recipe.json"), [`${JSON.stringify({ version: 1, ...recipe }, null, 2)}\n`]);
}

/** A parsed recipe holds nothing but JSON. */
export function asJson(recipe: Recipe): { readonly [key: string]: Json } {
  return JSON.parse(JSON.stringify(recipe)) as { readonly [key: string]: Json };
}
