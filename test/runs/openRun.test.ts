// A run through its life: made, killed, resumed, forked.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { CheckpointError, RunError } from "../../src/base/errors.ts";
import { startHash } from "../../src/runs/chain.ts";
import { deleteCheckpoint } from "../../src/runs/checkpoints.ts";
import { createRun, forkRun, resumeRun } from "../../src/runs/openRun.ts";
import type { Recipe } from "../../src/runs/recipe.ts";
import type { Run } from "../../src/runs/run.ts";
import { summariseRun } from "../../src/runs/summary.ts";
import { asRecorded, created, heldNearStart, place, save, takeSteps } from "./madeUpRun.ts";
import { fingerprint } from "./samples.ts";

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

  test("gives the lock back where a new chain cannot be written", async (t) => {
    const at = place(t);
    const first = createRun(created, at);
    await takeSteps(first, { until: 2 });
    const inTheWay = join(first.latest!.folder, `trainer.json.tmp-${process.pid}`);
    first[Symbol.dispose]();
    mkdirSync(inTheWay);
    assert.throws(() => resumeRun({ ...asRecorded, allowNewChain: true }, at), { code: "ERR_FS_EISDIR" });
    rmSync(inTheWay, { recursive: true });
    resumeRun({ ...asRecorded, allowNewChain: true }, at)[Symbol.dispose]();
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

  test("refuses a checkpoint whose files are not those that were saved; without the folder it takes the same steps", async (t) => {
    const at = place(t);
    const killed = createRun(created, at);
    const hashes = await takeSteps(killed, { until: 5 });
    killed[Symbol.dispose]();
    const newest = join(killed.folder, "checkpoints/rl-000004");
    writeFileSync(join(newest, "model.safetensors"), "others");
    for (const _ of ["first", "again, since the lock was given back"]) {
      assert.throws(
        () => resumeRun(asRecorded, at),
        (error) =>
          error instanceof CheckpointError &&
          error.message.endsWith(`delete the folder "${newest}" to go on from the checkpoint before it`),
      );
    }
    rmSync(newest, { recursive: true });
    using resumed = resumeRun(asRecorded, at);
    assert.equal(resumed.latest?.trainer.nextStep, 2);
    assert.deepEqual(await takeSteps(resumed, { until: 5 }), hashes.slice(2));
  });

  test("refuses a run that lost the policy that it is held near, instead of taking a later one for it", async (t) => {
    const at = place(t);
    const killed = createRun({ ...created, recipe: heldNearStart }, at);
    await takeSteps(killed, { until: 5 });
    assert.deepEqual(
      killed.checkpoints().map(({ trainer }) => [trainer.nextStep, trainer.reference]),
      [0, 2, 4].map((step) => [step, "rl-000000"]),
    );
    killed[Symbol.dispose]();
    rmSync(join(killed.folder, "checkpoints/rl-000000"), { recursive: true });
    assert.throws(() => resumeRun(asRecorded, at), /rl-000000": must be there, since rl\.kl holds the policy of rl-000004 near it/);
  });

  test("refuses a fork that lost its first checkpoint, instead of starting it from nothing", async (t) => {
    const at = place(t);
    using parent = createRun(created, at);
    await takeSteps(parent, { until: 2 });
    const fork = await forkRun({ parent: parent.id, choose: () => parent.latest!, ...created }, at);
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
    using fork = await forkRun({ parent: parent.id, choose: () => checkpoint, ...created }, at);
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

  test("takes the parent's next newest checkpoint where the parent deletes the one that was chosen", async (t) => {
    const at = place(t);
    using parent = createRun(created, at);
    await takeSteps(parent, { until: 4 });
    const choose = () => {
      const newest = parent.latest!;
      if (newest.trainer.nextStep === 4) deleteCheckpoint(newest.folder); // as the parent does while the files are being copied
      return newest;
    };
    using fork = await forkRun({ parent: parent.id, choose, ...created }, at);
    assert.deepEqual([fork.id, fork.latest?.trainer.nextStep, at.store.run(fork.id).parent?.step], ["sums-2", 2, 2]);
    assert.equal(fork.hash, startHash(fingerprint, parent.latest!.trainer.hash));
  });

  test("that cannot be made leaves nothing behind, and its name is free", async (t) => {
    const at = place(t);
    using parent = createRun(created, at);
    await takeSteps(parent, { until: 4 });
    const before = readdirSync(at.store.folder);
    const newest = parent.latest!;
    writeFileSync(join(newest.folder, "model.safetensors"), "others");
    await assert.rejects(
      forkRun({ parent: parent.id, choose: () => newest, ...created }, at),
      (error) => error instanceof CheckpointError && /; fork from another checkpoint with --from$/.test(error.message),
    );
    deleteCheckpoint(newest.folder);
    await assert.rejects(
      forkRun({ parent: parent.id, choose: () => newest, ...created }, at),
      (error) =>
        error instanceof RunError &&
        /^run sums-1: a fork takes a copy of a checkpoint, got 5 that .* deleted meanwhile; stop it/.test(error.message),
    );
    assert.deepEqual(readdirSync(at.store.folder), before);
    assert.deepEqual(
      at.store.runs().map(({ id }) => id),
      [parent.id],
    );
    using fork = await forkRun({ parent: parent.id, choose: () => parent.latest!, ...created }, at);
    assert.equal(fork.id, "sums-2");
  });

  test("keeps the policy that the parent was held near, as long as it is held near one itself", async (t) => {
    const at = place(t);
    using parent = createRun({ ...created, recipe: heldNearStart }, at);
    await takeSteps(parent, { until: 4 });
    const forked = async (from: Run, recipe: Recipe) => {
      const fork = await forkRun({ parent: from.id, choose: () => from.latest!, ...created, recipe }, at);
      t.after(() => fork[Symbol.dispose]());
      return fork;
    };
    const kept = (fork: Run) => fork.checkpoints().map(({ trainer }) => [trainer.nextStep, trainer.reference]);
    const [held, free] = [await forked(parent, heldNearStart), await forked(parent, created.recipe)];
    assert.deepEqual(kept(held), [
      [0, "rl-000000"],
      [4, "rl-000000"],
    ]);
    assert.deepEqual(kept(free), [[4, undefined]]);
    assert.deepEqual(kept(await forked(free, heldNearStart)), [[4, "rl-000004"]]);
  });
});
