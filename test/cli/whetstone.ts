// The command line as a user runs it: bin/whetstone.js in a process of its own, in a folder of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { systemClock } from "../../src/base/clock.ts";
import { RunStore } from "../../src/runs/store.ts";

export const bin = fileURLToPath(new URL("../../bin/whetstone.js", import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The caller removes the folder. */
export function workFolder(): string {
  return mkdtempSync(join(tmpdir(), "whetstone-cli-"));
}

/** Runs one command to its end. */
export async function whetstone(folder: string, ...args: readonly string[]): Promise<Finished> {
  return finish(start(folder, args));
}

export function start(folder: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [bin, ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
}

export async function finish(child: ChildProcess): Promise<Finished> {
  const [stdout, stderr] = [child.stdout!, child.stderr!].map(collected);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout: stdout!(), stderr: stderr!() };
}

/** Resolves when the process has recorded so many steps of a stage of its run, which must be the newest in `folder`. */
export async function reaches(
  child: ChildProcess,
  { folder, stage, steps }: { folder: string; stage: string; steps: number },
): Promise<void> {
  using store = new RunStore(join(folder, "runs"), systemClock);
  while (child.exitCode === null && child.signalCode === null) {
    const [newest] = store.runs();
    if (newest?.state === "running" && (store.lastStep(newest.id, stage)?.step ?? -1) + 1 >= steps) return;
    await setTimeout(5);
  }
  throw new Error(`ended before ${steps} steps of ${stage} were recorded`);
}

function collected(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  return () => text;
}

/** A run of a second or two: a policy of one thin layer, sums of two digits. */
export function writeTinyRecipe(folder: string, { name = "tiny", rlSteps = 6 }: { name?: string; rlSteps?: number } = {}): string {
  const file = join(folder, `${name}.ts`);
  writeFileSync(
    file,
    `import { defineRecipe } from "whetstone";
const sums = { kind: "families" as const, families: [{ family: "arithmetic-chain" as const, settings: { maxTerms: 2, maxDigits: 1 } }] };
export default defineRecipe({
  name: "${name}",
  data: { demonstrations: sums, training: sums, evaluation: sums },
  rewards: { verifiers: [{ use: "numeric" }], numWorkers: 1 },
  model: { kind: "new", architecture: { width: 32, numLayers: 1, numHeads: 2, numKvHeads: 1, headWidth: 16, numExperts: 4, expertWidth: 32, maxPositions: 64 } },
  sft: { steps: 4, batch: 8, learningRate: 3e-3 },
  rl: { steps: ${rlSteps}, learningRate: 1e-4, maxNewTokens: 16, tasksPerStep: 4, advantages: { kind: "grpo", groupSize: 4 } },
  eval: { everySteps: 3, tasks: 4, finalTasks: 8 },
  checkpoints: { everySteps: 2, keepLast: 3 },
});
`,
  );
  return `${name}.ts`;
}
