// The loop with alarms: each action on a policy that really learns, and the same end after a restart.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { TrainingError } from "../../src/base/errors.ts";
import type { AlarmAction } from "../../src/rl/alarmConfig.ts";
import { readCarried } from "../../src/rl/carried.ts";
import type { RlConfig } from "../../src/rl/config.ts";
import { aRecord, configure, exact, exactBut, failed, restarted, rewardOf, type ScoreRollout, train } from "../support/tabularRun.ts";

/** In these steps all members earn the same: the alarm of flat groups goes off. */
const troubled = [4, 5];
const flatThen: ScoreRollout = exactBut(troubled, rewardOf(1));
/** One group of each troubled step still teaches, so that there is an update to keep from. */
const almostFlat: ScoreRollout = async (asked, signal) => (asked.rollout.group === 0 ? exact(asked, signal) : flatThen(asked, signal));

const about = (action: AlarmAction, changes: object = {}): RlConfig =>
  configure({ alarms: { flatGroups: { action, above: 0.7, windowGroups: 1 }, calmSteps: 1, ...changes } });
const run = (action: AlarmAction, changes: object = {}) => train({ config: about(action, changes), deps: { score: almostFlat } });

describe("trainPolicy, its alarms", () => {
  test("warns once while the trouble persists, and learns on", async () => {
    const { record } = await run("warn");
    const told = record.steps.map(({ notes }) => notes.filter((note) => note.startsWith("alarm")));
    assert.deepEqual(
      told.flatMap((notes, step) => (notes.length > 0 ? [step] : [])),
      [4],
    );
    assert.match(told[4]![0]!, /alarm "flatGroups": 75 % of the last 4 groups have members that all earned the same, more than 70 %/);
    assert.deepEqual(
      [record.steps[4]!.metrics["alarms"], record.steps[4]!.metrics["alarm/flatGroups"], record.steps[3]!.metrics["alarms"]],
      [1, 1, 0],
    );
    assert.equal(record.chain, (await run("off")).record.chain);
  });

  test("skips each step of the trouble and says why", async () => {
    const { record } = await run("skip");
    const parameters = record.steps.map(({ digests }) => digests["parameters"]);
    assert.deepEqual([parameters[4], parameters[5]], [parameters[3], parameters[3]]);
    assert.notEqual(parameters[6], parameters[5]);
    for (const step of troubled) assert.match(record.steps[step]!.notes.join(), /update skipped: alarm "flatGroups": 75 %/);
    assert.deepEqual(
      troubled.map((step) => record.steps[step]!.metrics["skippedUpdates"]),
      [1, 1],
    );
  });

  test("slows down, once for the whole trouble", async () => {
    const { record } = await run("slow", { slowFactor: 0.25 });
    const rates = record.steps.map(({ metrics }) => metrics["learningRate"]);
    assert.deepEqual(rates.slice(3, 7), [0.1, 0.025, 0.025, 0.025]);
    assert.match(record.steps[4]!.notes.join(), /learning rate times 0\.25/);
    assert.notEqual(record.chain, (await run("off")).record.chain);
  });

  test("goes back to the last checkpoint, until it may not any more", async () => {
    const record = aRecord();
    const raised = await train({ config: about("go-back"), record, deps: { score: almostFlat } }).catch((error: unknown) => error);
    assert.ok(raised instanceof TrainingError);
    assert.match(
      raised.message,
      /may go back at most 3 times, got another cause: alarm "flatGroups": .*; resumed as it is, the run ends here/,
    );
    assert.deepEqual(
      record.wentBack.map(({ step, reason }) => [step, /alarm "flatGroups": 75 %/.test(reason)]),
      [
        [4, true],
        [4, true],
        [4, true],
      ],
    );
    assert.equal(record.points.at(-1)!.guard.learningRateScale, 1 / 8);
  });

  test("goes back once and on from there where that helps", async () => {
    const attempts = new Map<string, number>();
    const onlyFirstAttempt: ScoreRollout = async (asked, signal) => {
      const { id } = asked.rollout;
      attempts.set(id, (attempts.get(id) ?? 0) + 1);
      return id.startsWith("5.") && attempts.get(id) === 1 ? rewardOf(1) : exact(asked, signal);
    };
    const { record, nextStep } = await train({ config: about("go-back"), deps: { score: onlyFirstAttempt } });
    assert.deepEqual([nextStep, record.steps.length, record.wentBack.map(({ step }) => step)], [12, 12, [5]]);
    assert.equal(record.steps[3]!.metrics["learningRate"], 0.05);
    const { alarms } = readCarried(record.points.at(-1)!);
    assert.equal(alarms!.entropies.length, 12, "one a step: those of the steps taken back are forgotten");
  });

  test("tells every alarm of a step, also where another is stronger", async () => {
    const oneInEight: ScoreRollout = async (asked, signal) =>
      asked.rollout.id.startsWith("4.") && asked.rollout.index === 0 ? failed : exact(asked, signal);
    const both = (errored: AlarmAction, unscorable: AlarmAction): RlConfig =>
      configure({ alarms: { errored: { action: errored }, unscorable: { action: unscorable, stopAbove: 1 } } });
    const notesOf = async (config: RlConfig) => (await train({ config, deps: { score: oneInEight } })).record.steps[4]!.notes.join("\n");
    const [first, second] = ["12.5 % of the rollouts had a verifier that failed", "12.5 % of the rollouts have no reward"];
    assert.match(
      await notesOf(both("skip", "skip")),
      new RegExp(`^update skipped: alarm "errored": ${first}.*; alarm "unscorable": ${second}`),
    );
    assert.match(
      await notesOf(both("warn", "skip")),
      new RegExp(`^update skipped: alarm "unscorable": ${second}.*; alarm "errored": ${first}`),
    );

    const attempts = new Set<string>();
    const firstTime: ScoreRollout = async (asked, signal) => {
      const isFirst = !attempts.has(asked.rollout.id);
      attempts.add(asked.rollout.id);
      return isFirst ? oneInEight(asked, signal) : exact(asked, signal);
    };
    const { record } = await train({ config: both("go-back", "slow"), deps: { score: firstTime } });
    assert.match(record.wentBack[0]!.reason, new RegExp(`"errored": ${first}.*; alarm "unscorable": ${second}.*learning rate times 0.5`));
    assert.equal(record.wentBack.length, 1);
  });

  test("stops, names the alarm, and keeps the step's rollouts", async () => {
    const record = aRecord();
    await assert.rejects(train({ config: about("stop"), record, deps: { score: almostFlat } }), (error) => {
      assert.ok(error instanceof TrainingError);
      assert.match(error.message, /alarm "flatGroups" ends the run after 4 steps, as rl\.alarms\.flatGroups\.action says: 75 %/);
      assert.match(
        error.message,
        /; resumed as it is, the run ends here again: fork it .*, such as --set rl\.alarms\.flatGroups\.action=warn$/,
      );
      return true;
    });
    assert.deepEqual([record.steps.length, record.attempts.map(({ step }) => step)], [4, [4]]);
  });

  test("ends where the undisturbed run ends after a kill in the middle of the trouble", async () => {
    for (const action of ["warn", "skip", "slow"] as const) {
      const config = about(action, { calmSteps: 3, repeatSteps: 4 });
      const undisturbed = await train({ config, deps: { score: almostFlat } });
      const killed = aRecord();
      const crash: ScoreRollout = async (asked, signal) => {
        if (asked.rollout.id.startsWith("5.2.")) throw new Error("killed");
        return almostFlat(asked, signal);
      };
      await assert.rejects(train({ config, record: killed, deps: { score: crash } }), /killed/);
      const resumed = await train({ ...(await restarted(killed)), config, deps: { score: almostFlat } });
      assert.equal(resumed.record.chain, undisturbed.record.chain, action);
      assert.deepEqual(resumed.record.points.at(-1)!.carried, undisturbed.record.points.at(-1)!.carried, action);
      const notes = (record: typeof killed) => record.steps.map((step) => step.notes);
      assert.deepEqual(notes(resumed.record), notes(undisturbed.record), action);
    }
  });
});

describe("trainPolicy, alarms where nothing was learned since the last checkpoint", () => {
  const flatFrom = (first: number, last: number) => {
    const trouble = exactBut(
      Array.from({ length: last - first + 1 }, (_, i) => first + i),
      rewardOf(1),
    );
    const score: ScoreRollout = async (asked, signal) => (asked.rollout.group === 0 ? exact(asked, signal) : trouble(asked, signal));
    return { score };
  };

  test("skips the step instead of going back to it, and goes on with other tasks at the same rate", async () => {
    const { record, nextStep } = await train({ config: about("go-back"), deps: flatFrom(3, 3) });
    assert.deepEqual([nextStep, record.wentBack], [12, []]);
    assert.match(
      record.steps[3]!.notes.join(),
      /update skipped: alarm "flatGroups": 75 %.*; not gone back, since nothing was learned after/,
    );
    assert.equal(record.steps[3]!.digests["parameters"], record.steps[2]!.digests["parameters"]);
    assert.deepEqual([record.steps[4]!.metrics["updates"], record.steps[4]!.metrics["learningRate"]], [1, 0.1]);
  });

  test("goes back where something was", async () => {
    const config = configure({
      alarms: { flatGroups: { action: "go-back", above: 0.7, windowGroups: 1 } },
      stability: { maxRollbacks: 1 },
    });
    const record = aRecord();
    await assert.rejects(train({ config, record, deps: flatFrom(4, 4) }), TrainingError);
    assert.deepEqual(
      record.wentBack.map(({ step }) => step),
      [4],
    );
  });

  for (const action of ["skip", "go-back"] as const) {
    test(`ends at the third step of a row that is not learned from, and says what helps, with ${action}`, async () => {
      const record = aRecord();
      const raised = await train({ config: about(action, { repeatSteps: 1 }), record, deps: flatFrom(3, 11) }).catch(
        (error: unknown) => error,
      );
      assert.ok(raised instanceof TrainingError);
      assert.match(
        raised.message,
        /fewer than 3 steps in a row may be skipped where nothing was learned since .*, got another cause: alarm "flatGroups": .*; resumed as it is, .* --set rl\.alarms\.flatGroups\.action=warn$/,
      );
      assert.deepEqual([record.wentBack, record.steps.length, record.attempts.map(({ step }) => step)], [[], 5, [5]]);
    });
  }

  for (const alarm of ["errored", "unscorable"] as const) {
    const levels = { errored: {}, unscorable: { stopAbove: 1 } };
    const config = configure({ alarms: { ...levels, [alarm]: { ...levels[alarm], action: "go-back" } } });

    test(`goes back all the same for verdicts that failed, which are asked for again: ${alarm}`, async () => {
      const asked = new Set<string>();
      const onlyOnce: ScoreRollout = async (request, signal) => {
        const isAgain = asked.has(request.rollout.id);
        asked.add(request.rollout.id);
        return request.rollout.id.startsWith("3.") && !isAgain ? failed : exact(request, signal);
      };
      const { record } = await train({ config, deps: { score: onlyOnce } });
      assert.deepEqual(
        record.wentBack.map(({ step }) => step),
        [3],
      );
      assert.deepEqual([record.steps[3]!.metrics["unscorable"], record.steps[3]!.metrics["updates"]], [0, 1]);
    });

    test(`not more often than allowed: ${alarm}`, async () => {
      const record = aRecord();
      await assert.rejects(
        train({ config, record, deps: { score: exactBut([3], failed) } }),
        new RegExp(`may go back at most 3 times, got another cause: alarm "${alarm}": .*; repair the verifier`),
      );
      assert.deepEqual([record.wentBack.length, record.steps.length], [3, 3]);
    });
  }

  test("ends the same after it was stopped between the checkpoint and the trouble", async () => {
    const config = about("go-back");
    const undisturbed = await train({ config, deps: flatFrom(3, 3) });
    const killed = aRecord();
    const crash: ScoreRollout = async (asked, signal) => {
      if (asked.rollout.id.startsWith("4.2.")) throw new Error("killed");
      return flatFrom(3, 3).score(asked, signal);
    };
    await assert.rejects(train({ config, record: killed, deps: { score: crash } }), /killed/);
    const resumed = await train({ ...(await restarted(killed)), config, deps: flatFrom(3, 3) });
    assert.equal(resumed.record.chain, undisturbed.record.chain);
  });

  test("says of a verifier that failed that a resumed run asks it again", async () => {
    const config = configure({ alarms: { errored: { action: "stop" }, unscorable: { stopAbove: 1 } } });
    await assert.rejects(
      train({ config, deps: { score: exactBut([4], failed) } }),
      /"errored" ends the run after 4 steps, .*; repair the verifier and resume the run, which asks again .* rl\.alarms\.errored\.action=warn$/,
    );
  });
});

describe("trainPolicy, alarms of verdicts that checkpoints carry", () => {
  const sampled = { sampling: { lag: 2 } };
  const deps = { score: exactBut([4], failed) };
  const deletion =
    /; repair the verifier, delete the newest checkpoint's folder where it carries .*, and resume the run, .*, or fork it with/;

  test("say that its folder has to go before they are asked for again", async () => {
    const alarms = { errored: { action: "stop" }, unscorable: { stopAbove: 1 } };
    await assert.rejects(train({ config: configure({ ...sampled, alarms }), deps }), deletion);
    await assert.rejects(train({ config: configure(sampled), deps }), deletion);
  });

  test("do not go back to them", async () => {
    const alarms = { errored: { action: "go-back" }, unscorable: { stopAbove: 1 } };
    const { record } = await train({ config: configure({ ...sampled, alarms }), deps: { score: exactBut([3], failed) } });
    assert.deepEqual(record.wentBack, []);
    assert.match(record.steps[3]!.notes.join(), /update skipped: alarm "errored": 100 %.*; not gone back/);
  });

  test("are asked for again once the folder is gone", async () => {
    const config = configure({ ...sampled, alarms: { errored: { action: "stop" }, unscorable: { stopAbove: 1 } } });
    const stopped = aRecord();
    await assert.rejects(train({ config, record: stopped, deps }), /"errored" ends the run after 4 steps/);
    await assert.rejects(
      train({ ...(await restarted(stopped)), config }),
      /"errored" ends the run after 4 steps/,
      "with a verifier that works",
    );
    const { nextStep } = await train({ ...(await restarted(stopped, 2)), config });
    assert.equal(nextStep, 12);
  });
});

describe("trainPolicy, alarms of the first update", () => {
  test("keep it from being applied", async () => {
    const config = configure({ alarms: { entropy: { action: "skip", floor: 1 } }, stability: { maxSkippedInARow: 20 } });
    const { record } = await train({ config });
    // The entropy of a policy that learns falls below that of its start as soon as there are five steps to compare.
    const skipped = record.steps.flatMap(({ step, notes }) =>
      notes.some((note) => /update skipped: alarm "entropy"/.test(note)) ? [step] : [],
    );
    assert.ok(skipped.length > 0 && skipped[0]! >= 5, `skipped ${skipped}`);
    assert.equal(record.steps[skipped[0]!]!.digests["parameters"], record.steps[skipped[0]! - 1]!.digests["parameters"]);
  });
});

describe("trainPolicy, with a scorer that fails", () => {
  const failing = (share: number): ScoreRollout => {
    return async (asked, signal) => ((asked.rollout.group * 8 + asked.rollout.index) % 10 < 10 * share ? failed : exact(asked, signal));
  };

  test("stops where nine in ten cannot be scored, and says so", async () => {
    await assert.rejects(train({ deps: { score: failing(0.9) } }), /at most 0\.05 of a step's rollouts may be unscorable, got 29 of 32/);
  });

  test("until then learns from the survivors exactly as if they had been alone", async () => {
    // group by group the same members survive: 4 of 8, the fewest that make a baseline
    const alternate: ScoreRollout = async (asked, signal) => (asked.rollout.index % 2 === 1 ? failed : exact(asked, signal));
    const config = configure({ alarms: { unscorable: { stopAbove: 0.5 } } });
    const { record } = await train({ config, deps: { score: alternate } });
    const survivors = record.steps[0]!.rollouts.filter(({ reward }) => reward !== undefined);
    const alone = survivors.filter(({ rollout }) => rollout.group === 0).map(({ reward }) => reward!);
    const mean = alone.reduce((sum, reward) => sum + reward, 0) / alone.length;
    const std = Math.sqrt(alone.reduce((sum, reward) => sum + (reward - mean) ** 2, 0) / (alone.length - 1));
    const advantages = survivors.filter(({ rollout }) => rollout.group === 0).map(({ advantage }) => advantage);
    const expected = std === 0 ? alone.map(() => undefined) : alone.map((reward) => (reward - mean) / (std + 1e-4));
    assert.deepEqual(advantages, expected);
    assert.match(record.steps[0]!.notes.join(), /alarm "unscorable": 50 % of the rollouts have no reward/);
    assert.match(record.steps[0]!.notes.join(), /alarm "errored": 50 %/);
  });
});
