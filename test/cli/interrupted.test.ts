// Runs that are killed, stopped and started twice: real processes, real signals, equal hashes.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { finish, reaches, start, whetstone, workFolder, writeTinyRecipe } from "./whetstone.ts";

const folder = workFolder();
const recipe = writeTinyRecipe(folder, { rlSteps: 14 });
const run = (...args: readonly string[]) => whetstone(folder, ...args);
let undisturbed = "";

before(async () => {
  const finished = await run("train", recipe, "--json");
  assert.equal(finished.code, 0, finished.stderr);
  undisturbed = JSON.parse(finished.stdout).hash;
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function resumesToTheSameHash(id: string, ...options: readonly string[]): Promise<void> {
  const resumed = await run("runs", "resume", id, "--json", ...options);
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.equal(JSON.parse(resumed.stdout).hash, undisturbed);
}

describe("a run killed with -9", () => {
  for (const [stage, steps] of [
    ["sft", 3],
    ["rl", 5],
  ] as const) {
    test(`after ${steps} steps of ${stage} is interrupted, and resumed it ends with the hash of an undisturbed run`, async () => {
      const child = start(folder, ["train", recipe]);
      await reaches(child, { folder, stage, steps });
      child.kill("SIGKILL");
      await once(child, "close");
      const [{ id, state }] = JSON.parse((await run("runs", "ls", "--json")).stdout);
      assert.equal(state, "interrupted");
      await resumesToTheSameHash(id);
    });
  }
});

describe("Ctrl-C", () => {
  test("finishes the step, saves, says how to go on, and exits with 130", async () => {
    const child = start(folder, ["train", recipe]);
    const finished = finish(child);
    await reaches(child, { folder, stage: "rl", steps: 3 });
    child.kill("SIGINT");
    const { code, stderr } = await finished;
    assert.equal(code, 130, stderr);
    const id = /go on with: whetstone runs resume (\S+)/.exec(stderr)![1]!;
    const { state, checkpoints, stages } = JSON.parse((await run("runs", "show", id, "--json")).stdout);
    assert.equal(state, "stopped");
    assert.equal(checkpoints.at(-1).name, `rl-${String(stages[1].done).padStart(6, "0")}`);
    await resumesToTheSameHash(id);
  });

  test("a second one stops at once, and the run can still be resumed", async () => {
    const child = start(folder, ["train", recipe]);
    const finished = finish(child);
    await reaches(child, { folder, stage: "rl", steps: 3 });
    child.kill("SIGINT");
    child.kill("SIGTERM"); // the second signal, of the other kind, so that the two cannot be merged into one
    const { code, stderr } = await finished;
    // Inside a graph the process ends by the signal, which a shell shows as 130 too.
    assert.ok(code === 130 || code === null, `got ${code}: ${stderr}`);
    assert.match(stderr, /stopped at once/);
    await resumesToTheSameHash(/^run (\S+) in /m.exec(stderr)![1]!);
  });

  test("ends score after the verdicts that are there, with 130", async () => {
    writeFileSync(join(folder, "slow.ts"), slowVerifier);
    writeFileSync(join(folder, "answers.jsonl"), '{"reference": 0, "answer": "quick"}\n{"reference": 0, "answer": "never"}\n');
    const child = start(folder, ["score", "--verifier", "slow.ts", "--input", "answers.jsonl", "--deadline-ms", "600000"]);
    const finished = finish(child);
    await once(child.stdout!, "data");
    child.kill("SIGINT");
    const { code, stdout, stderr } = await finished;
    assert.deepEqual([code, stdout], [130, "answers.jsonl:1: 1, quick\n"]);
    assert.equal(stderr, "stopping\n1 rows: 1 scored, 0 unscorable, mean score 1\n");
  });
});

const slowVerifier = `import { defineVerifier } from "whetstone";
import { z } from "zod";
export default defineVerifier({
  id: "slow",
  version: 1,
  checks: "correctness",
  reference: z.number(),
  verify: ({ answer }) => (answer === "quick" ? { kind: "scored", score: 1, evidence: "quick" } : new Promise(() => {})),
});
`;

describe("a full disk", () => {
  test("ends with exit code 1 and how to go on; with room again the run ends with the hash of an undisturbed one", async (t) => {
    const disk = join(folder, "disk");
    mkdirSync(disk);
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1500k", "tmpfs", disk]);
    if (mounted.status !== 0) return t.skip("mounting a small file system needs root");
    t.after(() => spawnSync("umount", ["-l", disk]));
    const { code, stderr } = await run("train", recipe, "--runs", "disk/runs");
    assert.equal(code, 1, stderr);
    assert.match(stderr, /go on with: whetstone runs resume tiny-1 --runs disk\/runs\n.*(no space left on device|disk is full)/);
    spawnSync("mount", ["-o", "remount,size=100m", disk]);
    await resumesToTheSameHash("tiny-1", "--runs", "disk/runs");
  });
});

describe("a second process on the same run", () => {
  test("is refused with exit code 2 and told which process has it", async () => {
    const child = start(folder, ["train", recipe, "--set", "rl.steps=5000"]);
    const finished = finish(child);
    await reaches(child, { folder, stage: "sft", steps: 1 });
    const [{ id, state }] = JSON.parse((await run("runs", "ls", "--json")).stdout);
    assert.equal(state, "running");
    const second = await run("runs", "resume", id);
    child.kill("SIGKILL");
    await finished;
    assert.equal(second.code, 2);
    assert.match(second.stderr, new RegExp(`^run ${id}: only one process may work on a run, got a second one; process ${child.pid} `));
  });
});
