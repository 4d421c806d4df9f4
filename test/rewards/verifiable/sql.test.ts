// The sql verifier against the real jail; what a broken jail gives is played by a stand-in.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { type Program, SandboxUnavailable } from "../../../sandbox/client.ts";
import { systemClock } from "../../../src/base/clock.ts";
import type { Json } from "../../../src/base/json.ts";
import { rngFor } from "../../../src/base/rng.ts";
import type { Verdict } from "../../../src/data/verdict.ts";
import { checkAnswer } from "../../../src/rewards/check.ts";
import {
  maxCellBytes,
  maxColumns,
  maxFillSteps,
  maxQueryCpuMs,
  maxResultBytes,
  maxRows,
  maxSteps,
  maxWallMs,
} from "../../../src/rewards/verifiable/sql/run.ts";
import { sql } from "../../../src/rewards/verifiable/sql.ts";
import { aTask } from "../../support/rollouts.ts";
import { verdictOf } from "./verdictOf.ts";

const schema = "CREATE TABLE t(a INTEGER, b TEXT)";
const rows = {
  t: [
    [1, "x"],
    [2, "y"],
    [2, "z"],
    [3, "x"],
  ],
};

async function told(query: string, answer: string, more: { readonly [key: string]: Json } = {}): Promise<string> {
  return wordsOf(await verdictOf(sql, { reference: { schema, rows, query, ...more }, answer }));
}

function wordsOf(verdict: Verdict): string {
  return verdict.kind === "scored" ? `${verdict.score}: ${verdict.evidence}` : `${verdict.failure}: ${verdict.reason}`;
}

describe("sql: order", () => {
  const ordered = "SELECT b, a FROM t ORDER BY a";

  test("does not count where the reference has none", async () => {
    assert.match(await told("SELECT a FROM t", "SELECT a FROM t ORDER BY a DESC"), /^1: the same rows \(4\)/);
    assert.match(
      await told("SELECT a FROM t", "SELECT DISTINCT a FROM t"),
      /^0: 3 rows, expected 4; of rows 1 to 4: expected \(2\), actual no such row/,
    );
    assert.match(await told("SELECT DISTINCT a FROM t", "SELECT a FROM t"), /^0: 4 rows, expected 3; .*expected no such row, actual \(2\)/);
  });
  test("counts where it has one, and rows that it leaves tied may change places", async () => {
    assert.match(await told(ordered, "SELECT b, a FROM t ORDER BY a, b DESC"), /^1: the same rows in the same order/);
    assert.match(await told(ordered, "SELECT b, a FROM t ORDER BY a DESC"), /^0: row 1: expected \("x", 1\), actual \("x", 3\)/);
    assert.match(
      await told(ordered, "SELECT b, CASE b WHEN 'z' THEN 3 ELSE a END FROM t ORDER BY a"),
      /^0: of rows 2 to 3: expected \("z", 2\), actual \("z", 3\)/,
    );
  });
  test("knows ties of columns and expressions that are not in the result", async () => {
    for (const order of ["a", "t.a", "a % 2, a", "2 * a", "(SELECT a)"]) {
      assert.match(await told(`SELECT b FROM t ORDER BY ${order}`, `SELECT b FROM t ORDER BY ${order}, b DESC`), /^1: /, order);
      assert.match(await told(`SELECT b FROM t ORDER BY ${order}`, "SELECT b FROM t ORDER BY b, a"), /^0: /, order);
    }
    const counts = "SELECT b FROM t GROUP BY b ORDER BY count(*)";
    assert.match(await told(counts, "SELECT b FROM t GROUP BY b ORDER BY count(*), b DESC"), /^1: /);
    assert.match(await told(counts, "SELECT b FROM t GROUP BY b ORDER BY count(*) DESC"), /^0: of rows 1 to 2/);
  });
  test("is strict where ties cannot be told, or on demand", async () => {
    const distinct = "SELECT DISTINCT b FROM t ORDER BY length(b)";
    assert.match(await told(distinct, "SELECT DISTINCT b FROM t ORDER BY b DESC"), /^0: row 1/);
    assert.match(await told(ordered, "SELECT b, a FROM t ORDER BY a, b DESC", { ordered: true }), /^0: row 2/);
    assert.match(await told(ordered, "SELECT b, a FROM t ORDER BY b", { ordered: false }), /^1: /);
  });
  test("of an alias goes before that of a column with its name", async () => {
    const aliased = "SELECT -a AS a, b FROM t ORDER BY a";
    assert.match(await told(aliased, "SELECT -a, b FROM t ORDER BY -a, b DESC"), /^1: /);
    assert.match(await told(aliased, "SELECT -a, b FROM t ORDER BY t.a"), /^0: /);
  });
});

describe("sql: values", () => {
  const compare = (expected: string, actual: string, more = {}) => told(`SELECT ${expected}`, `SELECT ${actual}`, more);

  test("compare as SQLite compares them", async () => {
    for (const [one, other] of [
      ["1", "1.0"],
      ["NULL", "NULL"],
      ["9007199254740993", "9007199254740993"],
      ["-0.0", "0"],
      ["x'00ff'", "x'00FF'"],
      ["1e999", "9e999"],
      ["'a' || char(0)", "'a' || char(0)"],
      ["CAST(x'ff' AS TEXT)", "CAST(x'ff' AS TEXT)"],
    ] as const) {
      assert.match(await compare(one, other), /^1: /, `${one} = ${other}`);
    }
    for (const [one, other, shown] of [
      ["1", "'1'", 'expected (1), actual ("1")'],
      ["NULL", "''", 'expected (NULL), actual ("")'],
      ["NULL", "0", "expected (NULL), actual (0)"],
      ["9007199254740993", "9007199254740992.0", "expected (9007199254740993), actual (9007199254740992.0)"],
      ["9007199254740993", "9007199254740992", "expected (9007199254740993), actual (9007199254740992)"],
      ["'a'", "x'61'", `expected ("a"), actual (x'61')`],
      ["'a'", "'A'", 'expected ("a"), actual ("A")'],
      ["1e999", "-1e999", "expected (inf), actual (-inf)"],
      ["CAST(x'ff' AS TEXT)", "CAST(x'fe' AS TEXT)", 'expected ("\\udcff"), actual ("\\udcfe")'],
    ] as const) {
      const words = await compare(one, other, { relativeTolerance: 0 });
      assert.ok(words.startsWith(`0: row 1: ${shown}`), words);
    }
  });
  test("reals have a tolerance, whole numbers have none", async () => {
    assert.match(await compare("0.3", "0.1 + 0.2"), /^1: /);
    assert.match(await compare("0.3", "0.1 + 0.2", { relativeTolerance: 0 }), /^0: /);
    assert.match(await compare("100.0", "100.4", { tolerance: 0.5 }), /^1: /);
    assert.match(await compare("100.0", "100.6", { tolerance: 0.5 }), /^0: /);
    assert.match(await compare("100", "101", { tolerance: 5 }), /^0: /);
    assert.match(await compare("1e999", "5.0", { tolerance: 5 }), /^0: /);
    assert.match(await compare("2.5", "'2.5'", { tolerance: 5 }), /^0: /);
  });
  test("columns are counted, and their names count on demand", async () => {
    assert.match(await compare("1, 2", "1"), /^0: 1 column, expected 2/);
    assert.match(await compare("1 AS n", "1 AS m"), /^1: /);
    assert.match(await compare("1 AS n", "1 AS N", { columnNames: "match" }), /^1: /);
    assert.match(await compare("1 AS n", "1 AS m", { columnNames: "match" }), /^0: column 1 is named "m", expected "n"/);
  });
  test("time stands still", async () => {
    const moment = { now: "2020-02-29 12:00:00" };
    const fixed = "'2020-02-29 12:00:00', '2020-02-29', '12:00:00', '2020', '2020-03-01'";
    const current = "CURRENT_TIMESTAMP, CURRENT_DATE, time('now'), strftime('%Y', 'NOW'), date('now', '+1 day')";
    assert.match(await compare(fixed, current, moment), /^1: /);
    assert.match(await compare("datetime('now') = CURRENT_TIMESTAMP", "1"), /^1: /);
    assert.match(
      await compare("date('2021-05-06', '-1 day'), time(NULL), julianday('2000-01-01 12:00:00')", "'2021-05-05', NULL, 2451545"),
      /^1: /,
    );
  });
  test("of JSON are stored as they are", async () => {
    const more = {
      schema: "CREATE TABLE v(a, b, c, d, e DEFAULT CURRENT_DATE)",
      rows: { v: [{ a: 1.5, b: true, c: null, d: "é" }, { a: 1e30 }] },
    };
    assert.match(
      await told("SELECT * FROM v", "VALUES (1.5, 1, NULL, 'é', '2025-01-01'), (1e30, NULL, NULL, NULL, '2025-01-01')", more),
      /^1: /,
    );
  });
});

describe("sql: a query that does not read", () => {
  for (const [query, why] of [
    ["WITH x AS (SELECT 1) DELETE FROM t", "it may only read"],
    ["WITH x AS (SELECT 1) INSERT INTO t SELECT 1, 'x' RETURNING a", "it may only read"],
    ["SELECT load_extension('/tmp/x.so')", "it may not call load_extension"],
    ["SELECT * FROM pragma_query_only", "it may only read"],
    ["SELECT * FROM pragma_database_list", "it may only read"],
    ["SELECT readfile('/etc/passwd')", "no such function: readfile"],
    ["SELECT a FROM t WHERE random() > 0", "it may not call random"],
    ["SELECT hex(RandomBlob(4))", "it may not call randomblob"],
    ["SELECT writefile('x', 'y')", "no such function: writefile"],
    ["SELECT nope FROM t", "no such column: nope"],
    ["SELECT 1 \u0000", "null character"],
    ["SELECT '\ud800'", "surrogates not allowed"],
  ] as const) {
    test(`scores 0 and says why: ${JSON.stringify(query)}`, async () => {
      const words = await told("SELECT a FROM t", query);
      assert.ok(words.startsWith("0: the query fails: ") && words.includes(why), words);
    });
  }
  for (const query of [
    "DROP TABLE t",
    "PRAGMA query_only = 0",
    "ATTACH ':memory:' AS x",
    "BEGIN",
    "EXPLAIN SELECT 1",
    "VACUUM INTO 'x'",
    "(SELECT 1)",
  ]) {
    test(`is not tried: ${query}`, async () => {
      assert.match(await told("SELECT a FROM t", query), /^0: a query that reads starts with SELECT, WITH or VALUES/);
    });
  }
  test("may look at the schema, JSON and text search", async () => {
    const more = { schema: `${schema}; CREATE VIRTUAL TABLE f USING fts5(x)`, rows: { ...rows, f: [["one two"], ["three"]] } };
    assert.match(
      await told(
        "SELECT 'a', 2, 'one two'",
        "SELECT (SELECT name FROM pragma_table_info('t') LIMIT 1), (SELECT count(*) FROM json_each('[1,2]')), x FROM f WHERE f MATCH 'two'",
        more,
      ),
      /^1: /,
    );
    assert.match(await told("SELECT 't'", "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 't'"), /^1: /);
  });
});

describe("sql: a query that goes on and on", () => {
  const forever = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)";
  for (const [query, why] of [
    [`${forever} SELECT x FROM c`, `the cap of ${maxRows} rows`],
    [`${forever} SELECT count(*) FROM c`, `the cap of ${maxSteps} steps`],
    [`${forever} SELECT 1 FROM t, t u, c v JOIN c w WHERE v.x < 0`, `the cap of ${maxSteps} steps`],
    [`SELECT ${Array(maxColumns + 1).fill(1)}`, `the cap of ${maxColumns} columns`],
    [`SELECT zeroblob(${maxCellBytes + 1})`, `the cap of ${maxCellBytes} bytes in a cell`],
    [`${forever} SELECT hex(zeroblob(30000)) FROM c`, `the cap of ${maxResultBytes} bytes of rows`],
    ["SELECT zeroblob(2000000000)", "too big"],
    [`${forever}, d AS MATERIALIZED (SELECT x, hex(zeroblob(100000)) AS h FROM c LIMIT 5000) SELECT count(*) FROM d`, "bytes of memory"],
    [
      "SELECT instr(replace(hex(zeroblob(450000)), '0', 'a'), replace(hex(zeroblob(200000)), '0', 'a') || 'b')",
      `the cap of ${maxQueryCpuMs} ms of processor time`,
    ],
    [`SELECT ${"(".repeat(4000)}1${")".repeat(4000)}`, "stack"],
  ] as const) {
    test(`scores 0 and says at which cap: ${query.slice(0, 100)}`, async () => {
      const startMs = performance.now();
      const words = await told("SELECT a FROM t", query);
      assert.ok(words.startsWith("0: the query fails: ") && words.includes(why), words);
      assert.ok(performance.now() - startMs < maxWallMs, "one of these caps is met, and no clock waits for it");
      assert.match(await told("SELECT a FROM t", "SELECT a FROM t"), /^1: /, "the next query is not affected");
    });
  }
});

describe("sql: references", () => {
  test("that are broken are told so, whatever the answer is", async () => {
    for (const [more, why] of [
      [{ schema: "CREATE TABLE t(a" }, "the database cannot be filled: incomplete input"],
      [{ rows: { t: [[1]] } }, "the database cannot be filled: table t has 2 columns but 1 values were supplied"],
      [{ rows: { t: [{ c: 1 }] } }, "the database cannot be filled: table t has no column named c"],
      [{ query: "SELECT c FROM t" }, "the reference query fails: no such column: c"],
      [{ query: "SELECT 1; SELECT 2" }, "the query is more than one statement"],
      [{ query: "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x FROM c) SELECT count(*) FROM c" }, "beyond the cap of"],
      [
        { schema: `${schema}; WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x FROM c) INSERT INTO t SELECT x, x FROM c` },
        `the database cannot be filled: it goes beyond the cap of ${maxFillSteps} steps`,
      ],
    ] as const) {
      for (const answer of ["SELECT a FROM t", "noise"]) {
        const words = await told("SELECT a FROM t", answer, more as unknown as Record<string, Json>);
        assert.ok(words.startsWith("reference: ") && words.includes(why), words);
      }
    }
  });
  test("with more rows are not met by a query that only lists the rows of one database", async () => {
    const moreRows = [{ t: [[7, "q"]] }, {}];
    assert.match(await told("SELECT max(a) FROM t", "SELECT 3"), /^1: /);
    assert.match(
      await told("SELECT max(a) FROM t", "SELECT 3", { moreRows }),
      /^0: on database 1 of moreRows: row 1: expected \(7\), actual \(3\)/,
    );
    assert.match(
      await told("SELECT max(a) FROM t", "SELECT a FROM t ORDER BY a DESC LIMIT 1", { moreRows }),
      /^0: on database 2 of moreRows: 0 rows, expected 1/,
    );
    assert.match(await told("SELECT max(a) FROM t", "SELECT max(a) FROM t", { moreRows }), /^1: the same rows \(1, 1, 1\)/);
    assert.match(
      await told("SELECT max(a) FROM t", "SELECT a / (a < 7) FROM t ORDER BY a DESC LIMIT 1", { moreRows }),
      /^0: on database 1/,
    );
  });
  test("never lend their rows to the program of the answer", async () => {
    // What the program was given is in its task file, which SQL cannot read; here it is asked of what runs.
    const asked: string[] = [];
    const spy = standIn(({ files }) => {
      asked.push(files["task.json"]!);
      return { stdout: said('{"kind":"filled"}\n{"kind":"rows","names":["q"],"rows":[["tsecret"]]}\n') };
    });
    const reference = { schema, rows, query: "SELECT 'sec' || 'ret' AS q" };
    const verdict = await checkWith(spy, { reference, answer: "SELECT b FROM t" });
    assert.equal(wordsOf(verdict).slice(0, 2), "1:");
    assert.equal(asked.length, 2);
    assert.ok(asked[0]!.includes("'sec'") && !asked[1]!.includes("sec"), asked[1]);
  });
});

const ended = {
  end: { kind: "exit", code: 0 },
  limitsMet: [],
  stderr: { text: "", bytes: 0, truncated: false },
  cpuMs: 1,
  wallMs: 1,
  peakMemoryMiB: 1,
  containment: "jail",
} as const;

type OpenSandbox = Parameters<typeof checkAnswer>[1]["sandbox"];

function checkWith(sandbox: OpenSandbox, { reference, answer }: { readonly reference: Json; readonly answer: string }): Promise<Verdict> {
  const task = aTask({ verifier: sql.id, reference });
  const call = { verifier: sql.id, task, answer, thinking: "", seed: rngFor("sql").seed };
  return checkAnswer(sql, { call, deadlineMs: 10_000, clock: systemClock, sandbox });
}

const said = (text: string) => ({ text, bytes: text.length, truncated: false });

/** A jail in which each program ends as it is told here. */
function standIn(run: (program: Program) => object): OpenSandbox {
  return async () => ({
    containment: "jail",
    description: "",
    run: async (program) => ({ ...ended, stdout: said(""), ...run(program) }),
    converse: () => assert.fail(),
    converseBeside: () => assert.fail(),
    [Symbol.asyncDispose]: async () => {},
  });
}

/** Results in turn, the last again and again. */
function answering(...results: readonly object[]): OpenSandbox {
  const left = [...results];
  return standIn(() => (left.length > 1 ? left.shift()! : left[0]!));
}

describe("sql: a jail that fails", () => {
  const asked = { reference: { schema, rows, query: "SELECT 41 + 1" }, answer: "SELECT 42" };

  test("or is missing is unscorable", async () => {
    const missing = () => Promise.reject(new SandboxUnavailable("sandbox: no bubblewrap; install it"));
    assert.equal(wordsOf(await checkWith(missing, asked)), "sandbox: sandbox: no bubblewrap; install it");
    const noModule = { end: { kind: "exit", code: 1 }, stderr: said("No module named '_sqlite3'\n") };
    assert.match(wordsOf(await checkWith(answering(noModule), asked)), /^sandbox: .*exit code 1 before the query ran; it said No module/);
  });
  test("has no time to give, or says what is no row, is unscorable", async () => {
    assert.match(wordsOf(await checkWith(answering({ end: { kind: "limit", limit: "wall" } }), asked)), /^timeout: .*too busy/);
    for (const line of [
      "nonsense",
      '{"kind":"rows","names":[],"rows":[[1]]}',
      '{"kind":"rows","names":[],"rows":[["x1"]]}',
      '{"kind":"filled","more":1}',
    ]) {
      assert.match(wordsOf(await checkWith(answering({ stdout: said(`${line}\n`) }), asked)), /^sandbox: /, line);
    }
  });
  test("and ends a query's program does so for the query, once the database is there", async () => {
    const lines = '{"kind":"filled"}\n{"kind":"rows","names":["a"],"rows":[["i1"]]}\n';
    for (const [stdout, words] of [
      ['{"kind":"filled"}\n', /^0: the query fails: it goes beyond the jail's cap on memory/],
      ["", /^reference: the database cannot be filled: it goes beyond the jail's cap on memory/],
    ] as const) {
      const jail = answering({ stdout: said(lines) }, { stdout: said(stdout), end: { kind: "limit", limit: "memory" } });
      const reference = { schema, rows, query: `SELECT ${stdout.length}` };
      assert.match(wordsOf(await checkWith(jail, { reference, answer: "SELECT 1" })), words);
    }
  });
});
