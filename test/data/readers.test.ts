import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";

import { DataError } from "../../src/base/errors.ts";
import { Columns } from "../../src/data/columns.ts";
import { readDemonstrations, readTasks } from "../../src/data/readers.ts";
import { questionTask } from "../../src/data/task.ts";

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "whetstone-readers-"));
});
after(() => {
  rmSync(folder, { recursive: true });
});

let numFiles = 0;
/** A new file with this extension and content. */
function file(extension: string, content: string | Uint8Array): string {
  const path = join(folder, `file-${numFiles++}${extension}`);
  writeFileSync(path, content);
  return path;
}
const jsonl = (...rows: unknown[]): string => file(".jsonl", rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
type ColumnData = Parameters<typeof parquetWriteBuffer>[0]["columnData"];
const parquet = (columnData: ColumnData, options: Partial<Parameters<typeof parquetWriteBuffer>[0]> = {}): string =>
  file(".parquet", new Uint8Array(parquetWriteBuffer({ columnData, ...options })));

/** The reading ends with a DataError whose message starts with the file and matches. */
async function refuses(reading: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(reading, (error: unknown) => {
    assert.ok(error instanceof DataError, String(error));
    assert.ok(error.message.startsWith(folder), error.message);
    assert.match(error.message, message);
    assert.match(error.message, /; /, "says what to do");
    return true;
  });
}

const numeric = Columns.parse({ verifier: "numeric", family: "sums" });
const wordProblem = Columns.parse({
  verifier: "numeric",
  answerPattern: "#### (.+)",
  thinking: "answer",
  thinkingPattern: "^([^]*)####",
});
const own = questionTask({ family: "sums", question: "1+2=?", verifier: "numeric", reference: { answer: "3" } });
const other = questionTask({ family: "sums", question: "3+4=?", verifier: "numeric", reference: { answer: "7" } });

describe("readTasks from JSON Lines", () => {
  test("reads tasks in this project's own form, with and without ids, budgets and difficulties", async () => {
    const { id: _, ...unnamed } = own;
    const more = { ...other, id: "mine", thinkingBudget: 0, difficulty: 2.5 };
    assert.deepEqual(await readTasks(jsonl(unnamed, more)), [own, more]);
  });

  test("reads question and answer columns by the mapping and ignores the others", async () => {
    const path = jsonl({ question: "1+2=?", answer: "3", level: 1 }, { question: "3+4=?", answer: 7 });
    assert.deepEqual(await readTasks(path, numeric), [own, other]);
    const renamed = jsonl({ problem: "1+2=?", solution: 3, key: 17 });
    const columns = Columns.parse({ question: "problem", answer: "solution", id: "key", verifier: "numeric", family: "sums" });
    assert.deepEqual(await readTasks(renamed, columns), [{ ...own, id: "17" }]);
  });

  test("takes the answer out of a longer text, the last match, and names the family after the file", async () => {
    const path = jsonl({ question: "How many?", answer: "Not #### 1.\nIt is 2 * 9 = 18.\n#### 1,800 " });
    const [task] = await readTasks(path, wordProblem);
    assert.deepEqual(task!.reference, { answer: "1,800" });
    assert.equal(task!.family, path.slice(folder.length + 1, -".jsonl".length));
  });

  test("skips blank lines but counts them, and takes CRLF, a byte order mark and a missing last newline", async () => {
    const rows = '\ufeff{"question":"1+2=?","answer":"3"}\r\n\r\n  \n{"question":"3+4=?","answer":"7"}';
    assert.deepEqual(await readTasks(file(".jsonl", rows), numeric), [own, other]);
    await refuses(readTasks(file(".jsonl", `${rows}\n{`), numeric), /\.jsonl:5: a line must be one JSON value/);
  });

  test("reads lines and characters that span the chunks of the file", async () => {
    const question = `${"€".repeat(70_000)}?`; // 3 bytes each, so that 64 KiB chunks cut characters
    const tasks = await readTasks(jsonl({ question, answer: 1 }, { question: `a${question}`, answer: 2 }), numeric);
    assert.deepEqual(
      tasks.map(({ messages }) => messages[0]!.content),
      [question, `a${question}`],
    );
  });

  test("says where a line is broken, not JSON, not an object or not UTF-8", async () => {
    await refuses(
      readTasks(file(".jsonl", '{"question":"a","answer":1}\n{"question":\n'), numeric),
      /\.jsonl:2: a line must be one JSON value/,
    );
    await refuses(readTasks(jsonl([1, 2]), numeric), /\.jsonl:1: a row must be an object with named columns, got \[1,2\]/);
    await refuses(readTasks(jsonl(null), numeric), /\.jsonl:1: a row must be an object/);
    const latin1 = Buffer.from('{"question":"a","answer":1}\n{"question":"\xfc","answer":1}\n', "latin1");
    await refuses(readTasks(file(".jsonl", latin1), numeric), /\.jsonl:2: a line must be UTF-8/);
    await refuses(
      readTasks(file(".jsonl", '{"question":"\\ud800","answer":1}'), numeric),
      /\.jsonl:1: column "question" must be well-formed Unicode/,
    );
  });

  test("says which column is missing, of the wrong kind or empty", async () => {
    const good = { question: "1+2=?", answer: 3 };
    await refuses(
      readTasks(jsonl(good, { question: "x", result: 3 }), numeric),
      /:2: column "answer" must be there and not null, got only: question, result;/,
    );
    await refuses(
      readTasks(jsonl(good, { question: ["x"], answer: 3 }), numeric),
      /:2: column "question" must be text or a number, got \["x"\]/,
    );
    await refuses(
      readTasks(jsonl(good, { question: "x", answer: null }), numeric),
      /:2: column "answer" must be text or a number, got null/,
    );
    await refuses(readTasks(jsonl(good, { question: " ", answer: 3 }), numeric), /:2: column "question" must not be empty/);
    await refuses(
      readTasks(jsonl({ answer: "no mark", question: "x" }), wordProblem),
      /:1: column "answer" must match answerPattern \/#### \(\.\+\)\/, got "no mark"/,
    );
    // a name that every object inherits is not a column
    await refuses(readTasks(jsonl(good), { ...numeric, question: "toString" }), /column "toString" must be there/);
  });

  test("says what is wrong with a task in its own form", async () => {
    await refuses(readTasks(jsonl(own, { ...other, messages: [] })), /:2: column "messages" must have at least 1 entry, got \[\]/);
    await refuses(readTasks(jsonl({ ...own, messages: [{ role: "robot", content: "x" }] })), /:1: column "messages\.0\.role"/);
    await refuses(readTasks(jsonl({ ...own, verifer: "numeric" })), /:1: the row must not have the key "verifer"/);
    await refuses(readTasks(jsonl({ question: "x", answer: "y" })), /:1: column "family" is required; .*set columns/);
  });

  test("refuses a second task with the same id and names both lines", async () => {
    await refuses(readTasks(jsonl(own, other, own)), /:3: a task's id must be its own, got "[0-9a-f]{16}" as at .*\.jsonl:1;/);
    const named = Columns.parse({ id: "n", verifier: "numeric" });
    const rows = [
      { n: 1, question: "x", answer: 1 },
      { n: 2, question: "x", answer: 1 },
    ];
    assert.equal((await readTasks(jsonl(...rows), named)).length, 2);
    await refuses(readTasks(jsonl(...rows, { n: "1", question: "y", answer: 1 }), named), /:3: a task's id must be its own, got "1"/);
  });

  test("refuses an empty file, a missing one, a folder and an unknown extension", async () => {
    await refuses(readTasks(file(".jsonl", "")), /must hold at least one row, got none/);
    await refuses(readTasks(file(".jsonl", "\n \n")), /must hold at least one row, got none/);
    await refuses(readTasks(join(folder, "absent.jsonl")), /must be a file that can be read, got ENOENT/);
    mkdirSync(join(folder, "folder.jsonl"));
    await refuses(readTasks(join(folder, "folder.jsonl")), /must be a file, got a folder/);
    await refuses(readTasks(file(".csv", "question,answer\n")), /one of \.jsonl, \.ndjson, \.parquet, got "\.csv"/);
  });
});

describe("readDemonstrations", () => {
  test("reads this project's own form, one task several times included", async () => {
    const rows = [
      { task: own, thinking: "1+2=3", answer: "3" },
      { task: own, answer: "3" },
      { task: own, thinking: "1+2=3", terser: ["3"], answer: "3" },
    ];
    assert.deepEqual(await readDemonstrations(jsonl(...rows)), [rows[0], { ...rows[1], thinking: "" }, rows[2]]);
  });

  test("takes thinking and answer out of one column by their patterns", async () => {
    const [demonstration] = await readDemonstrations(jsonl({ question: "How many?", answer: "2 * 9 = 18.\nSo 18.\n#### 18" }), wordProblem);
    assert.equal(demonstration!.thinking, "2 * 9 = 18.\nSo 18.");
    assert.equal(demonstration!.answer, "18");
    assert.deepEqual(demonstration!.task.reference, { answer: "18" });
  });

  test("takes thinking from a column of its own, which may be empty but not missing", async () => {
    const columns = Columns.parse({ verifier: "numeric", thinking: "work" });
    const rows = [
      { question: "1+2=?", answer: "3", work: "1+2=3" },
      { question: "1+3=?", answer: "4", work: "" },
    ];
    assert.deepEqual(
      (await readDemonstrations(jsonl(...rows), columns)).map(({ thinking }) => thinking),
      ["1+2=3", ""],
    );
    await refuses(readDemonstrations(jsonl({ question: "1+2=?", answer: "3" }), columns), /:1: column "work" must be there/);
  });

  test("refuses one id for two tasks", async () => {
    const rows = [
      { task: { ...own, id: "a" }, answer: "3" },
      { task: { ...other, id: "a" }, answer: "7" },
    ];
    await refuses(readDemonstrations(jsonl(...rows)), /:2: one id must mean one task, got "a" for another task at .*:1;/);
  });
});

describe("readTasks from Parquet", () => {
  const sums: ColumnData = [
    { name: "question", data: ["1+2=?", "3+4=?"], type: "STRING" },
    { name: "answer", data: [3n, 7n], type: "INT64" },
    { name: "image", data: [new Uint8Array([0xff, 0xfe]), new Uint8Array([0xff])], type: "BYTE_ARRAY" },
  ];

  test("reads text and integers by the mapping and does not touch the other columns", async () => {
    assert.deepEqual(await readTasks(parquet(sums), numeric), [own, other]);
  });

  test("reads the common codecs", async () => {
    const compressors = { GZIP: gzipSync, BROTLI: brotliCompressSync, ZSTD: zstdCompressSync };
    for (const codec of ["UNCOMPRESSED", "SNAPPY", "GZIP", "BROTLI", "ZSTD"] as const) {
      // Longer than a header, or the writer keeps the page as it is.
      const data = sums.map((column) => (column.name === "question" ? { ...column, data: ["1+2=?".padEnd(5000, "?"), "3+4=?"] } : column));
      const tasks = await readTasks(parquet(data, { codec, compressors }), numeric);
      assert.deepEqual(tasks[1], other, codec);
    }
  });

  test("counts rows over row groups", async () => {
    const count = 25;
    const data = Array.from({ length: count }, (_, i) => `${i}+1=?`);
    const columnData: ColumnData = [
      { name: "question", data, type: "STRING" },
      { name: "answer", data: data.map((_, i) => (i === 21 ? undefined : String(i + 1))), type: "STRING", nullable: true },
    ];
    await refuses(
      readTasks(parquet(columnData, { rowGroupSize: 10 }), numeric),
      /\.parquet row 22: column "answer" must be there and not null/,
    );
    const whole = [columnData[0]!, { ...columnData[1]!, data: data.map((_, i) => String(i + 1)) }];
    const tasks = await readTasks(parquet(whole, { rowGroupSize: 10 }), numeric);
    assert.deepEqual(
      tasks.map(({ reference }) => reference),
      data.map((_, i) => ({ answer: String(i + 1) })),
    );
  });

  test("reads tasks in this project's own form, messages and reference as JSON columns", async () => {
    const columnData: ColumnData = [
      { name: "family", data: ["sums", "sums"], type: "STRING" },
      { name: "messages", data: [own.messages, other.messages], type: "JSON" },
      { name: "verifier", data: ["numeric", "numeric"], type: "STRING" },
      { name: "reference", data: [own.reference, other.reference], type: "JSON" },
      { name: "thinkingBudget", data: [undefined, 5], type: "INT32", nullable: true },
    ];
    assert.deepEqual(await readTasks(parquet(columnData)), [own, { ...other, thinkingBudget: 5 }]);
  });

  test("keeps integers that a number cannot hold as decimal text", async () => {
    const columnData: ColumnData = [
      { name: "question", data: ["big?"], type: "STRING" },
      { name: "answer", data: [9_007_199_254_740_993n], type: "INT64" },
    ];
    assert.deepEqual((await readTasks(parquet(columnData), numeric))[0]!.reference, { answer: "9007199254740993" });
  });

  test("says which row and column is not UTF-8 or not JSON, and which column is missing", async () => {
    const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));
    const latin1: ColumnData = [
      { name: "question", data: [bytes("a"), bytes("\xfc")], type: "BYTE_ARRAY" },
      { name: "answer", data: ["1", "2"], type: "STRING" },
    ];
    await refuses(readTasks(parquet(latin1), numeric), /\.parquet row 2: column "question" must be UTF-8 text/);
    await refuses(
      readTasks(
        parquet(
          [{ name: "problem", data: ["a"], type: "STRING" }, latin1[1]!].map((c) => ({ ...c, data: c.data.slice(0, 1) })) as ColumnData,
        ),
        numeric,
      ),
      /\.parquet: column "question" must be there, got only: problem, answer; map another column/,
    );
    const notJson = readFileSync(
      parquet([{ name: "reference", data: [{ answer: 12345 }], type: "JSON" }], { codec: "UNCOMPRESSED", statistics: false }),
    );
    const broken = Buffer.from(notJson.toString("latin1").replace('{"answer":12345}', '{"answer":12345?'), "latin1");
    await refuses(readTasks(file(".parquet", broken)), /\.parquet row 1: column "reference" must be JSON/);
  });

  test("refuses what is not Parquet, is cut off, or is empty", async () => {
    const whole = readFileSync(parquet(sums));
    await refuses(readTasks(file(".parquet", '{"question":"1+2=?","answer":3}\n'), numeric), /must be a whole Parquet file, got/);
    await refuses(readTasks(file(".parquet", whole.subarray(0, whole.length - 20)), numeric), /must be a whole Parquet file, got/);
    await refuses(readTasks(file(".parquet", ""), numeric), /must be a whole Parquet file, got/);
    const none = sums.map((column) => ({ ...column, data: [] }));
    await refuses(readTasks(parquet(none), numeric), /must hold at least one row, got none/);
  });
});
