import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { echoOf, initialRadar, judgeRadar, type RadarState, rememberEcho } from "../../src/rl/radar.ts";
import { RadarConfig } from "../../src/rl/radarConfig.ts";
import type { RewardedRollout } from "../../src/rl/rollout.ts";
import { aRollout, aScoredRollout, aTask, scored, unscorable } from "../support/rollouts.ts";

const radar = RadarConfig.parse({ verifier: "true", windowSteps: 4 });
const terms = [
  { verifier: "flawed", weight: 1.5 },
  { verifier: "form", weight: 0.5 },
];

/** Scored by the reward and by the held-out verifier. */
function member(reward: number, heldOut: number | undefined, tokens: readonly number[] = [5, 6]): RewardedRollout {
  const rollout = aRollout({ tokens: Int32Array.from(tokens) });
  return {
    ...aScoredRollout(scored(1), { rollout }),
    verdicts: { true: heldOut === undefined ? unscorable("crash") : scored(heldOut) },
    reward,
  };
}

describe("echoOf", () => {
  test("compares the share of the largest reward with the held-out score", () => {
    // shares 1, 0.5, 0 against 0.25, 0.5, 1: distances 0.75, 0, 1
    const echo = echoOf([member(2, 0.25), member(1, 0.5), member(0, 1)], { terms, radar })!;
    assert.deepEqual([echo.reward, echo.heldOut, echo.disagreement], [0.5, 1.75 / 3, 1.75 / 3]);
  });

  test("sorts held-out scores by length, in doublings", () => {
    const ofLength = (length: number, heldOut: number) => member(1, heldOut, new Array(length).fill(1));
    const echo = echoOf([ofLength(8, 1), ofLength(0, 0), ofLength(15, 0), ofLength(16, 0.5), ofLength(7, 0.25)], { terms, radar })!;
    assert.deepEqual(echo.byLength, [atLength(0, 1, 0), atLength(2, 1, 0.25), atLength(3, 2, 0.5), atLength(4, 1, 0.5)]);
  });

  test("looks only at what both could score", () => {
    const unknown = { ...member(2, 1), reward: undefined };
    const echo = echoOf([member(2, 1, [1, 2, 3]), member(2, undefined), unknown], { terms, radar })!;
    assert.deepEqual([echo.reward, echo.heldOut, echo.tokens], [1, 1, 3]);
    assert.equal(echoOf([unknown], { terms, radar }), undefined);
  });

  test("asks the task's own verifier where the recipe says so", () => {
    const own = { ...member(2, 1), task: aTask({ verifier: "true" }) };
    assert.equal(echoOf([own], { terms, radar: { verifier: "task" } })?.heldOut, 1);
  });

  test("counts token sequences that stood there before", () => {
    // of 1 2 1 2 1 2 1 2 the sequences of four are 1212 2121 1212 2121 1212: 2 of 5 are new
    const repetition = (tokens: readonly number[]) => echoOf([member(1, 1, tokens)], { terms, radar })!.repetition;
    assert.ok(Math.abs(repetition([1, 2, 1, 2, 1, 2, 1, 2]) - 3 / 5) < 1e-12);
    assert.deepEqual([repetition([1, 2, 3, 4, 5]), repetition([1, 1, 1])], [0, 0]);
  });
});

const atLength = (doubling: number, count: number, heldOut: number) => ({ doubling, count, heldOut });

describe("judgeRadar", () => {
  const usual = { reward: 0.5, heldOut: 0.5, disagreement: 0.1, tokens: 10, repetition: 0.1, byLength: [atLength(3, 10, 0.5)] };
  const after = (steps: readonly Partial<typeof usual>[]): RadarState =>
    steps.reduce<RadarState>((state, about) => rememberEcho(state, { echo: { ...usual, ...about }, radar }), initialRadar);
  const causeOf = (steps: readonly Partial<typeof usual>[]) => judgeRadar(after(steps), radar)[0]?.cause;
  const four = (about: Partial<typeof usual>) => [about, about, about, about];

  test("says nothing before there is a window to compare with", () => {
    assert.deepEqual(judgeRadar(after([{}, {}, {}]), radar), []);
    assert.equal(causeOf(four({})), undefined);
  });

  test("takes a disagreement that grew as far as it may, and not farther", () => {
    assert.equal(causeOf([...four({}), ...four({ disagreement: 0.1999 })]), undefined);
    assert.match(causeOf([...four({}), ...four({ disagreement: 0.2001 })])!, /reward and held-out verdict differ by 0\.2, 0\.1 at first/);
    assert.equal(causeOf(four({ disagreement: 0.9 })), undefined, "one that was there from the start is no news");
  });

  test("suspects a reward that rises while the held-out score falls, and neither alone", () => {
    const peak = four({ reward: 0.6, heldOut: 0.6 });
    assert.match(
      causeOf([...four({}), ...peak, ...four({ reward: 0.63, heldOut: 0.54 })])!,
      /the reward rose from 0\.6 to 0\.63 while the held-out score fell from 0\.6 to 0\.54/,
    );
    assert.equal(causeOf([...four({}), ...peak, ...four({ reward: 0.61, heldOut: 0.54 })]), undefined);
    assert.equal(causeOf([...four({}), ...peak, ...four({ reward: 0.9, heldOut: 0.56 })]), undefined);
    assert.equal(causeOf([...four({}), ...peak, ...four({ reward: 0.3, heldOut: 0.3 })]), undefined);
  });

  test("suspects a reward that rises while responses of the same length get worse, whatever the held-out score", () => {
    // Half of the responses move from the short ones (0.2) to the long ones (0.8): each is worse by 0.06 or 0.1, the mean better.
    const before = { reward: 0.5, heldOut: 0.32, byLength: [atLength(3, 8, 0.2), atLength(4, 2, 0.8)] };
    const after = (short: number, long: number, reward = 0.6) => ({
      ...{ reward, heldOut: 0.4 * short + 0.6 * long },
      byLength: [atLength(3, 4, short), atLength(4, 6, long)],
    });
    // w = 0.4 and 0.2: (0.4 * 0.06 + 0.2 * 0.1) / 0.6 = 0.0733
    assert.match(
      causeOf([...four(before), ...four(after(0.14, 0.7))])!,
      /^the reward rose from 0\.5 to 0\.6 while the held-out score of responses of the same length fell by 0\.0733$/,
    );
    assert.equal(causeOf([...four(before), ...four(after(0.16, 0.75))]), undefined, "0.0433 is not 0.05");
    assert.equal(causeOf([...four(before), ...four(after(0.14, 0.7, 0.51))]), undefined, "the reward has not risen");
  });

  test("does not compare where fewer than half have the same length", () => {
    const short = { byLength: [atLength(3, 10, 0.5)] };
    const long = (count: number) => ({ reward: 0.6, byLength: [atLength(3, count, 0.2), atLength(4, 10 - count, 0.6)] });
    assert.equal(causeOf([...four(short), ...four(long(4))]), undefined);
    assert.match(causeOf([...four(short), ...four(long(5))])!, /fell by 0\.3/);
  });

  test("suspects responses that grow or shrink by a factor, and repetition", () => {
    assert.deepEqual(
      [causeOf([...four({}), ...four({ tokens: 20 })]), causeOf([...four({}), ...four({ tokens: 5 })])],
      [undefined, undefined],
    );
    assert.match(causeOf([...four({}), ...four({ tokens: 20.5 })])!, /responses have 20\.5 tokens, 10 at first/);
    assert.match(causeOf([...four({}), ...four({ tokens: 4.9 })])!, /responses have 4\.9 tokens/);
    assert.equal(causeOf([...four({}), ...four({ repetition: 0.1999 })]), undefined);
    assert.match(causeOf([...four({}), ...four({ repetition: 0.21 })])!, /21 % of the four-token sequences are repetitions, 10 % at first/);
  });

  test("names its reasons, so that a further one can be told", () => {
    const reasonsOf = (steps: readonly Partial<typeof usual>[]) => judgeRadar(after(steps), radar)[0]?.reasons;
    assert.deepEqual(reasonsOf(four({})), []);
    assert.deepEqual(reasonsOf([...four({}), ...four({ tokens: 20.5, repetition: 0.21 })]), ["length", "repetition"]);
    const peak = four({ reward: 0.6, heldOut: 0.6 });
    assert.deepEqual(reasonsOf([...four({}), ...peak, ...four({ reward: 0.63, heldOut: 0.54, disagreement: 0.5 })]), [
      "disagreement",
      "trend",
    ]);
  });

  test("compares means of a window: one odd step is no drift", () => {
    assert.equal(causeOf([...four({}), {}, {}, {}, { tokens: 40 }]), undefined);
  });

  test("remembers the same through JSON, and no more than two windows", () => {
    const state = after([...four({}), ...four({ heldOut: 0.7 }), ...four({ heldOut: 0.2 })]);
    assert.deepEqual(JSON.parse(JSON.stringify(state)), state);
    assert.deepEqual([state.reference.length, state.recent.length, state.best?.heldOut], [4, 4, 0.7]);
  });
});
