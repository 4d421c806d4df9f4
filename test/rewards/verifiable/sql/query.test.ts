import assert from "node:assert/strict";
import { describe, test } from "node:test";

import {
  maxAnswerChars,
  maxQueryChars,
  oneStatement,
  orderTerms,
  queryIn,
  withColumns,
} from "../../../../src/rewards/verifiable/sql/query.ts";
import { cpuMsOf } from "../../../support/cpuTime.ts";

describe("queryIn", () => {
  const found = (answer: string) => {
    const one = queryIn(answer);
    return one.kind === "query" ? one.query : `no: ${one.why}`;
  };
  test("takes the last SQL fence, else the last fence, else everything", () => {
    assert.equal(found("```sql\nSELECT 1\n```\n```SQLite\nSELECT 2;\n```\n```\nSELECT 3\n```"), "SELECT 2");
    assert.equal(found("```\nSELECT 1\n```\n```text\nSELECT 2\n```\nthen"), "SELECT 2");
    assert.equal(found(" SELECT 1 ;; -- done"), "SELECT 1");
    assert.equal(found("/* c */ select ';' -- ;\n;"), "select ';'");
  });
  test("says why there is none", () => {
    assert.equal(found("```sql\nSELECT 1"), "no: the last code fence is never closed");
    assert.equal(found("```sql\n```"), "no: the query is empty");
    assert.equal(found(";;"), "no: a query that reads starts with SELECT, WITH or VALUES");
    assert.equal(found("SELECT 1; SELECT 2"), "no: the query is more than one statement");
    assert.equal(found(`SELECT ${"1".repeat(maxQueryChars)}`), `no: the query is beyond the cap of ${maxQueryChars} characters`);
    assert.equal(found("x".repeat(maxAnswerChars + 1)), `no: the answer is beyond the cap of ${maxAnswerChars} characters`);
  });
  test("is fast on what looks like the beginning of something, again and again", async () => {
    for (const sign of ["[", "'", '"', "`", "/*", "--", "(", "'\"", ";", " ;", "'' "]) {
      assert.ok((await cpuMsOf(() => oneStatement(sign.repeat(maxQueryChars / sign.length)))) < 500, sign);
    }
  });
});

describe("orderTerms", () => {
  for (const [query, terms] of [
    ["SELECT a FROM t", undefined],
    ["SELECT a FROM (SELECT a FROM t ORDER BY a)", undefined],
    ["SELECT row_number() OVER (ORDER BY a) FROM t", undefined],
    ["SELECT 'x ORDER BY y' FROM t -- ORDER BY a", undefined],
    ['SELECT "ORDER BY" FROM t /* ORDER BY a */', undefined],
    ["SELECT a FROM t order/**/by a, f(b, c) DESC NULLS LAST LIMIT 3", ["a", "f(b, c)"]],
    ["WITH c AS (SELECT 1 ORDER BY 1) SELECT * FROM c ORDER BY 2 ASC, [x y] COLLATE NOCASE DESC", ["2", "[x y] COLLATE NOCASE"]],
    ["SELECT 1 UNION SELECT 2 ORDER BY 1", ["1"]],
  ] as const) {
    test(query, () => assert.deepEqual(orderTerms(query), terms));
  }
});

describe("withColumns", () => {
  test("adds columns where they change no row", () => {
    assert.equal(withColumns("SELECT a FROM t ORDER BY b", ["b"]), "SELECT a , (b) FROM t ORDER BY b");
    assert.equal(withColumns("SELECT (SELECT 1 FROM t) ORDER BY 1", ["c", "d"]), "SELECT (SELECT 1 FROM t) , (c), (d) ORDER BY 1");
    for (const query of [
      "SELECT DISTINCT a FROM t ORDER BY b",
      "SELECT 1 UNION SELECT 2 ORDER BY 1",
      "VALUES (1) ORDER BY 1",
      "SELECT 1",
    ]) {
      assert.equal(withColumns(query, ["b"]), undefined, query);
    }
  });
});
