// A stage that is killed and started again must end like one that was not: the law of everything that is carried from step to step.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readCarried } from "../../src/rl/carried.ts";
import { restoreSource } from "../../src/rl/savedSource.ts";
import type { SourceState } from "../../src/rl/sourceState.ts";
import type { StageStart } from "../../src/train/stage.ts";
import { endlessTasks, train, trainKilled } from "./tabularRun.ts";

export type Stage = NonNullable<Parameters<typeof train>[0]>;

/** As `train`, with tasks that never come again where the stage has none of its own. */
export const run = (stage: Stage) => train({ tasks: endlessTasks, ...stage });

/** What the source carried in a checkpoint. */
export const stateAt = (point: StageStart): SourceState => restoreSource(readCarried(point).source, point.folder);

/** A stage that is killed early, in its middle and twice in a row ends like one that is not. */
export function endsTheSame(name: string, stage: Stage): void {
  const kills = [
    [{ at: "verdict", number: 5 }],
    [{ at: "verdict", number: 90 }],
    [{ at: "measurement", number: 1 }],
    [{ at: "measurement", number: 5 }],
    [
      { at: "measurement", number: 8 },
      { at: "verdict", number: 40 },
      { at: "measurement", number: 2 },
    ],
  ] as const;
  for (const deaths of kills) {
    const when = deaths.map(({ at, number }) => `${at} ${number}`).join(", ");
    test(`ends the same after being killed at ${when}${name}`, async () => {
      const undisturbed = await run(stage);
      const resumed = await trainKilled({ tasks: endlessTasks, ...stage }, deaths);
      assert.equal(resumed.record.chain, undisturbed.record.chain);
      assert.deepEqual(resumed.policy.parameters, undisturbed.policy.parameters);
      // As text: the files of a resumed run have the same bytes.
      const [carried, expected] = [resumed, undisturbed].map(({ record }) => JSON.stringify(record.points.at(-1)?.carried));
      assert.equal(carried, expected);
      assert.deepEqual(stateAt(resumed.record.points.at(-1)!), stateAt(undisturbed.record.points.at(-1)!));
    });
  }
}
