// `whetstone rescore` as a process, on a store whose verdicts are known, with a verifier that changes between then and now.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";

import { rngFor } from "../../src/base/rng.ts";
import type { Verdict } from "../../src/data/verdict.ts";
import { asJson } from "../../src/runs/openRun.ts";
import { RunStore } from "../../src/runs/store.ts";
import { fingerprint, sampleRecipe, sampleRollout, sampleStep, sampleTask, stoppedClock } from "../runs/samples.ts";
import { whetstone, workFolder } from "./whetstone.ts";

let folder: string;
const store = () => join(folder, "runs/whetstone.sqlite");
const rescore = (...args: readonly string[]) => whetstone(folder, "rescore", "sums-1", ...args);

/** Answers of a number of characters; `test` decides whether one is right. */
function writeVerifier({ version = 1, right = "answer === '42'", id = "own", place = "own.ts" } = {}): void {
  writeFileSync(
    join(folder, place),
    `export default { id: "${id}", version: ${version}, checks: "correctness", reference: { parse: (value: unknown) => value },
  verify: ({ answer }: { answer: string }) => ({ kind: "scored", score: ${right} ? 1 : 0, evidence: \`looked at \${answer}\` }) };`,
  );
}

const scored = (score: number, answer: string): Verdict => ({ kind: "scored", score, evidence: `looked at ${answer}` });
const lost: Verdict = { kind: "unscorable", failure: "timeout", reason: "2000 ms" };

/** Two groups of answers, as the first version of the verifier scored them; one was lost. */
function record(): void {
  mkdirSync(join(folder, "runs"));
  using runs = new RunStore(join(folder, "runs"), stoppedClock());
  const recipe = sampleRecipe({ rewards: { verifiers: [{ use: "./own.ts" }], numWorkers: 1, terms: [{ verifier: "task", weight: 0.5 }] } });
  runs.createRun({
    id: "sums-1",
    name: "sums",
    recipe: asJson(recipe),
    recipeFile: join(folder, "recipe.ts"),
    fingerprint,
    startHash: "start",
  });
  const answers: readonly (readonly [string, Verdict])[] = [
    ["42", scored(1, "42")],
    ["42.0", scored(0, "42.0")],
    ["41", scored(0, "41")],
    ["42", lost],
  ];
  const rollouts = answers.map(([answerText, verdict], index) => ({
    task: { ...sampleTask(), verifier: "own" },
    rollout: { ...sampleRollout({ index }), answerText },
    verdicts: { own: verdict },
    reward: verdict.kind === "scored" ? verdict.score / 2 : undefined,
    advantage: undefined,
  }));
  runs.recordStep("sums-1", sampleStep({ rollouts, verifierVersions: { own: 1 } }));
}

/** Everything that could have been changed. */
function content(): unknown {
  const { mtimeMs } = statSync(store());
  return { files: readdirSync(join(folder, "runs")), mtimeMs, digest: createHash("sha256").update(readFileSync(store())).digest("hex") };
}

beforeEach(() => {
  folder = workFolder();
  record();
  writeVerifier();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("whetstone rescore", () => {
  test("ends with 0 where nothing differs, counts what was unscorable then apart, and changes nothing", async () => {
    const before = content();
    const { code, stdout, stderr } = await rescore();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^run sums-1: 4 rollouts$/m);
    assert.match(stdout, /^own +1 +1 +4 +0 +0 +1 +1$/m);
    assert.match(stdout, /^rewards: 0 differ, 1 could not be told then; mean 0\.167 then, 0\.167 now$/m);
    assert.deepEqual(content(), before);
  });

  test("reads a folder that it may not write to", async () => {
    chmodSync(join(folder, "runs"), 0o555);
    chmodSync(store(), 0o444);
    assert.equal((await rescore()).code, 0);
    chmodSync(join(folder, "runs"), 0o755);
  });

  test("reads steps that a writer has not yet taken over from its log", async () => {
    using writer = new RunStore(join(folder, "runs"), stoppedClock());
    const task = { ...sampleTask(), verifier: "own" };
    const rollout = { ...sampleRollout({ step: 1 }), answerText: "42" };
    const late = { task, rollout, verdicts: { own: scored(0, "42") }, reward: 0, advantage: undefined };
    writer.recordStep("sums-1", sampleStep({ step: 1, hash: "second", rollouts: [late], verifierVersions: { own: 2 } }));
    const { code, stdout } = await rescore("--json");
    const { rollouts, verifiers } = JSON.parse(stdout);
    assert.deepEqual([code, rollouts, verifiers[0].versionsThen, verifiers[0].differ], [1, 5, [1, 2], 1]);
  });

  test("ends with 1 where scores differ, and lists old and new", async () => {
    writeVerifier({ version: 2, right: "Number(answer) === 42" });
    const { code, stdout } = await rescore("--all");
    assert.equal(code, 1);
    assert.match(stdout, /^own +1 +2 +4 +1 +0 +1 +1$/m);
    assert.match(stdout, /^rewards: 1 differ, 1 could not be told then; mean 0\.167 then, 0\.333 now$/m);
    assert.match(
      stdout,
      /^-- rl after 0 steps, rollout 0\.0\.1, task task-arithmetic-chain: own, reward 0 then, 0\.5 now\n {2}then 0, looked at 42\.0\n {2}now {2}1, looked at 42\.0$/m,
    );
    assert.doesNotMatch(stdout, /raise its version/);
    const { changed, differs } = JSON.parse((await rescore("--json", "--all")).stdout);
    assert.deepEqual(
      changed.map(({ rollout, old, now, rewardOld, rewardNow }: Record<string, unknown>) => ({ rollout, old, now, rewardOld, rewardNow })),
      [{ rollout: "0.0.1", old: scored(0, "42.0"), now: scored(1, "42.0"), rewardOld: 0, rewardNow: 0.5 }],
    );
    assert.equal(differs, true);
    assert.equal(JSON.parse((await rescore("--json")).stdout).changed, undefined);
  });

  test("tells an author whose version stayed the same, and one who changed words only", async () => {
    writeVerifier({ right: "Number(answer) === 42" });
    assert.match((await rescore()).stdout, /^own gives other scores under the same version 1; raise its version$/m);
    writeFileSync(join(folder, "own.ts"), readFileSync(join(folder, "own.ts"), "utf8").replace("looked at", "saw"));
    writeFileSync(join(folder, "own.ts"), readFileSync(join(folder, "own.ts"), "utf8").replace("Number(answer) === 42", "answer === '42'"));
    const { code, stdout } = await rescore();
    assert.equal(code, 0);
    assert.match(stdout, /^own gives 3 scores the same with other evidence$/m);
  });

  test("counts a verdict that cannot be given any more as a difference", async () => {
    writeVerifier({ version: 2, right: "answer === '41' ? (() => { throw new Error('no'); })() : answer === '42'" });
    const { code, stdout } = await rescore("--json", "--all");
    const { verifiers, rewards, changed } = JSON.parse(stdout);
    assert.deepEqual([code, verifiers[0].differ, verifiers[0].unscorableNow, rewards.differ], [1, 1, 1, 1]);
    assert.equal(changed[0].now.failure, "crash");
    assert.equal(changed[0].rewardNow, undefined);
  });

  test("gives a verifier that draws the random streams it had then", async () => {
    const file = join(folder, "own.ts");
    writeFileSync(file, readFileSync(file, "utf8").replace("({ answer }: { answer: string })", "({ answer }: any, { rng }: any)"));
    writeFileSync(file, readFileSync(file, "utf8").replace("answer === '42' ? 1 : 0", "rng.uniform()"));
    const { changed } = JSON.parse((await rescore("--json", "--all")).stdout);
    // Seed of the recipe, verifier, task and rollout, as scoreRollout names them in training.
    const drawn = [0, 1, 2].map((index) => rngFor(0, "own", sampleTask().id, `0.0.${index}`).uniform());
    assert.deepEqual(
      changed.map(({ now }: { now: { score: number } }) => now.score),
      drawn,
    );
  });

  test("says in one message which verifier files are gone, and finds them where they were moved to", async () => {
    mkdirSync(join(folder, "moved"));
    renameSync(join(folder, "own.ts"), join(folder, "moved/own.ts"));
    const { code, stdout, stderr } = await rescore();
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(
      stderr,
      /^rescore sums-1: the verifiers of its recipe must be there, got nothing for "\.\/own\.ts" in ".*"; put them back/,
    );
    assert.equal(stderr.trim().split("\n").length, 1);
    assert.equal((await rescore("--folder", "moved")).code, 0);
  });

  test("refuses a verifier with another id, an unknown run and a folder without a store", async () => {
    writeVerifier({ id: "renamed" });
    const refused: readonly (readonly [readonly string[], RegExp])[] = [
      [["sums-1"], /^rescore sums-1: a verifier of that time must be there under its id, got none for "own"; today's are renamed$/m],
      [["sums-2"], /^run "sums-2": not in "runs", got 1 other runs; did you mean "sums-1"$/m],
      [["sums-1", "--runs", "moved"], /^run store "moved": must hold whetstone\.sqlite/],
    ];
    for (const [args, expected] of refused) {
      const { code, stderr } = await whetstone(folder, "rescore", ...args);
      assert.match(stderr, expected);
      assert.equal(code, 2);
    }
    writeFileSync(store(), "no database");
    const damaged = await rescore();
    assert.deepEqual([damaged.code, /must be a SQLite database/.test(damaged.stderr)], [2, true], damaged.stderr);
  });
});
