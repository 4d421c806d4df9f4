import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { maxPatternChars, maxStates } from "../../../src/rewards/verifiable/linearRegex.ts";
import { maxAnswerChars, regex } from "../../../src/rewards/verifiable/regex.ts";
import { cpuMsOf } from "../../support/cpuTime.ts";
import { verdictOf } from "./verdictOf.ts";

async function told(reference: object, answer: string): Promise<string> {
  const verdict = await verdictOf(regex, { reference: reference as never, answer });
  return verdict.kind === "scored" ? `${verdict.score}: ${verdict.evidence}` : `${verdict.failure}: ${verdict.reason}`;
}

describe("regex", () => {
  for (const [reference, accepted, rejected] of [
    [{ pattern: "a|b" }, ["a", "b"], ["ab", "A"]],
    [{ pattern: "a.c" }, ["abc"], ["a\nc", "xabc"]],
    [{ pattern: "a.c", flags: "s" }, ["a\nc"], []],
    [{ pattern: "^b$", flags: "m", match: "search" }, ["a\nb\nc"], ["abc"]],
    [{ pattern: "^b$", match: "search" }, ["b"], ["a\nb"]],
    [{ pattern: "(?<year>\\d{4})" }, ["2024"], ["024"]],
    [{ pattern: "\\p{Lu}\\p{Ll}+" }, ["Élan"], ["élan"]],
    [{ pattern: "straße", flags: "iu" }, ["STRAßE"], ["strasse"]],
    [{ pattern: ".*" }, ["anything"], ["", " "]],
  ] as const) {
    test(`matches ${JSON.stringify(reference)}`, async () => {
      for (const answer of accepted) assert.match(await told(reference, answer), /^1: /, answer);
      for (const answer of rejected) assert.match(await told(reference, answer), /^0: /, answer);
    });
  }

  for (const [what, pattern] of [
    ["lookahead", "(?=a)a"],
    ["lookbehind", "(?<=a)b"],
    ["a back reference", "(a)\\1"],
    ["a named back reference", "(?<x>a)\\k<x>"],
    ["an open bracket", "(a"],
    ["counts that multiply", "((a{100}){100}){100}"],
    ["too many states", "(a?b?c?d?){900}"],
    ["too many characters", "a".repeat(maxPatternChars + 1)],
  ] as const) {
    test(`cannot score against ${what}, and says why`, async () =>
      assert.match(await told({ pattern }, "a"), /^reference: pattern .*: .{10,}/s));
  }

  test("runs the worst patterns on the longest answers in linear time", async () => {
    for (const pattern of ["(a+)+$", "(a|a)*b", "(.*)*x", "(x+x+)+y", "(a?){500}a{200}", "(.{1,30}){1,30}b", "((a?b?c?){300}d)*e"]) {
      for (const unit of ["a", "abc", "x"]) {
        const answer = unit.repeat(maxAnswerChars / unit.length);
        const cpuMs = await cpuMsOf(async () => assert.match(await told({ pattern }, answer), /^[01]: /));
        assert.ok(cpuMs < 1900, pattern);
      }
    }
    assert.ok(maxStates < 10_000);
  });

  test("scores 0 beyond its cap", async () =>
    assert.match(await told({ pattern: "a*" }, "a".repeat(maxAnswerChars + 1)), /^0: .*cap of 32768/));
});
