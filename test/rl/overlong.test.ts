import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { type Ending, lengthPenalty, overlongMetrics, overlongRewards } from "../../src/rl/overlong.ts";

const ending = (reward: number | undefined, length: number, finish = "stop"): Ending => ({
  reward,
  rollout: { tokens: { length }, finish },
});

describe("lengthPenalty", () => {
  // L = 20, C = 4: free up to 16, then a quarter for each further token.
  const limits = { maxNewTokens: 20, cacheTokens: 4 };

  test("matches DAPO's three pieces", () => {
    const penalties = [0, 15, 16, 17, 19, 20, 21].map((numTokens) => lengthPenalty(numTokens, limits));
    assert.deepEqual(penalties, [0, 0, 0, -0.25, -0.75, -1, -1]);
  });

  test("falls over the whole length where the stretch is the limit", () => {
    assert.deepEqual(
      [0, 5, 20].map((numTokens) => lengthPenalty(numTokens, { maxNewTokens: 20, cacheTokens: 20 })),
      [0, -0.25, -1],
    );
  });
});

describe("overlongRewards", () => {
  const members = [ending(1, 10), ending(1, 18), ending(0, 20, "length"), ending(undefined, 20, "length")];

  test("are the rewards where length does not matter", () => {
    assert.deepEqual(overlongRewards(members, { overlong: { kind: "none" }, maxNewTokens: 20 }), [1, 1, 0, undefined]);
  });

  test("are lowered by the penalty, and stay unknown where there is none", () => {
    assert.deepEqual(overlongRewards(members, { overlong: { kind: "shape", cacheTokens: 4 }, maxNewTokens: 20 }), [1, 0.5, -1, undefined]);
  });

  test("leave out what was cut, whatever it earned", () => {
    const cut = [...members, ending(1, 20, "length"), ending(1, 20)];
    assert.deepEqual(overlongRewards(cut, { overlong: { kind: "filter" }, maxNewTokens: 20 }), [1, 1, undefined, undefined, undefined, 1]);
  });

  test("are the rewards where no response reaches the stretch that costs, however they end", () => {
    const short = [ending(1, 0), ending(0.5, 15, "length"), ending(undefined, 3), ending(-1, 19)];
    const shape = { kind: "shape", cacheTokens: 1 } as const;
    assert.deepEqual(overlongRewards(short, { overlong: shape, maxNewTokens: 20 }), [1, 0.5, undefined, -1]);
    assert.deepEqual(overlongRewards(short, { overlong: { ...shape, cacheTokens: 7 }, maxNewTokens: 26 }), [1, 0.5, undefined, -1]);
  });

  test("are the rewards where nothing was cut, however long the responses are", () => {
    const whole = [ending(1, 20), ending(0, 19), ending(undefined, 20)];
    assert.deepEqual(overlongRewards(whole, { overlong: { kind: "filter" }, maxNewTokens: 20 }), [1, 0, undefined]);
  });
});

describe("overlongMetrics", () => {
  const members = [ending(1, 18), ending(0, 20, "length"), ending(undefined, 20, "length"), ending(1, 2)];

  test("average the penalty over what could be scored", () => {
    const metrics = overlongMetrics(members, { overlong: { kind: "shape", cacheTokens: 4 }, maxNewTokens: 20 });
    assert.deepEqual(metrics, { "overlong/penalty": -1.5 / 3 });
  });

  test("count what was filtered and would have been learned from", () => {
    assert.deepEqual(overlongMetrics(members, { overlong: { kind: "filter" }, maxNewTokens: 20 }), { "overlong/filtered": 1 / 4 });
  });

  test("say nothing where the length does not matter", () => {
    assert.deepEqual(overlongMetrics(members, { overlong: { kind: "none" }, maxNewTokens: 20 }), {});
  });
});
