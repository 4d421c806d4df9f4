// The store on a real database in a temporary folder, with other processes where other processes matter.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, type TestContext, test } from "node:test";

import { RunError, StorageError } from "../../src/base/errors.ts";
import { RunStore } from "../../src/runs/store.ts";
import { tempFolder } from "../support/tempFolder.ts";
import { fingerprint, sampleRollout, sampleScored, sampleStep, sampleTask, stoppedClock } from "./samples.ts";

function openStore(t: TestContext, folder = tempFolder(t)): RunStore {
  const store = new RunStore(folder, stoppedClock());
  t.after(() => store[Symbol.dispose]());
  return store;
}

function storeWithRun(t: TestContext): RunStore {
  const store = openStore(t);
  store.createRun({ id: "sums-1", name: "sums", recipe: { seed: 1 }, recipeFile: "/r/recipe.ts", fingerprint, startHash: "start" });
  return store;
}

describe("RunStore", () => {
  test("gives back a step with its rollouts and verdicts as they were, to the bit", (t) => {
    const store = storeWithRun(t);
    const scored = sampleScored();
    const unscorable = sampleScored({
      rollout: sampleRollout({ index: 1 }),
      verdicts: {
        numeric: { kind: "unscorable", failure: "timeout", reason: "2000 ms" },
        form: { kind: "scored", score: 0, evidence: "" },
      },
      reward: undefined,
      advantage: undefined,
    });
    store.recordStep("sums-1", sampleStep({ rollouts: [scored, unscorable], verifierVersions: { numeric: 3, form: 1 } }));

    const [step] = store.steps("sums-1");
    assert.deepEqual(step?.metrics, { reward: 0.5, gradNorm: Number.POSITIVE_INFINITY, loss: Number.NaN });
    const found = store.rollouts("sums-1");
    assert.deepEqual(found, [
      { ...scored, stage: "rl", step: 0, verifierVersions: { numeric: 3 } },
      { ...unscorable, stage: "rl", step: 0, verifierVersions: { numeric: 3, form: 1 } },
    ]);
  });

  test("filters rollouts by step, family and reward, and stops at the limit", (t) => {
    const store = storeWithRun(t);
    for (const step of [0, 1]) {
      const rollouts = [0, 1, 2].map((group) =>
        sampleScored({
          task: sampleTask(group === 2 ? "sorting" : "products"),
          rollout: sampleRollout({ step, group }),
          reward: group === 1 ? undefined : group / 2,
        }),
      );
      store.recordStep("sums-1", sampleStep({ step, hash: `h${step}`, rollouts }));
    }
    const ids = (filter: object) => store.rollouts("sums-1", filter).map(({ rollout }) => rollout.id);
    assert.deepEqual(ids({ step: 1 }), ["1.0.0", "1.1.0", "1.2.0"]);
    assert.deepEqual(ids({ family: "sorting" }), ["0.2.0", "1.2.0"]);
    assert.deepEqual(ids({ minReward: 0.5 }), ["0.2.0", "1.2.0"]);
    assert.deepEqual(ids({ maxReward: 0.5, step: 0 }), ["0.0.0"]);
    assert.deepEqual(ids({ unscorable: true }), ["0.1.0", "1.1.0"]);
    assert.deepEqual(ids({ limit: 2 }), ["0.0.0", "0.1.0"]);
    assert.deepEqual(ids({ stage: "sft" }), []);
  });

  test("keeps the answers of a measurement apart from what was practised", (t) => {
    const store = storeWithRun(t);
    const result = { accuracy: 0.5, byFamily: {}, tasks: 2, unscorable: 0, meanResponseTokens: 4 };
    const rollouts = [sampleScored(), sampleScored({ rollout: sampleRollout({ group: 1 }), reward: 0 })];
    const evaluation = { stage: "rl", step: 6, name: "heldOut", result, rollouts, verifierVersions: { numeric: 4 } };
    store.recordStep("sums-1", sampleStep());
    store.addEvaluation("sums-1", evaluation);
    store.addEvaluation("sums-1", { ...evaluation, name: "heldOutBeyond", rollouts: [] });
    assert.equal(store.rollouts("sums-1").length, 1);
    const found = store.rollouts("sums-1", { set: "heldOut" });
    assert.deepEqual(
      found.map(({ stage, step, rollout, reward }) => [stage, step, rollout.group, reward]),
      [
        ["rl", 6, 0, 1],
        ["rl", 6, 1, 0],
      ],
    );
    assert.deepEqual([found[0]!.verdicts, found[0]!.verifierVersions], [rollouts[0]!.verdicts, { numeric: 4 }]);
    assert.equal(store.rollouts("sums-1", { set: "heldOut", maxReward: 0.5, step: 6 }).length, 1);
    assert.deepEqual(store.rollouts("sums-1", { set: "heldOut", step: 5 }), []);
    assert.deepEqual(store.rollouts("sums-1", { set: "heldOutBeyond" }), []);
    assert.throws(() => store.addEvaluation("sums-1", evaluation), /UNIQUE/);
    assert.equal(store.rollouts("sums-1", { set: "heldOut" }).length, 2);
  });

  test("takes back what was measured after the steps that a new chain takes again, and keeps what was measured before", (t) => {
    const store = storeWithRun(t);
    const result = { accuracy: 0.5, byFamily: {}, tasks: 1, unscorable: 0, meanResponseTokens: 4 };
    const measured = (step: number) => ({
      stage: "rl",
      step,
      name: "heldOut",
      result,
      rollouts: [sampleScored()],
      verifierVersions: { numeric: 4 },
    });
    for (const step of [0, 4, 6]) store.addEvaluation("sums-1", measured(step));
    store.startNewChain("sums-1", { fingerprint, cuts: [{ stage: "rl", step: 4 }], detail: "repaired" });
    const steps = () => store.evaluations("sums-1").map(({ step }) => step);
    assert.deepEqual(steps(), [0, 4]);
    assert.deepEqual(store.rollouts("sums-1", { set: "heldOut", step: 6 }), []);
    store.addEvaluation("sums-1", measured(6));
    assert.deepEqual(steps(), [0, 4, 6]);
  });

  test("records a step whole or not at all", (t) => {
    const store = storeWithRun(t);
    const broken = sampleScored({ rollout: { ...sampleRollout({ index: 1 }), finish: undefined as unknown as "stop" } }); // SQLite refuses the second rollout
    assert.throws(() => store.recordStep("sums-1", sampleStep({ rollouts: [sampleScored(), broken] })));
    assert.deepEqual(store.steps("sums-1"), []);
    assert.deepEqual(store.attempts("sums-1", { stage: "rl", step: 0 }), []);
    store.recordStep("sums-1", sampleStep());
    assert.equal(store.steps("sums-1").length, 1);
  });

  test("goes back: later steps are taken back but stay readable as attempts, and can be taken again", (t) => {
    const store = storeWithRun(t);
    for (const step of [0, 1, 2]) store.recordStep("sums-1", sampleStep({ step, hash: `h${step}` }));
    store.goBack("sums-1", { stage: "rl", step: 3, nextStep: 1, reason: "loss is NaN" });
    assert.deepEqual(
      store.steps("sums-1").map(({ hash }) => hash),
      ["h0"],
    );
    store.recordStep("sums-1", sampleStep({ step: 1, hash: "again" }));
    assert.deepEqual(
      store.steps("sums-1").map(({ hash }) => hash),
      ["h0", "again"],
    );
    assert.equal(store.attempts("sums-1", { stage: "rl", step: 1 }).length, 2);
    assert.equal(store.rollouts("sums-1").length, 2);
    assert.deepEqual(store.events("sums-1"), [{ stage: "rl", step: 3, kind: "went back", detail: "loss is NaN", atMs: 1_000_000 }]);
  });

  test("names the run that was meant by one that is not there", (t) => {
    const store = storeWithRun(t);
    assert.throws(
      () => store.run("sum-1"),
      (error) => error instanceof RunError && error.message.endsWith('did you mean "sums-1"'),
    );
    assert.throws(
      () => store.run("zzzzzz"),
      (error) => error instanceof RunError && /; whetstone runs ls --runs \S+ lists them$/.test(error.message),
    );
  });

  test("another process reads a step as soon as it is recorded, while this one keeps the database open", (t) => {
    const store = storeWithRun(t);
    store.recordStep("sums-1", sampleStep());
    const script = `import { RunStore } from ${JSON.stringify(new URL("../../src/runs/store.ts", import.meta.url).href)};
      using store = new RunStore(${JSON.stringify(store.folder)}, { nowMs: () => 0, elapsedMs: () => 0 });
      console.log(store.steps("sums-1")[0].hash);`;
    assert.equal(execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" }).trim(), "first");
  });

  test("a full disk is a StorageError that says how to go on, and earlier steps stay", (t) => {
    const folder = tempFolder(t);
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=400k", "tmpfs", folder]);
    if (mounted.status !== 0) return t.skip("mounting a small file system needs root");
    using _unmount = { [Symbol.dispose]: () => spawnSync("umount", ["-l", folder]) };
    using store = new RunStore(folder, stoppedClock());
    store.createRun({ id: "sums-1", name: "sums", recipe: {}, recipeFile: "/r/recipe.ts", fingerprint, startHash: "start" });
    store.recordStep("sums-1", sampleStep());
    const large = sampleScored({ rollout: { ...sampleRollout(), thinkingText: "x".repeat(1_000_000) } });
    assert.throws(
      () => store.recordStep("sums-1", sampleStep({ step: 1, hash: "h1", rollouts: [sampleScored(), large] })),
      (error) =>
        error instanceof StorageError &&
        error.exitCode === 1 &&
        /all that was recorded before is kept, nothing was added\. Free some space and try again$/.test(error.message),
    );
    assert.deepEqual([store.steps("sums-1").length, store.rollouts("sums-1").length], [1, 1]);
  });

  test("refuses a database of another version, a foreign file and a folder that cannot be made", (t) => {
    const folder = tempFolder(t);
    openStore(t, folder);
    const database = new DatabaseSync(join(folder, "whetstone.sqlite"));
    database.exec("PRAGMA user_version = 99");
    database.close();
    assert.throws(() => new RunStore(folder, stoppedClock()), /tables must be of version 3, got 99/);

    const foreign = tempFolder(t);
    writeFileSync(join(foreign, "whetstone.sqlite"), "not a database, but long enough to look at".repeat(100));
    assert.throws(
      () => new RunStore(foreign, stoppedClock()),
      (error) => error instanceof RunError && /must be a SQLite database/.test(error.message),
    );

    writeFileSync(join(foreign, "file"), "");
    assert.throws(
      () => new RunStore(join(foreign, "file", "runs"), stoppedClock()),
      (error) => error instanceof StorageError,
    );
  });
});
