import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";

import { digestBytes } from "../../src/base/digest.ts";
import { CheckpointError, StorageError } from "../../src/base/errors.ts";
import { initialGuard } from "../../src/optim/guard.ts";
import {
  type Checkpoint,
  checkCheckpoint,
  checkpointName,
  checkpointsToKeep,
  copyCheckpoint,
  deleteCheckpoint,
  type KeepRules,
  listCheckpoints,
  type NewTrainerState,
  pruneCheckpoints,
  surveyCheckpoints,
  sweepCheckpoints,
  type TrainerState,
  writeCheckpoint,
} from "../../src/runs/checkpoints.ts";
import { tempFolder } from "../support/tempFolder.ts";

const stages = ["sft", "rl"];

function trainer(stage: string, nextStep: number, accuracy?: number): NewTrainerState {
  const guard = { ...initialGuard, gradNorms: [...initialGuard.gradNorms] };
  return { run: "sums-1", stage, nextStep, hash: "h", guard, ...(accuracy === undefined ? {} : { accuracy }) };
}

/** As it is read back once `save` has written the files beside it. */
function saved(state: NewTrainerState): TrainerState {
  return { version: 2, ...state, files: { "model.safetensors": digestBytes(Buffer.from("weights")) } };
}

/** Saves like a policy: makes the folder and writes into it. */
async function save(folder: string): Promise<void> {
  mkdirSync(folder);
  writeFileSync(join(folder, "model.safetensors"), "weights");
}

function kept(checkpoints: readonly (readonly [string, number, number?])[], rules: KeepRules): string[] {
  const all: Checkpoint[] = checkpoints.map(([stage, nextStep, accuracy]) => ({
    folder: "",
    trainer: saved(trainer(stage, nextStep, accuracy)),
  }));
  return checkpointsToKeep(all, rules).map((checkpoint) => checkpointName(checkpoint.trainer));
}

describe("checkpointsToKeep", () => {
  const rl = [10, 20, 30, 40, 50].map((nextStep) => ["rl", nextStep] as const);

  test("keeps the newest few", () => {
    assert.deepEqual(kept(rl, { keepLast: 2, keepBest: true }), ["rl-000040", "rl-000050"]);
  });

  test("keeps the most accurate, of equals the newer, and only if asked to", () => {
    const measured = [
      ["rl", 10, 0.5],
      ["rl", 20, 0.9],
      ["rl", 30, 0.9],
      ["rl", 40, 0.2],
      ["rl", 50],
    ] as const;
    assert.deepEqual(kept(measured, { keepLast: 1, keepBest: true }), ["rl-000030", "rl-000050"]);
    assert.deepEqual(kept(measured, { keepLast: 1, keepBest: false }), ["rl-000050"]);
  });

  test("keeps every n-th step", () => {
    assert.deepEqual(kept(rl, { keepLast: 1, keepBest: true, keepEverySteps: 20 }), ["rl-000020", "rl-000040", "rl-000050"]);
  });

  test("keeps the last of every stage, since the next one started from it", () => {
    assert.deepEqual(kept([["sft", 10], ["sft", 20], ...rl], { keepLast: 1, keepBest: true }), ["sft-000020", "rl-000050"]);
  });

  test("keeps with each the one that is gone back to from it, so that the newest can be deleted", () => {
    const isGoneBackTo = ({ trainer: { nextStep } }: Checkpoint) => nextStep % 20 === 0;
    assert.deepEqual(kept(rl, { keepLast: 1, keepBest: true, isGoneBackTo }), ["rl-000040", "rl-000050"]);
    assert.deepEqual(kept(rl.slice(0, 4), { keepLast: 2, keepBest: true, isGoneBackTo }), ["rl-000020", "rl-000030", "rl-000040"]);
  });
});

describe("checkpointsToKeep for a reference", () => {
  test("keeps the first of the stages that are named", () => {
    const all = [
      ["sft", 0],
      ["sft", 20],
      ["rl", 0],
      ["rl", 10],
      ["rl", 20],
      ["rl", 30],
    ] as const;
    assert.deepEqual(kept(all, { keepLast: 1, keepBest: true, keepFirstOf: ["rl"] }), ["sft-000020", "rl-000000", "rl-000030"]);
    assert.deepEqual(kept(all.slice(0, 2), { keepLast: 1, keepBest: true, keepFirstOf: ["rl"] }), ["sft-000020"]);
  });
});

describe("checkpoints on disk", () => {
  test("are listed in the order of the run and read back as written", async (t) => {
    const folder = tempFolder(t);
    for (const state of [trainer("rl", 999_999), trainer("sft", 100), trainer("rl", 1_000_000, 0.25)])
      await writeCheckpoint(folder, state, save);
    const found = listCheckpoints(folder, stages);
    assert.deepEqual(
      found.map((checkpoint) => checkpoint.trainer),
      [trainer("sft", 100), trainer("rl", 999_999), trainer("rl", 1_000_000, 0.25)].map(saved),
    );
    assert.ok(existsSync(join(found[2]!.folder, "model.safetensors")));
  });

  test("one that is damaged is named with what to do, and keeps nobody from looking at the others", async (t) => {
    const folder = tempFolder(t);
    await writeCheckpoint(folder, trainer("rl", 10), save);
    const broken = await writeCheckpoint(folder, trainer("rl", 20), save);
    for (const text of ['{"version": 1', JSON.stringify({ ...saved(trainer("rl", 20)), accuracy: null })]) {
      writeFileSync(join(broken, "trainer.json"), text);
      assert.throws(() => listCheckpoints(folder, stages), CheckpointError);
      const { checkpoints, damaged } = surveyCheckpoints(folder, stages);
      assert.deepEqual(
        checkpoints.map((checkpoint) => checkpoint.trainer),
        [saved(trainer("rl", 10))],
      );
      assert.equal(damaged.length, 1);
      assert.match(damaged[0]!.message, /rl-000020\/trainer\.json: .*; delete the folder to go on from the checkpoint before it$/);
    }
  });

  test("one that is deleted while others are being read is not there, and no damage", async (t) => {
    const folder = tempFolder(t);
    await writeCheckpoint(folder, trainer("rl", 10), save);
    symlinkSync("nowhere", join(folder, "checkpoints", "rl-000005")); // listed, and gone when it is looked into
    assert.deepEqual(
      listCheckpoints(folder, stages).map((checkpoint) => checkpoint.trainer.nextStep),
      [10],
    );
  });

  test("a failed save leaves nothing under a complete name, and the earlier one of that name as it was", async (t) => {
    const folder = tempFolder(t);
    await writeCheckpoint(folder, trainer("rl", 10), save);
    const failing = async (path: string) => {
      await save(path);
      throw new Error("ENOSPC: no space left on device");
    };
    await assert.rejects(
      writeCheckpoint(folder, { ...trainer("rl", 10), hash: "other" }, failing),
      (error) => error instanceof StorageError && /earlier checkpoints are untouched\. Free some space and go on$/.test(error.message),
    );
    await assert.rejects(writeCheckpoint(folder, trainer("rl", 20), failing), StorageError);
    assert.deepEqual(readdirSync(join(folder, "checkpoints")), ["rl-000010"]);
  });

  test("what an interrupted process left is no checkpoint, and is swept", async (t) => {
    const folder = tempFolder(t);
    await writeCheckpoint(folder, trainer("rl", 10), save);
    for (const name of [".writing-rl-000020", ".writing-rl-000020.tmp-77", ".deleting-rl-000005", ".replaced-rl-000010"])
      await save(join(folder, "checkpoints", name));
    assert.equal(listCheckpoints(folder, stages).length, 1);
    sweepCheckpoints(folder);
    assert.deepEqual(readdirSync(join(folder, "checkpoints")), ["rl-000010"]);
  });

  test("one that was being replaced comes back when its successor never came", async (t) => {
    const folder = tempFolder(t);
    await writeCheckpoint(folder, trainer("rl", 10), save);
    renameSync(join(folder, "checkpoints", "rl-000010"), join(folder, "checkpoints", ".replaced-rl-000010"));
    sweepCheckpoints(folder);
    assert.deepEqual(
      listCheckpoints(folder, stages).map((checkpoint) => checkpoint.trainer),
      [saved(trainer("rl", 10))],
    );
  });

  test("saving the same point again changes nothing; another point of that name replaces it", async (t) => {
    const folder = tempFolder(t);
    await writeCheckpoint(folder, trainer("rl", 10), save);
    await writeCheckpoint(folder, trainer("rl", 10), () => assert.fail("saved again"));
    await writeCheckpoint(folder, { ...trainer("rl", 10), hash: "other" }, save);
    assert.deepEqual(readdirSync(join(folder, "checkpoints")), ["rl-000010"]);
    assert.equal(listCheckpoints(folder, stages)[0]?.trainer.hash, "other");
  });

  test("pruning deletes what the rules let go", async (t) => {
    const folder = tempFolder(t);
    for (const nextStep of [1, 2, 3]) await writeCheckpoint(folder, trainer("rl", nextStep), save);
    pruneCheckpoints(listCheckpoints(folder, stages), { keepLast: 2, keepBest: true });
    assert.deepEqual(readdirSync(join(folder, "checkpoints")), ["rl-000002", "rl-000003"]);
  });

  test("a damaged trainer.json is named with what helps at its place in the run", async (t) => {
    const folder = join(tempFolder(t), "sums-1");
    const held = { reference: "rl-000000" };
    const first = await writeCheckpoint(folder, { ...trainer("rl", 0), ...held }, save);
    writeFileSync(join(first, "trainer.json"), "{");
    const refuses = (cure: string) =>
      assert.throws(() => listCheckpoints(folder, stages), new RegExp(`rl-000000/trainer\\.json: it must be JSON, got .*; ${cure}`));
    refuses("put it back from a copy; there is no checkpoint before it");
    const newest = await writeCheckpoint(folder, trainer("rl", 10), save);
    refuses("delete the folder to go on from a later checkpoint$");
    const sft = await writeCheckpoint(folder, trainer("sft", 4), save);
    refuses("delete the folder to go on from a later checkpoint$");
    deleteCheckpoint(newest);
    refuses("delete the folder to go on from the checkpoint before it$");
    deleteCheckpoint(sft);
    await writeCheckpoint(folder, { ...trainer("rl", 10), ...held }, save);
    refuses("put it back from a copy, or delete the folder and go on without it: whetstone runs fork sums-1 --set 'rl");
  });
});

/** A checkpoint with a file in a folder of its own, as that of a critic. */
async function saveWithCritic(folder: string): Promise<void> {
  await save(folder);
  await save(join(folder, "critic"));
}

describe("the files of a checkpoint", () => {
  test("are stated by their digests, those in folders too, and not the trainer's own", async (t) => {
    const folder = tempFolder(t);
    await writeCheckpoint(folder, trainer("rl", 10), saveWithCritic);
    const weights = digestBytes(Buffer.from("weights"));
    assert.deepEqual(listCheckpoints(folder, stages)[0]?.trainer.files, {
      "critic/model.safetensors": weights,
      "model.safetensors": weights,
    });
  });

  for (const [what, damage, got] of [
    ["one byte is another", (file: string) => writeFileSync(file, "weightt"), "[0-9a-f]{12}\\.\\.\\."],
    ["it is gone", (file: string) => rmSync(file), "no such file"],
    ["its folder is gone", (file: string) => rmSync(join(file, ".."), { recursive: true }), "no such file"],
  ] as const) {
    test(`are refused where ${what}, with the file and what to do; whoever only looks is not bothered`, async (t) => {
      const folder = tempFolder(t);
      const written = await writeCheckpoint(folder, trainer("rl", 10), saveWithCritic);
      const [checkpoint] = listCheckpoints(folder, stages);
      checkCheckpoint(checkpoint!);
      damage(join(written, "critic/model.safetensors"));
      assert.deepEqual(listCheckpoints(folder, stages), [checkpoint]);
      const text = `critic/model\\.safetensors": must be the file that was saved, of SHA-256 [0-9a-f]{12}\\.\\.\\. by trainer\\.json, got ${got}; delete the folder ".*rl-000010" to go on`;
      assert.throws(
        () => checkCheckpoint(checkpoint!),
        (error) => error instanceof CheckpointError && new RegExp(text).test(error.message),
      );
    });
  }

  test("are refused where the checkpoint that the policy is held near is gone or damaged, with a way to go on without it", async (t) => {
    const runs = tempFolder(t);
    const folder = join(runs, "sums-1");
    const held = { reference: "rl-000000" };
    const first = await writeCheckpoint(folder, { ...trainer("rl", 0), ...held }, save);
    await writeCheckpoint(folder, { ...trainer("rl", 10), ...held }, save);
    const newest = listCheckpoints(folder, stages).at(-1)!;
    checkCheckpoint(newest);
    writeFileSync(join(first, "model.safetensors"), "others");
    const cure = `put it back from a copy, or go on without it: whetstone runs fork sums-1 --set 'rl.kl=\\{"kind":"none"\\}' --runs ${runs}$`;
    assert.throws(() => checkCheckpoint(newest), new RegExp(`rl-000000/model\\.safetensors": must be .*; ${cure}`));
    rmSync(first, { recursive: true });
    assert.throws(
      () => checkCheckpoint(newest),
      new RegExp(`rl-000000": must be there, since rl\\.kl holds .*, got no such folder; ${cure}`),
    );
  });
});

describe("trainer.json", () => {
  /** Refused with this rule. */
  async function refuses(t: TestContext, change: object, rule: RegExp): Promise<void> {
    const folder = tempFolder(t);
    const path = await writeCheckpoint(folder, trainer("rl", 10), save);
    writeFileSync(join(path, "trainer.json"), JSON.stringify({ ...saved(trainer("rl", 10)), ...change }));
    assert.throws(
      () => listCheckpoints(folder, stages),
      (error) => error instanceof CheckpointError && rule.test(error.message),
    );
  }

  const { guard } = trainer("rl", 10);
  for (const [change, rule] of [
    [{ guard: { ...guard, gradNorms: [1, -1] } }, /guard\.gradNorms\.1 must be at least 0, got -1; put it back/],
    [{ guard: { ...guard, learningRateScale: 0 } }, /guard\.learningRateScale must be greater than 0, got 0; put it back/],
    [{ guard: { ...guard, learningRateScale: 1.5 } }, /guard\.learningRateScale must be at most 1, got 1\.5; put it back/],
    [{ accuracy: 1.5 }, /accuracy must be at most 1, got 1\.5; put it back/],
    [{ accuracy: -0.5 }, /accuracy must be at least 0, got -0\.5; put it back/],
    [{ files: { "model.safetensors": "abc" } }, /files\.model\.safetensors must match .*, got "abc"; put it back/],
    [{ version: 1 }, /version must be 2, got 1; use the version of whetstone that wrote it, or train another run from it with model: \{/],
  ] as const) {
    test(`is refused with ${JSON.stringify(change)}`, (t) => refuses(t, change, rule));
  }

  test("is refused with a norm that is no number", async (t) => {
    const folder = tempFolder(t);
    const path = join(await writeCheckpoint(folder, trainer("rl", 10), save), "trainer.json");
    writeFileSync(path, readFileSync(path, "utf8").replace('"gradNorms": []', '"gradNorms": [1e999]'));
    assert.throws(() => listCheckpoints(folder, stages), /guard\.gradNorms\.0 must be /);
  });
});

describe("copyCheckpoint", () => {
  test("refuses one whose files are not those that were saved, and leaves nothing", async (t) => {
    const [folder, runFolder] = [tempFolder(t), tempFolder(t)];
    const written = await writeCheckpoint(folder, trainer("rl", 10), save);
    const [checkpoint] = listCheckpoints(folder, stages);
    writeFileSync(join(written, "model.safetensors"), "others");
    await assert.rejects(
      copyCheckpoint(checkpoint!, { runFolder, trainer: checkpoint!.trainer }),
      (error) => error instanceof CheckpointError && error.message.includes(`"${written}/model.safetensors": must be`),
    );
    assert.deepEqual(readdirSync(join(runFolder, "checkpoints")), []);
  });

  test("says so where its run has deleted or replaced it meanwhile, and leaves nothing", async (t) => {
    const [folder, runFolder] = [tempFolder(t), tempFolder(t)];
    const written = await writeCheckpoint(folder, trainer("rl", 10), save);
    const [checkpoint] = listCheckpoints(folder, stages);
    const copied = () => copyCheckpoint(checkpoint!, { runFolder, trainer: checkpoint!.trainer });
    const other = async (path: string) => {
      await save(path);
      writeFileSync(join(path, "model.safetensors"), "others");
    };
    await writeCheckpoint(folder, { ...trainer("rl", 10), hash: "other" }, other);
    assert.equal(await copied(), false);
    deleteCheckpoint(written);
    assert.equal(await copied(), false);
    assert.deepEqual(readdirSync(join(runFolder, "checkpoints")), []);
  });
});
