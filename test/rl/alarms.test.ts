import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { StepMetrics } from "../../src/policy/backend.ts";
import { AlarmsConfig } from "../../src/rl/alarmConfig.ts";
import {
  AlarmState,
  type Finding,
  initialAlarms,
  judgeRollouts,
  judgeUpdate,
  raiseAlarms,
  rememberEntropy,
  rememberGroups,
  strongest,
} from "../../src/rl/alarms.ts";

const config = AlarmsConfig.parse({});
const causes = (findings: readonly Finding[]): Record<string, string | undefined> =>
  Object.fromEntries(findings.map(({ alarm, cause }) => [alarm, cause]));

describe("judgeRollouts", () => {
  for (const [alarm, level] of [
    ["errored", 0.05],
    ["unscorable", 0.01],
  ] as const) {
    test(`takes ${alarm} at its level, and not above it`, () => {
      const judge = (value: number) => causes(judgeRollouts({ [alarm]: value }, { state: initialAlarms, config }))[alarm];
      assert.deepEqual([judge(level - 0.001), judge(level)], [undefined, undefined]);
      assert.match(judge(level + 0.001)!, new RegExp(`more than ${100 * level} %`));
    });
  }

  test("judges nothing that was not measured", () => assert.deepEqual(judgeRollouts({ reward: 1 }, { state: initialAlarms, config }), []));
});

describe("judgeRollouts, of flat groups", () => {
  const settings = AlarmsConfig.parse({ flatGroups: { windowGroups: 10 } });
  type Step = readonly [count: number, flatShare: number | undefined];
  const seen = (steps: readonly Step[]): AlarmState =>
    steps.reduce((state, [count, flatShare]) => rememberGroups(state, { count, flatShare, config: settings }), initialAlarms);
  const judge = (steps: readonly Step[]) => {
    const flatShare = steps.at(-1)![1];
    const metrics = flatShare === undefined ? {} : { flatGroups: flatShare };
    return judgeRollouts(metrics, { state: seen(steps), config: settings })[0];
  };

  test("takes a window at its level, and not above it", () => {
    assert.equal(judge([[10, 0.6]])?.cause, undefined);
    assert.match(judge([[10, 0.7]])!.cause!, /^70 % of the last 10 groups have members that all earned the same, more than 60 %$/);
  });

  test("says nothing before the window is full, and counts groups, not steps", () => {
    const two: Step = [2, 1];
    assert.equal(judge([two, two, two, two]), undefined);
    assert.match(judge([two, two, two, two, two])!.cause!, /^100 % of the last 10 groups/);
    // (1 * 1 + 9 * 0.5) / 10 = 0.55, where the mean over steps is 0.75
    assert.equal(
      judge([
        [1, 1],
        [9, 0.5],
      ])!.cause,
      undefined,
    );
  });

  test("forgets the steps that the window does not need", () => {
    const state = seen([
      [8, 1],
      [1, 1],
      [4, 0],
      [5, 0.2],
    ]);
    assert.deepEqual(state.groups, [
      { count: 1, flatShare: 1 },
      { count: 4, flatShare: 0 },
      { count: 5, flatShare: 0.2 },
    ]);
  });

  test("does not judge a step that had no groups", () => {
    assert.equal(
      judge([
        [10, 1],
        [0, undefined],
      ]),
      undefined,
    );
    assert.deepEqual(
      seen([
        [10, 1],
        [0, undefined],
      ]),
      seen([[10, 1]]),
    );
  });
});

describe("AlarmState", () => {
  for (const groups of [[{ count: 0, flatShare: 0 }], [{ count: 4, flatShare: 1.5 }], undefined]) {
    test(`is not taken back from a checkpoint with groups ${JSON.stringify(groups)}`, () =>
      assert.equal(AlarmState.safeParse({ ...initialAlarms, groups }).success, false));
  }

  test("is taken back as it was", () => {
    const groups = [{ count: 4, flatShare: 0.25 }];
    assert.deepEqual(AlarmState.parse({ ...initialAlarms, groups }), { ...initialAlarms, groups });
  });
});

describe("judgeUpdate, of the mismatch", () => {
  const sound = { mismatchFactor: 1, mismatchKl: 0, mismatchEss: 1, mismatchWeight: 1 };
  const judge = (metrics: StepMetrics) => causes(judgeUpdate({ ...sound, ...metrics }, { state: initialAlarms, config }))["mismatch"];

  for (const [name, inside, level, beyond] of [
    ["mismatchFactor", 1.0499, 1.05, 1.0501],
    ["mismatchKl", 0.0999, 0.1, 0.1001],
    ["mismatchEss", 0.3001, 0.3, 0.2999],
    ["mismatchWeight", 0.5001, 0.5, 0.4999],
    ["mismatchWeight", 1.9999, 2, 2.0001],
  ] as const) {
    test(`takes ${name} at ${level}, and not beyond`, () => {
      assert.deepEqual([judge({ [name]: inside }), judge({ [name]: level })], [undefined, undefined]);
      assert.match(judge({ [name]: beyond })!, new RegExp(String(level)));
    });
  }

  test("tells all that is wrong at once", () => {
    assert.match(judge({ mismatchFactor: 1.2, mismatchKl: 0.4 })!, /exp \|log w\| is 1\.200, .* KL is 0\.4000, /);
  });
});

describe("judgeUpdate, of the entropy", () => {
  const seen = (entropies: readonly number[]): AlarmState =>
    entropies.reduce((state, entropy) => rememberEntropy(state, { entropy, config }), initialAlarms);
  const judge = (entropies: readonly number[]) => causes(judgeUpdate({}, { state: seen(entropies), config }))["entropy"];
  const flat = (value: number, count: number): number[] => new Array(count).fill(value);

  test("takes a tenth of the start, and not less", () => {
    const start = flat(1, 5);
    assert.equal(judge([...start, ...flat(0.1, 5)]), undefined);
    assert.match(judge([...start, ...flat(0.0999, 5)])!, /entropy is 0\.0999, less than 0\.1 times the 1\.00 of the start/);
  });

  test("takes half of what it was fifty steps ago, and not less", () => {
    assert.equal(judge([...flat(1, 45), ...flat(0.5, 5)]), undefined);
    assert.match(judge([...flat(1, 45), ...flat(0.499, 5)])!, /lost more than 50 %/);
    assert.equal(judge([...flat(1, 44), ...flat(0.499, 5)]), undefined, "not before there are fifty");
  });

  test("compares medians: one odd step is no collapse", () => {
    assert.equal(judge([...flat(1, 47), 0.001, 1, 0.001]), undefined);
    assert.match(judge([...flat(1, 47), ...flat(0.001, 3)])!, /of the start/);
  });

  test("remembers the start however long ago it was, and no NaN", () => {
    const state = seen([...flat(2, 5), Number.NaN, ...flat(1, 200)]);
    assert.deepEqual([state.startEntropy, state.entropies.length], [2, 50]);
  });
});

describe("raiseAlarms", () => {
  const finding = (isPassed: boolean): Finding => ({ alarm: "flatGroups", cause: isPassed ? "0.9" : undefined });
  /** The steps in which an alarm was raised or acted, over a row of steps whose level is passed or not. */
  function raisedIn(steps: readonly boolean[], about: Partial<AlarmsConfig["flatGroups"]> = {}): number[] {
    const settings = AlarmsConfig.parse({ flatGroups: about, repeatSteps: 6, calmSteps: 2 });
    let state = initialAlarms;
    return steps.flatMap((isPassed, step) => {
      const raised = raiseAlarms(state, { step, findings: [finding(isPassed)], config: settings });
      state = raised.state;
      return raised.alarms.length > 0 ? [step] : [];
    });
  }
  const [bad, good] = [true, false];

  test("is quiet while an alarm persists, and repeats it after repeatSteps", () => {
    assert.deepEqual(raisedIn([bad, bad, bad, bad, bad, bad, bad, bad]), [0, 6]);
  });

  test("takes it for over only after calmSteps inside the level", () => {
    assert.deepEqual(raisedIn([bad, good, bad, good, bad]), [0]);
    assert.deepEqual(raisedIn([bad, good, good, bad]), [0, 3]);
  });

  test("skips every step that passes the level", () => {
    assert.deepEqual(raisedIn([bad, bad, good, bad], { action: "skip" }), [0, 1, 3]);
  });

  test("is raised at once for a reason that was not told yet, and not for one that was", () => {
    let state = initialAlarms;
    const toldIn = ([["length"], ["length"], ["length", "trend"], ["trend"], ["length"]] as const).map((reasons, step) => {
      const raised = raiseAlarms(state, { step, findings: [{ alarm: "hack", cause: reasons.join(), reasons }], config });
      state = raised.state;
      return raised.alarms.map(({ cause }) => cause);
    });
    assert.deepEqual(toldIn, [["length"], [], ["length,trend"], [], []]);
  });

  test("does not look where the recipe says so", () => assert.deepEqual(raisedIn([bad, bad], { action: "off" }), []));

  test("gives the same from a state that went through JSON", () => {
    const once = raiseAlarms(initialAlarms, { step: 3, findings: [{ ...finding(true), reasons: ["trend"] }], config }).state;
    const again = { step: 4, findings: [{ ...finding(true), reasons: ["trend"] }], config };
    assert.deepEqual(raiseAlarms(JSON.parse(JSON.stringify(once)), again), raiseAlarms(once, again));
  });
});

describe("strongest", () => {
  test("is the action that does most", () => {
    const alarm = (action: "warn" | "slow" | "skip" | "go-back") => ({ alarm: "entropy", action, cause: "" }) as const;
    assert.equal(strongest([alarm("slow"), alarm("go-back"), alarm("warn"), alarm("skip")])?.action, "go-back");
    assert.equal(strongest([]), undefined);
  });
});

describe("AlarmsConfig", () => {
  test("refuses keys and actions that it does not know", () => {
    assert.equal(AlarmsConfig.safeParse({ entropi: {} }).success, false);
    assert.equal(AlarmsConfig.safeParse({ entropy: { above: 1 } }).success, false);
    assert.equal(AlarmsConfig.safeParse({ entropy: { action: "panic" } }).success, false);
  });
});
