import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { DataError } from "../../src/base/errors.ts";
import { DataSource, TrainingSource } from "../../src/data/config.ts";
import { evaluationTasks, openDemonstrations, openTasks } from "../../src/data/source.ts";
import { assertDisjoint, sideOf } from "../../src/data/split.ts";
import { questionTask, type Task } from "../../src/data/task.ts";

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "whetstone-source-"));
});
after(() => {
  rmSync(folder, { recursive: true });
});

const rows = Array.from({ length: 100 }, (_, i) => ({ question: `what is ${i} squared?`, answer: i * i, work: `${i}*${i}` }));

/** A file source with these rows of the list above. */
function file(
  name: string,
  { from = 0, to = rows.length, ...settings }: { from?: number; to?: number; rows?: "all" | "split" } = {},
): DataSource {
  const path = join(folder, `${name}.jsonl`);
  writeFileSync(
    path,
    rows
      .slice(from, to)
      .map((row) => JSON.stringify(row))
      .join("\n"),
  );
  return DataSource.parse({ kind: "file", path, columns: { verifier: "numeric", thinking: "work" }, ...settings });
}
const families = DataSource.parse({
  kind: "families",
  families: [{ family: "arithmetic-chain", settings: { maxTerms: 2, maxDigits: 1 } }],
});
const options = { seed: 1, heldOut: [] };
const ids = (tasks: readonly Task[]): string[] => tasks.map(({ id }) => id);

describe("openTasks", () => {
  test("draws from families on the training side, without what is held out", async () => {
    const heldOut = (await openTasks(families, options)).batch(0, 10);
    const stream = await openTasks(families, { seed: 1, heldOut });
    for (let step = 0; step < 30; step++) {
      const batch = stream.batch(step, 20);
      assertDisjoint(batch, heldOut);
      for (const task of batch) assert.equal(sideOf(task), "train");
    }
  });

  test("goes through a file in whole batches, in another order each epoch and with another seed", async () => {
    const stream = await openTasks(file("epochs", { to: 20 }), options);
    const epoch = (number: number): string[] => [0, 1].flatMap((part) => ids(stream.batch(2 * number + part, 10)));
    assert.deepEqual(epoch(0).toSorted(), epoch(1).toSorted());
    assert.equal(new Set(epoch(0)).size, 20);
    assert.notDeepEqual(epoch(0), epoch(1));
    assert.notDeepEqual(ids((await openTasks(file("epochs", { to: 20 }), { ...options, seed: 2 })).batch(0, 10)), ids(stream.batch(0, 10)));
  });

  test("gives the same batch of a file whatever was asked before", async () => {
    const used = await openTasks(file("pure"), options);
    for (let step = 0; step < 30; step++) used.batch(step, 7);
    assert.deepEqual(used.batch(17, 8), (await openTasks(file("pure"), options)).batch(17, 8));
  });

  test("leaves no batch short at the end of an epoch", async () => {
    const stream = await openTasks(file("tail", { to: 10 }), options);
    for (let step = 0; step < 12; step++) assert.equal(new Set(ids(stream.batch(step, 4))).size, 4);
  });

  test("refuses a file that holds an evaluated task", async () => {
    const heldOut = [questionTask({ family: "x", question: "What is 7 squared?", verifier: "exact", reference: null })];
    await assert.rejects(
      openTasks(file("leak"), { seed: 1, heldOut }),
      /no evaluation task may be trained on, got 1 in both sets: "what is 7 squared\?"/,
    );
    await assert.rejects(openDemonstrations(file("leak"), { seed: 1, heldOut }), DataError);
  });

  test("draws a pool of families once and goes through it in epochs", async () => {
    const pool = TrainingSource.parse({ ...families, poolTasks: 20 });
    const stream = await openTasks(pool, options);
    const epoch = [0, 1].flatMap((step) => ids(stream.batch(step, 10)));
    assert.deepEqual(epoch.toSorted(), ids(stream.all!).toSorted());
    assert.equal(new Set(epoch).size, 20);
    for (const task of stream.all!) assert.equal(sideOf(task), "train");
    assert.notDeepEqual(ids((await openTasks(pool, { ...options, seed: 2 })).all!), ids(stream.all!));
  });

  test("has further tasks for a step, other ones in each round, and no more than there are", async () => {
    const stream = await openTasks(file("further", { to: 20 }), options);
    const taken = new Set(ids(stream.batch(3, 10)));
    const rounds = [1, 2].map((round) => ids(stream.further(3, { round, count: 6, taken })));
    for (const round of rounds) assert.equal(new Set([...round, ...taken]).size, 16);
    assert.notDeepEqual(rounds[0], rounds[1]);
    assert.equal(stream.further(3, { round: 1, count: 50, taken }).length, 10);
    assert.deepEqual(ids(stream.further(3, { round: 1, count: 6, taken })), rounds[0]);
  });

  test("refuses a batch larger than the file", async () => {
    const stream = await openTasks(file("few", { to: 3 }), options);
    assert.throws(() => stream.batch(0, 4), /few\.jsonl: must hold at least one batch, got 3 rows for a batch of 4/);
  });
});

describe("openDemonstrations", () => {
  test("draws from families, or goes through a file with its thinking", async () => {
    const [drawn] = (await openDemonstrations(families, options)).batch(0, 1);
    assert.match(drawn!.thinking, /^\d[+-]\d=\d$/);
    const read = (await openDemonstrations(file("demonstrations"), options)).batch(3, 5);
    for (const { task, thinking, answer } of read) {
      assert.deepEqual(task.reference, { answer });
      assert.equal(thinking, `${Math.sqrt(Number(answer))}*${Math.sqrt(Number(answer))}`);
    }
  });
});

describe("evaluationTasks", () => {
  test("draws families from the evaluation side", async () => {
    for (const task of await evaluationTasks(families, { seed: 1, count: 5 })) assert.equal(sideOf(task), "evaluation");
  });

  test("chooses rows of a file by the seed, each once", async () => {
    const chosen = await evaluationTasks(file("choice"), { seed: 1, count: 30 });
    assert.equal(new Set(ids(chosen)).size, 30);
    assert.deepEqual(chosen, await evaluationTasks(file("choice"), { seed: 1, count: 30 }));
    assert.notDeepEqual(ids(chosen), ids(await evaluationTasks(file("choice"), { seed: 2, count: 30 })));
    await assert.rejects(evaluationTasks(file("choice"), { seed: 1, count: 101 }), /must hold the 101 tasks asked for, got 100/);
  });

  test("lets one file serve both sides when its rows are split", async () => {
    const source = file("both", { rows: "split" });
    const heldOut = await evaluationTasks(source, { seed: 1, count: 5 });
    const stream = await openTasks(source, { seed: 1, heldOut });
    for (const task of stream.batch(0, 60)) assert.equal(sideOf(task), "train");
    await assert.rejects(openTasks(file("both"), { seed: 1, heldOut }), /in both sets/);
  });

  test("refuses a split that leaves one side empty", async () => {
    const onTrain = rows.findIndex(
      ({ question }) => sideOf(questionTask({ family: "", question, verifier: "", reference: null })) === "train",
    );
    const source = file("one", { from: onTrain, to: onTrain + 1, rows: "split" });
    await assert.rejects(
      evaluationTasks(source, { seed: 1, count: 1 }),
      /rows: "split" must leave rows on the evaluation side, got none of 1/,
    );
  });
});
