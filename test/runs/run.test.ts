// A run while it is worked on: recorded, saved, gone back. How it is opened again is `openRun.test.ts`.

import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { CheckpointError, RepeatError } from "../../src/base/errors.ts";
import type { Rollout } from "../../src/data/rollout.ts";
import { initialGuard } from "../../src/optim/guard.ts";
import { startHash } from "../../src/runs/chain.ts";
import { createRun, forkRun, resumeRun } from "../../src/runs/openRun.ts";
import { heldOutAccuracy } from "../../src/runs/run.ts";
import { asRecorded, created, place, save, takeSteps } from "./madeUpRun.ts";
import { fingerprint, sampleRecipe, sampleRollout, sampleScored, sampleTask } from "./samples.ts";

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
        error instanceof RepeatError &&
        /the step after 4 steps of rl, taken again, must give what was recorded, got another parameters/.test(error.message),
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

  test("asks again for a verdict that the reward did not need, in a step that did not come to its end", async (t) => {
    using run = createRun(created, place(t));
    const record = run.stageRecord("rl", { numeric: 3, watched: 1 });
    const crash = { kind: "unscorable", failure: "crash", reason: "out of memory" } as const;
    const rewarded = sampleScored({ verdicts: { ...sampleScored().verdicts, watched: crash } });
    await record.recordAttempt({ step: 0, rollouts: [{ ...rewarded, advantage: 0.5 }] });
    assert.equal(run.stageRecord("rl").recordedReward(0, rewarded.rollout), undefined);
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
    assert.match(at.store.events(run.id)[0]!.detail, /^loss is NaN; back to 2 steps with 0\.5 times the learning rate$/);
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
    using fork = await forkRun({ parent: parent.id, choose: () => parent.latest!, ...created }, at);
    const back = await fork.stageRecord("rl").goBack({ step: 3, reason: "loss is NaN", guard: initialGuard });
    assert.equal(back.nextStep, 3);
  });

  test("does not go back to a checkpoint whose files are not those that were saved", async (t) => {
    using run = createRun(created, place(t));
    await takeSteps(run, { until: 3 });
    writeFileSync(join(run.latest!.folder, "model.safetensors"), "others");
    await assert.rejects(
      run.stageRecord("rl").goBack({ step: 3, reason: "loss is NaN", guard: initialGuard }),
      (error) => error instanceof CheckpointError && /rl-000002\/model\.safetensors": must be the file that was saved/.test(error.message),
    );
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
