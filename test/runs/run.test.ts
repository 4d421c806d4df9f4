// A run through its life: recorded, interrupted, resumed, forked. The training is made up; store, lock and checkpoints are real.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";

import { RunError, TrainingError } from "../../src/base/errors.ts";
import type { Rollout } from "../../src/data/rollout.ts";
import { initialGuard } from "../../src/optim/guard.ts";
import { startHash } from "../../src/runs/chain.ts";
import { createRun, forkRun, type RunPlace, resumeRun } from "../../src/runs/openRun.ts";
import { heldOutAccuracy, type Run } from "../../src/runs/run.ts";
import { RunStore } from "../../src/runs/store.ts";
import { summariseRun } from "../../src/runs/summary.ts";
import { tempFolder } from "../support/tempFolder.ts";
import { fingerprint, sampleRecipe, sampleRollout, sampleScored, sampleTask, stoppedClock } from "./samples.ts";

function place(t: TestContext): RunPlace {
  const clock = stoppedClock();
  const store = new RunStore(tempFolder(t), clock);
  t.after(() => store[Symbol.dispose]());
  return { store, clock, fingerprint };
}

const created = { recipe: sampleRecipe(), recipeFile: "/recipes/sums.ts" };
const asRecorded = { id: "sums-1", recipe: created.recipe, allowNewChain: false };

async function save(folder: string): Promise<void> {
  mkdirSync(folder);
  writeFileSync(join(folder, "model.safetensors"), "weights");
}

/** Takes rl steps as a loop would: `parameters` stands for what the step learned. */
async function takeSteps(
  run: Run,
  {
    until,
    parameters = (step) => `p${step}`,
    updates = () => 1,
  }: { until: number; parameters?: (step: number) => string; updates?: (step: number) => number },
): Promise<string[]> {
  const record = run.stageRecord("rl", { numeric: 3 });
  const hashes: string[] = [];
  let step = record.start.nextStep;
  if (step === 0) await record.checkpoint({ nextStep: 0, guard: initialGuard }, save);
  while (step < until) {
    const rollouts = [{ ...sampleScored({ rollout: sampleRollout({ step }) }), advantage: 0.5 }];
    const metrics = { reward: step, updates: updates(step), [heldOutAccuracy]: step / 10 };
    await record.recordStep({ step, metrics, digests: { parameters: parameters(step) }, guard: initialGuard, notes: [], rollouts });
    hashes.push(run.hash);
    step++;
    if (record.checkpointDue(step)) await record.checkpoint({ nextStep: step, guard: initialGuard }, save);
  }
  return hashes;
}

describe("Run", () => {
  test("is named after its recipe and the first free number, and keeps its resolved recipe", (t) => {
    const at = place(t);
    using first = createRun(created, at);
    using second = createRun(created, at);
    assert.deepEqual([first.id, second.id], ["sums-1", "sums-2"]);
    const { version, ...kept } = JSON.parse(readFileSync(join(first.folder, "recipe.json"), "utf8")) as Record<string, unknown>;
    assert.deepEqual([version, kept], [1, JSON.parse(JSON.stringify(created.recipe))]);
    assert.equal(at.store.run("sums-1").state, "created");
  });

  test("takes no name that the record knows, even where its folder is gone", (t) => {
    const at = place(t);
    const first = createRun(created, at);
    first[Symbol.dispose]();
    rmSync(first.folder, { recursive: true });
    using second = createRun(created, at);
    assert.equal(second.id, "sums-2");
  });

  test("chains its steps from the fingerprint on", async (t) => {
    const at = place(t);
    using run = createRun(created, at);
    const hashes = await takeSteps(run, { until: 3 });
    const steps = at.store.steps(run.id);
    assert.equal(steps[0]?.previousHash, startHash(fingerprint));
    assert.deepEqual(
      steps.map(({ hash }) => hash),
      hashes,
    );
    assert.deepEqual(
      steps.slice(1).map(({ previousHash }) => previousHash),
      hashes.slice(0, 2),
    );
  });

  test("resumed from its newest checkpoint it takes the same steps again, to the same hash, and records them once", async (t) => {
    const at = place(t);
    const undisturbed = createRun(created, at);
    const expected = await takeSteps(undisturbed, { until: 6 });
    undisturbed[Symbol.dispose]();

    const killed = createRun(created, at);
    await takeSteps(killed, { until: 5 }); // the newest checkpoint is after 4 steps
    killed[Symbol.dispose]();
    using resumed = resumeRun({ ...asRecorded, id: killed.id }, at);
    assert.equal(resumed.latest?.trainer.nextStep, 4);
    assert.deepEqual(await takeSteps(resumed, { until: 6 }), expected.slice(4));
    assert.deepEqual(
      at.store.steps(killed.id).map(({ hash }) => hash),
      expected,
    );
    assert.equal(at.store.rollouts(killed.id).length, 6);
  });

  test("a step that comes out differently the second time is an error that names what differs", async (t) => {
    const at = place(t);
    const killed = createRun(created, at);
    await takeSteps(killed, { until: 5 });
    killed[Symbol.dispose]();
    using resumed = resumeRun(asRecorded, at);
    await assert.rejects(
      takeSteps(resumed, { until: 6, parameters: () => "other" }),
      (error) =>
        error instanceof TrainingError &&
        /step 4 of rl, taken again, must give what was recorded, got another parameters/.test(error.message),
    );
  });

  test("reuses recorded verdicts for the same tokens only", async (t) => {
    const at = place(t);
    using run = createRun(created, at);
    await takeSteps(run, { until: 2 });
    const record = run.stageRecord("rl");
    const rollout = sampleRollout({ step: 1 });
    assert.equal(record.recordedReward(1, rollout)?.reward, 1);
    assert.deepEqual(record.recordedReward(1, rollout)?.verdicts, sampleScored().verdicts);
    assert.equal(record.recordedReward(1, { ...rollout, tokens: Int32Array.of(7, 8, 9, 1) }), undefined);
    assert.equal(record.recordedReward(1, { ...rollout, id: "1.5.5" }), undefined);
    assert.equal(record.recordedReward(2, sampleRollout({ step: 2 })), undefined);
  });

  test("keeps a step that did not come to its end; taken again, only what could not be scored is asked for", async (t) => {
    const at = place(t);
    using run = createRun(created, at);
    const hashes = await takeSteps(run, { until: 2 });
    const record = run.stageRecord("rl", { numeric: 3 });
    const [told, untold] = [0, 1].map((index) => sampleRollout({ step: 2, index })) as [Rollout, Rollout];
    const timeout = { numeric: { kind: "unscorable", failure: "timeout", reason: "2000 ms" } } as const;
    const lost = { task: sampleTask(), rollout: untold, verdicts: timeout, reward: undefined };
    await record.recordAttempt({ step: 2, rollouts: [{ ...sampleScored({ rollout: told }), advantage: 0.5 }, lost] });
    assert.deepEqual(
      at.store.rollouts(run.id, { unscorable: true }).map(({ step, rollout }) => [step, rollout.id]),
      [[2, "2.0.1"]],
    );
    assert.deepEqual([run.hash, at.store.steps(run.id).length], [hashes[1], 2]);
    const repaired = run.stageRecord("rl", { numeric: 4 });
    const { verdicts } = sampleScored();
    assert.deepEqual(repaired.recordedReward(2, told), { verdicts, reward: 1, verifierVersions: { numeric: 3 } });
    assert.equal(repaired.recordedReward(2, untold), undefined);
    const again = [
      { task: sampleTask(), rollout: told, ...repaired.recordedReward(2, told)! },
      { ...lost, verdicts, reward: 1 },
    ];
    await repaired.recordStep({ step: 2, metrics: {}, digests: {}, guard: initialGuard, notes: [], rollouts: again });
    const found = at.store.rollouts(run.id, { step: 2 });
    assert.deepEqual(
      found.map(({ reward, advantage, verifierVersions }) => [reward, advantage, verifierVersions["numeric"]]),
      [
        [1, undefined, 3],
        [1, undefined, 4],
      ],
    );
  });

  test("what could not be scored in a step of the run stays so when it is taken again", async (t) => {
    using run = createRun(created, place(t));
    const record = run.stageRecord("rl", { numeric: 3 });
    const verdicts = { numeric: { kind: "unscorable", failure: "timeout", reason: "2000 ms" } } as const;
    const rollout = sampleRollout();
    const rollouts = [{ task: sampleTask(), rollout, verdicts, reward: undefined }];
    await record.recordStep({ step: 0, metrics: {}, digests: {}, guard: initialGuard, notes: [], rollouts });
    assert.deepEqual(run.stageRecord("rl").recordedReward(0, rollout), { verdicts, reward: undefined, verifierVersions: { numeric: 3 } });
  });

  test("goes back to its last checkpoint with the guard it is given, and takes the steps since again", async (t) => {
    const at = place(t);
    using run = createRun(created, at);
    const hashes = await takeSteps(run, { until: 3 });
    const guard = { ...initialGuard, rollbacks: 1, learningRateScale: 0.5 };
    const back = await run.stageRecord("rl").goBack({ step: 3, reason: "loss is NaN", guard });
    assert.equal(back.nextStep, 2);
    assert.ok(existsSync(join(back.folder, "model.safetensors")));
    assert.equal(run.hash, hashes[1]);
    assert.deepEqual(run.stageRecord("rl").start, { nextStep: 2, guard, folder: back.folder });
    assert.equal(at.store.steps(run.id).length, 2);
    assert.match(at.store.events(run.id)[0]!.detail, /^loss is NaN; back to step 2 with 0\.5 times the learning rate$/);
  });

  test("that was stopped between checkpoints goes back to the one that it would have gone back to", async (t) => {
    for (const keepLast of [1, 3]) {
      const at = place(t);
      using run = createRun({ ...created, recipe: sampleRecipe({ checkpoints: { everySteps: 2, keepLast } }) }, at);
      const hashes = await takeSteps(run, { until: 3 });
      const record = run.stageRecord("rl");
      await record.checkpoint({ nextStep: 3, guard: initialGuard }, save); // as Ctrl-C does
      const back = await record.goBack({ step: 3, reason: "loss is NaN", guard: initialGuard });
      assert.deepEqual([back.nextStep, run.latest?.trainer.nextStep, run.hash], [2, 2, hashes[1]]);
    }
  });

  test("that was stopped between skipped updates does not go back to them", async (t) => {
    using run = createRun(created, place(t));
    await takeSteps(run, { until: 3 });
    const record = run.stageRecord("rl");
    await record.checkpoint({ nextStep: 4, guard: { ...initialGuard, skippedInARow: 1 } }, save);
    assert.equal((await record.goBack({ step: 4, reason: "loss is NaN", guard: initialGuard })).nextStep, 2);
  });

  test("tells whether anything was learned since the checkpoint that it would go back to, also once it was stopped", async (t) => {
    const at = place(t);
    using run = createRun(created, at);
    await takeSteps(run, { until: 2 });
    const record = run.stageRecord("rl");
    assert.equal(record.hasLearned(2), false, "the checkpoint after two steps holds what they learned");
    await takeSteps(run, { until: 3, updates: () => 0 });
    assert.equal(record.hasLearned(3), false);
    await record.checkpoint({ nextStep: 3, guard: initialGuard }, save); // as Ctrl-C makes one: not gone back to
    assert.equal(record.hasLearned(3), false);
    using other = createRun(created, at);
    await takeSteps(other, { until: 3 });
    await other.stageRecord("rl").checkpoint({ nextStep: 3, guard: initialGuard }, save);
    assert.equal(other.stageRecord("rl").hasLearned(3), true);
  });

  test("names commands on itself", (t) => {
    const at = place(t);
    using run = createRun(created, at);
    assert.match(run.stageRecord("rl").command("rollouts", "--unscorable"), /^whetstone runs rollouts sums-1 --unscorable --runs /);
  });

  test("a fork goes back to where it started", async (t) => {
    const at = place(t);
    using parent = createRun(created, at);
    await takeSteps(parent, { until: 3 });
    await parent.stageRecord("rl").checkpoint({ nextStep: 3, guard: initialGuard }, save);
    using fork = await forkRun({ parent: parent.id, checkpoint: parent.latest!, ...created }, at);
    const back = await fork.stageRecord("rl").goBack({ step: 3, reason: "loss is NaN", guard: initialGuard });
    assert.equal(back.nextStep, 3);
  });

  test("a measurement that is no number leaves a checkpoint that can be read", async (t) => {
    const at = place(t);
    using run = createRun(created, at);
    const record = run.stageRecord("rl");
    const metrics = { [heldOutAccuracy]: Number.NaN };
    await record.recordStep({ step: 0, metrics, digests: {}, guard: initialGuard, notes: [], rollouts: [] });
    await record.checkpoint({ nextStep: 1, guard: initialGuard }, save);
    assert.equal("accuracy" in run.latest!.trainer, false);
  });

  test("keeps checkpoints as the recipe says", async (t) => {
    const at = place(t);
    using run = createRun({ ...created, recipe: sampleRecipe({ checkpoints: { everySteps: 1, keepLast: 2, keepEverySteps: 3 } }) }, at);
    await takeSteps(run, { until: 6 });
    assert.deepEqual(
      run.checkpoints().map(({ trainer }) => trainer.nextStep),
      [0, 3, 5, 6],
    );
  });
});

describe("resumeRun", () => {
  test("refuses another machine and says what differs", (t) => {
    const at = place(t);
    createRun(created, at)[Symbol.dispose]();
    const elsewhere = { ...at, fingerprint: { ...fingerprint, cpu: "arm64" } };
    assert.throws(
      () => resumeRun(asRecorded, elsewhere),
      /run sums-1: must go on where .*\n {2}cpu: x64 recorded, arm64 here\n.*--new-chain/,
    );
  });

  test("names each file that changed, and says how to go on with it", (t) => {
    const at = place(t);
    createRun(created, at)[Symbol.dispose]();
    const repaired = { ...at, fingerprint: { ...fingerprint, inputs: { ...fingerprint.inputs, "./pal.ts": "f".repeat(64) } } };
    assert.throws(
      () => resumeRun(asRecorded, repaired),
      /got a difference in\n {2}"\.\/pal\.ts": content 0{12} recorded, f{12} here\nTo go on with what is here, such as a repaired verifier: .* --new-chain/,
    );
  });

  test("on another machine, if allowed, starts a new chain from the checkpoint and records that", async (t) => {
    const at = place(t);
    const first = createRun(created, at);
    const hashes = await takeSteps(first, { until: 5 });
    first[Symbol.dispose]();
    const elsewhere = { ...at, fingerprint: { ...fingerprint, cpu: "arm64" } };
    const resumed = resumeRun({ ...asRecorded, allowNewChain: true }, elsewhere);
    const again = await takeSteps(resumed, { until: 5, parameters: () => "other" });
    resumed[Symbol.dispose]();
    assert.notEqual(again[0], hashes[4]);
    assert.match(at.store.events("sums-1")[0]!.detail, /cpu: x64 recorded, arm64 here/);
    // From now on it belongs to the new machine, and repeats there.
    using later = resumeRun(asRecorded, elsewhere);
    assert.deepEqual(await takeSteps(later, { until: 5, parameters: () => "other" }), again);
  });

  test("sweeps what the killed process left half-written", async (t) => {
    const at = place(t);
    const killed = createRun(created, at);
    await takeSteps(killed, { until: 2 });
    killed[Symbol.dispose]();
    await save(join(killed.folder, "checkpoints", ".writing-rl-000004"));
    using resumed = resumeRun(asRecorded, at);
    assert.ok(!existsSync(join(resumed.folder, "checkpoints", ".writing-rl-000004")));
  });

  test("refuses a fork that lost its first checkpoint, instead of starting it from nothing", async (t) => {
    const at = place(t);
    using parent = createRun(created, at);
    await takeSteps(parent, { until: 2 });
    const fork = await forkRun({ parent: parent.id, checkpoint: parent.latest!, ...created }, at);
    fork[Symbol.dispose]();
    rmSync(join(fork.folder, "checkpoints"), { recursive: true });
    assert.throws(
      () => resumeRun({ ...asRecorded, id: fork.id }, at),
      /a fork goes on from a checkpoint, got none in .*; fork sums-1 again/,
    );
    assert.throws(() => resumeRun({ ...asRecorded, id: fork.id }, at), /got none/); // the lock was given back
  });

  test("a run whose folder is gone is refused, and its record stays", (t) => {
    const at = place(t);
    const run = createRun(created, at);
    run[Symbol.dispose]();
    rmSync(run.folder, { recursive: true });
    assert.throws(
      () => resumeRun(asRecorded, at),
      (error) =>
        error instanceof RunError && /^run sums-1: its folder must be there to work in, got no ".*sums-1"; put it back/.test(error.message),
    );
    assert.equal(existsSync(run.folder), false);
    assert.equal(summariseRun(at.store, "sums-1").state, "created");
  });

  test("a run that nobody knows is refused", (t) => {
    assert.throws(() => resumeRun(asRecorded, place(t)), /run "sums-1": not in/);
  });
});

describe("forkRun", () => {
  test("starts a new chain from the parent's checkpoint, which it copies", async (t) => {
    const at = place(t);
    using parent = createRun(created, at);
    await takeSteps(parent, { until: 4 });
    const checkpoint = parent.checkpoints().find(({ trainer }) => trainer.nextStep === 2)!;
    using fork = await forkRun({ parent: parent.id, checkpoint, ...created }, at);
    assert.deepEqual(at.store.run(fork.id).parent, { run: parent.id, stage: "rl", step: 2 });
    assert.equal(fork.hash, startHash(fingerprint, checkpoint.trainer.hash));
    assert.equal(fork.latest?.trainer.run, fork.id);
    assert.ok(existsSync(join(fork.latest.folder, "model.safetensors")));
    const hashes = await takeSteps(fork, { until: 4 });
    assert.equal(hashes.length, 2);
    assert.notEqual(hashes[1], parent.hash);
    assert.deepEqual(
      parent.checkpoints().map(({ trainer }) => trainer.run),
      [parent.id, parent.id],
    );
  });
});
