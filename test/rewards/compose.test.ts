import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { VerifierError } from "../../src/base/errors.ts";
import type { Verdict } from "../../src/data/verdict.ts";
import {
  checkTerms,
  composeReward,
  isRight,
  type RewardTerm,
  rewardingVerifiers,
  termScore,
  termScores,
  verifiersOf,
  watchingOwn,
} from "../../src/rewards/compose.ts";

const scored = (score: number): Verdict => ({ kind: "scored", score, evidence: "because" });
const timeout: Verdict = { kind: "unscorable", failure: "timeout", reason: "2000 ms are over" };

/** The task's own verifier is "numeric"; form weighs 0.25 and gates at one half; a second opinion is only watched. */
const terms: readonly RewardTerm[] = [
  { verifier: "task", weight: 2 },
  { verifier: "form", weight: 0.25, gate: { atLeast: 0.5 } },
  { verifier: "audit", weight: 0 },
];
const compose = (numeric: Verdict, form: Verdict, audit: Verdict = scored(0)) =>
  composeReward({ numeric, form, audit }, { terms, taskVerifier: "numeric" });

describe("composeReward", () => {
  test("adds weight times score", () => {
    // 2 * 0.5 + 0.25 * 0.75 + 0 * 1
    assert.deepEqual(compose(scored(0.5), scored(0.75), scored(1)), {
      kind: "scored",
      reward: 1.1875,
      components: { numeric: 0.5, form: 0.75, audit: 1 },
    });
  });

  test("is 0 behind a closed gate, which opens at its threshold", () => {
    assert.deepEqual(compose(scored(1), scored(0.49)), { kind: "scored", reward: 0, components: { numeric: 1, form: 0.49, audit: 0 } });
    // 2 * 1 + 0.25 * 0.5
    assert.deepEqual(compose(scored(1), scored(0.5)), { kind: "scored", reward: 2.125, components: { numeric: 1, form: 0.5, audit: 0 } });
  });

  test("is unscorable, not 0, when what weighs or gates could not be told", () => {
    const failure = { failure: "timeout", reason: "2000 ms are over" };
    assert.deepEqual(compose(timeout, scored(1)), { kind: "unscorable", failures: [{ verifier: "numeric", ...failure }] });
    assert.deepEqual(compose(scored(0), timeout), { kind: "unscorable", failures: [{ verifier: "form", ...failure }] });
    assert.deepEqual(compose(timeout, timeout), {
      kind: "unscorable",
      failures: [
        { verifier: "numeric", ...failure },
        { verifier: "form", ...failure },
      ],
    });
  });

  test("lets a gate that only gates make the reward unscorable too", () => {
    const gated: readonly RewardTerm[] = [
      { verifier: "task", weight: 1 },
      { verifier: "form", weight: 0, gate: { atLeast: 1 } },
    ];
    assert.equal(composeReward({ numeric: scored(1), form: timeout }, { terms: gated, taskVerifier: "numeric" }).kind, "unscorable");
    assert.deepEqual(composeReward({ numeric: scored(1), form: scored(1) }, { terms: gated, taskVerifier: "numeric" }), {
      kind: "scored",
      reward: 1,
      components: { numeric: 1, form: 1 },
    });
  });

  test("is 0 behind a closed gate whatever else could not be told", () => {
    assert.deepEqual(compose(timeout, scored(0)), { kind: "scored", reward: 0, components: { form: 0, audit: 0 } });
  });

  test("does not mind a watched verifier that could not tell", () => {
    assert.deepEqual(compose(scored(1), scored(1), timeout), { kind: "scored", reward: 2.25, components: { numeric: 1, form: 1 } });
  });

  test("uses the verdict of a verifier that is both the task's own and a term of its own for both", () => {
    // task: 2 * 0.5; form: 0.25 * 0.5
    assert.deepEqual(composeReward({ form: scored(0.5), audit: scored(0) }, { terms, taskVerifier: "form" }), {
      kind: "scored",
      reward: 1.125,
      components: { form: 0.5, audit: 0 },
    });
  });
});

describe("termScores", () => {
  const scoresOf = (numeric: Verdict, form: Verdict, audit: Verdict = scored(0)) =>
    termScores({ numeric, form, audit }, { terms, taskVerifier: "numeric" });

  test("are those of the terms that weigh, and add up to the reward", () => {
    assert.deepEqual(scoresOf(scored(0.5), scored(0.75), scored(1)), [
      { weight: 2, score: 0.5 },
      { weight: 0.25, score: 0.75 },
    ]);
  });

  test("are all 0 behind a closed gate, whatever else could not be told", () => {
    for (const numeric of [scored(1), timeout]) {
      assert.deepEqual(
        scoresOf(numeric, scored(0.49)).map(({ score }) => score),
        [0, 0],
      );
    }
  });
});

describe("composeReward with several verifiers in order", () => {
  const inOrder: readonly RewardTerm[] = [
    { verifier: { first: ["exact", "task"] }, weight: 0.5 },
    { verifier: "form", weight: 0.25 },
  ];
  const composed = (exact: Verdict, numeric: Verdict, form: Verdict = scored(1)) =>
    composeReward({ exact, numeric, form }, { terms: inOrder, taskVerifier: "numeric" });

  test("lets the first that can tell decide, a 0 included, and records all", () => {
    // 0.5 * 0 + 0.25 * 1, whatever the second says
    assert.deepEqual(composed(scored(0), scored(1)), { kind: "scored", reward: 0.25, components: { exact: 0, numeric: 1, form: 1 } });
    // 0.5 * 0.75 + 0.25 * 1
    assert.deepEqual(composed(timeout, scored(0.75)), { kind: "scored", reward: 0.625, components: { numeric: 0.75, form: 1 } });
  });

  test("does not mind that a later one could not tell, and is unscorable where none could", () => {
    assert.deepEqual(composed(scored(1), timeout), { kind: "scored", reward: 0.75, components: { exact: 1, form: 1 } });
    const failure = { failure: "timeout", reason: "2000 ms are over" };
    assert.deepEqual(composed(timeout, timeout), {
      kind: "unscorable",
      failures: [
        { verifier: "exact", ...failure },
        { verifier: "numeric", ...failure },
      ],
    });
  });

  test("gates by the score that decides", () => {
    const gate: readonly RewardTerm[] = [
      { verifier: "task", weight: 1 },
      { verifier: { first: ["strict", "loose"] }, weight: 0, gate: { atLeast: 1 } },
    ];
    const rewardOf = (strict: Verdict, loose: Verdict) =>
      composeReward({ numeric: scored(1), strict, loose }, { terms: gate, taskVerifier: "numeric" });
    assert.deepEqual(rewardOf(scored(0), scored(1)), { kind: "scored", reward: 0, components: { numeric: 1, strict: 0, loose: 1 } });
    assert.deepEqual(rewardOf(timeout, scored(1)), { kind: "scored", reward: 1, components: { numeric: 1, loose: 1 } });
  });

  test("asks each verifier once, the task's own by its id", () => {
    assert.deepEqual(verifiersOf(inOrder, "numeric"), ["exact", "numeric", "form"]);
    assert.deepEqual(verifiersOf(inOrder, "exact"), ["exact", "form"]);
  });
});

describe("verifiersOf", () => {
  test("names the task's own verifier and those of the terms, each once", () => {
    assert.deepEqual(verifiersOf(terms, "numeric"), ["numeric", "form", "audit"]);
    assert.deepEqual(verifiersOf(terms, "form"), ["form", "audit"]);
  });
});

describe("watchingOwn", () => {
  test("adds the task's own verifier where no term names it, and changes no reward", () => {
    const alone: RewardTerm[] = [{ verifier: "pal", weight: 1 }];
    const watched = watchingOwn(alone);
    assert.deepEqual(verifiersOf(watched, "numeric"), ["pal", "numeric"]);
    const verdicts = { pal: scored(0.5), numeric: timeout };
    const reward = composeReward(verdicts, { terms: watched, taskVerifier: "numeric" });
    assert.deepEqual(reward, composeReward(verdicts, { terms: alone, taskVerifier: "numeric" }));
    assert.equal(watchingOwn(terms), terms);
    const either: RewardTerm[] = [{ verifier: { first: ["pal", "task"] }, weight: 1 }];
    assert.equal(watchingOwn(either), either);
  });
});

describe("termScore", () => {
  const verdicts = { pal: timeout, numeric: scored(0.5) };

  test("is the score of the first that can tell", () => {
    assert.equal(termScore(verdicts, { verifier: "task", taskVerifier: "numeric" }), 0.5);
    assert.equal(termScore(verdicts, { verifier: { first: ["pal", "task"] }, taskVerifier: "numeric" }), 0.5);
  });

  test("is unknown where none could tell, or was not asked", () => {
    assert.equal(termScore(verdicts, { verifier: "pal", taskVerifier: "numeric" }), undefined);
    assert.equal(termScore(verdicts, { verifier: "math", taskVerifier: "numeric" }), undefined);
  });
});

describe("rewardingVerifiers", () => {
  test("are those of terms that weigh or gate", () => {
    const some: RewardTerm[] = [
      { verifier: "task", weight: 1 },
      { verifier: "form", weight: 0, gate: { atLeast: 1 } },
      { verifier: "audit", weight: 0 },
    ];
    assert.deepEqual(rewardingVerifiers(some, "numeric"), ["numeric", "form"]);
  });
});

describe("checkTerms", () => {
  test("takes known verifiers and the task's own, and names what is known otherwise", () => {
    checkTerms(
      terms,
      new Map([
        ["form", 1],
        ["audit", 1],
      ]),
    );
    assert.throws(() => checkTerms([{ verifier: { first: ["task", "mth"] }, weight: 1 }], new Map()), /got "mth"; known: task$/);
    assert.throws(
      () => checkTerms(terms, new Map([["form", 1]])),
      (error: VerifierError) => {
        assert.ok(error instanceof VerifierError);
        assert.equal(error.message, 'rewards.terms: a term must name one of the verifiers, got "audit"; known: task, form');
        return true;
      },
    );
  });
});

describe("isRight", () => {
  const task = { verifier: "numeric" };

  test("is what the task's own verifier says, the full score alone", () => {
    const told = [1, 0.99, 0].map((score) => isRight({ task, verdicts: { numeric: scored(score), form: scored(1 - score) } }));
    assert.deepEqual(told, [true, false, false]);
  });

  test("is unknown where it could not tell, or was not asked", () => {
    assert.equal(isRight({ task, verdicts: { numeric: timeout, form: scored(1) } }), undefined);
    assert.equal(isRight({ task, verdicts: { form: scored(1) } }), undefined);
  });
});
