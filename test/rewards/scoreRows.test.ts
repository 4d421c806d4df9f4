import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { DataError } from "../../src/base/errors.ts";
import type { Row } from "../../src/data/rows.ts";
import { startVerifierPool, type VerifierPool } from "../../src/rewards/pool.ts";
import { type ScoredRow, scoreRows } from "../../src/rewards/scoreRows.ts";
import { locateVerifier } from "../../src/rewards/verifiable/open.ts";

const signal = new AbortController().signal;
const numeric = () => startVerifierPool({ verifiers: [{ file: locateVerifier("numeric", "/"), deadlineMs: 2000 }], numWorkers: 2 });

async function score(pool: VerifierPool, values: readonly unknown[], numAhead = 64): Promise<ScoredRow[]> {
  async function* rows(): AsyncGenerator<Row> {
    for (const [i, value] of values.entries()) yield { file: "a.jsonl", place: `a.jsonl:${i + 1}`, value };
  }
  const found: ScoredRow[] = [];
  for await (const row of scoreRows(rows(), { pool, verifier: "numeric", numAhead }, signal)) found.push(row);
  return found;
}

describe("scoreRows", () => {
  test("scores rows with a reference and rows with a task, in their order", async () => {
    await using pool = await numeric();
    const task = { family: "sums", messages: [{ role: "user", content: "1+2=?" }], verifier: "other", reference: { answer: "3" } };
    const values = [
      { task, answer: "3", thinking: "1+2" },
      ...Array.from({ length: 20 }, (_, i) => ({ reference: { answer: "3" }, answer: `${i}` })),
    ];
    const scored = await score(pool, values, 4);
    assert.deepEqual(
      scored.map(({ place }) => place),
      values.map((_, i) => `a.jsonl:${i + 1}`),
    );
    assert.deepEqual(
      scored.flatMap(({ place, verdict }) => (verdict.kind === "scored" && verdict.score === 1 ? [place] : [])),
      ["a.jsonl:1", "a.jsonl:5"],
    );
  });

  test("says that a reference could not be read, row by row", async () => {
    await using pool = await numeric();
    const [scored] = await score(pool, [{ reference: { answer: "about three" }, answer: "3" }]);
    assert.ok(scored!.verdict.kind === "unscorable" && scored!.verdict.failure === "reference");
  });

  test("refuses a row that is neither, with its place", async () => {
    await using pool = await numeric();
    const good = { reference: { answer: "3" }, answer: "3" };
    const refused = async (value: unknown, message: RegExp) =>
      assert.rejects(score(pool, [good, value]), (error: DataError) => {
        assert.ok(error instanceof DataError);
        assert.match(error.message, message);
        return true;
      });
    await refused({ answer: "3" }, /^a\.jsonl:2: the row must have either a task or a reference/);
    await refused({ ...good, task: {} }, /^a\.jsonl:2: the row must have either/);
    await refused({ reference: 3 }, /^a\.jsonl:2: answer is required; /);
    await refused({ ...good, anwser: 1 }, /^a\.jsonl:2: .*anwser/);
    await refused({ task: { family: "f" }, answer: "3" }, /^a\.jsonl:2: /);
    await refused("3", /^a\.jsonl:2: the row must be an object, got "3"; /);
  });
});
