// The three ways to come by a run to work on: make a new one, go on with one, fork one. Each takes the run's lock before it
// touches anything.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import type { Clock } from "../base/clock.ts";
import { RunError, StorageError } from "../base/errors.ts";
import { writeFileAtomic } from "../base/files.ts";
import type { Json } from "../base/json.ts";
import { type Fingerprint, fingerprintDifferences, startHash } from "./chain.ts";
import { type Checkpoint, copyCheckpoint, listCheckpoints, sweepCheckpoints, writeTrainer } from "./checkpoints.ts";
import { withRuns } from "./commandText.ts";
import { lockRun, type RunLock } from "./lock.ts";
import type { Recipe } from "./recipe.ts";
import type { RunRow } from "./rows.ts";
import { Run, type Stage, stages } from "./run.ts";
import type { RunStore } from "./store.ts";

/** What opening a run needs to know about here and now. */
export interface RunPlace {
  readonly store: RunStore;
  readonly clock: Clock;
  readonly fingerprint: Fingerprint;
}

/** A new run, locked, named after its recipe and the first free number. */
export function createRun({ recipe, recipeFile }: { recipe: Recipe; recipeFile: string }, { store, clock, fingerprint }: RunPlace): Run {
  const id = makeRunFolder(store, recipe.name);
  const lock = lockRun(join(store.folder, id), { runId: id, nowMs: clock.nowMs() });
  const hash = startHash(fingerprint);
  writeRecipe(join(store.folder, id), recipe);
  store.createRun({ id, name: recipe.name, recipe: asJson(recipe), recipeFile, fingerprint, startHash: hash });
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
  const lock = lockRun(folder, { runId: id, nowMs: clock.nowMs() });
  const latest = newestCheckpoint(row, { folder, lock });
  const run = { id, recipe, recipeFile: row.recipeFile, fingerprint, store, lock };
  if (!allowNewChain) return new Run({ ...run, hash: latest?.trainer.hash ?? row.startHash });
  return new Run({ ...run, hash: startNewChain({ id, store, fingerprint, latest, startHash: row.startHash, differences }) });
}

/** Where the run goes on; undefined: from its beginning. Gives the lock back where it cannot go on. */
function newestCheckpoint({ id, parent }: RunRow, { folder, lock }: { folder: string; lock: RunLock }): Checkpoint | undefined {
  try {
    sweepCheckpoints(folder);
    const latest = listCheckpoints(folder, stages).at(-1);
    if (latest !== undefined || parent === undefined) return latest;
    throw new RunError(`run ${id}: a fork goes on from a checkpoint, got none in "${folder}"; fork ${parent.run} again`);
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

interface Fork {
  /** Id of the run that is forked. */
  readonly parent: string;
  readonly checkpoint: Checkpoint;
  /** The parent's first checkpoint of the stage, where its policy is held near that one. */
  readonly first?: Checkpoint;
  readonly recipe: Recipe;
  readonly recipeFile: string;
}

/** A new run that starts from a checkpoint of another one, possibly with another recipe. */
export async function forkRun(
  { parent, checkpoint, first, recipe, recipeFile }: Fork,
  { store, clock, fingerprint }: RunPlace,
): Promise<Run> {
  const { stage, nextStep, hash: parentHash } = checkpoint.trainer;
  const id = makeRunFolder(store, recipe.name);
  const folder = join(store.folder, id);
  const lock = lockRun(folder, { runId: id, nowMs: clock.nowMs() });
  const hash = startHash(fingerprint, parentHash);
  if (first !== undefined) await copyCheckpoint(first, { runFolder: folder, trainer: { ...first.trainer, run: id } });
  await copyCheckpoint(checkpoint, { runFolder: folder, trainer: { ...checkpoint.trainer, run: id, hash } });
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
  return new Run({ id, recipe, recipeFile, fingerprint, store, lock, hash });
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
