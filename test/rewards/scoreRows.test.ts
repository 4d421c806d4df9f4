import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { DataError } from "../../src/base/errors.ts";
import type { Row } from "../../src/data/rows.ts";
import { splitResponseText } from "../../src/policy/chat.ts";
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
  for await (const row of scoreRows(rows(), { pool, verifier: "numeric", split: splitResponseText, numAhead }, signal)) found.push(row);
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

  test("takes a whole response apart, and gives an id back", async () => {
    await using pool = await startVerifierPool({
      verifiers: ["numeric", "thinking-format"].map((id) => ({ file: locateVerifier(id, "/"), deadlineMs: 2000 })),
      numWorkers: 1,
    });
    const reference = { answer: "3" };
    const values = [
      { id: "closed", response: "<think>1+2 is 4</think>3<|im_end|>4", reference },
      { id: 7, response: "<think>it is 3", reference },
      { response: "3", reference, prompt: [{ role: "user", content: "1+2=?" }] },
      { response: "3", reference, task: "1+2=?" },
    ];
    const scored = await score(pool, values);
    assert.deepEqual(
      scored.map(({ id, verdict }) => [id, verdict.kind === "scored" && verdict.score]),
      [
        ["closed", 1],
        [7, 0],
        [undefined, 1],
        [undefined, 1],
      ],
    );
  });

  test("gives the verdicts of the rows before one that cannot be read", async () => {
    await using pool = await numeric();
    async function* rows(): AsyncGenerator<Row> {
      for (const i of [1, 2, 3])
        yield { file: "a.jsonl", place: `a.jsonl:${i}`, value: i === 3 ? 3 : { reference: { answer: "3" }, answer: "3" } };
    }
    const places: string[] = [];
    const reading = (async () => {
      for await (const { place } of scoreRows(rows(), { pool, verifier: "numeric", split: splitResponseText }, signal)) places.push(place);
    })();
    await assert.rejects(reading, DataError);
    assert.deepEqual(places, ["a.jsonl:1", "a.jsonl:2"]);
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
    await refused({ reference: 3 }, /^a\.jsonl:2: the row must have either a response or an answer, got /);
    await refused({ ...good, response: "3" }, /^a\.jsonl:2: the row must have either a response or an answer/);
    await refused({ reference: 3, response: "3", thinking: "" }, /^a\.jsonl:2: the row must not have thinking beside a response/);
    await refused({ task: {}, answer: "3", prompt: "?" }, /^a\.jsonl:2: the row must not have a prompt beside a task/);
    await refused({ answer: "3", task: "1+2=?" }, /^a\.jsonl:2: the row must have either a task or a reference/);
    await refused({ ...good, task: "1+2=?", prompt: "1+2=?" }, /^a\.jsonl:2: the row must not have a prompt beside a task/);
    await refused({ ...good, prompt: [] }, /^a\.jsonl:2: prompt /);
    await refused({ ...good, anwser: 1 }, /^a\.jsonl:2: .*anwser/);
    await refused({ task: { family: "f" }, answer: "3" }, /^a\.jsonl:2: /);
    await refused("3", /^a\.jsonl:2: the row must be an object, got "3"; /);
  });
});
