import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { ForwardSample } from "../../src/policy/backend.ts";
import { sampledMismatch } from "../../src/rl/mismatch.ts";
import { aRollout } from "../support/rollouts.ts";

describe("sampledMismatch", () => {
  test("compares the chosen tokens of the newest piece, each with its own", async () => {
    // Positions 1 to 4 are of the newest version, 2 is forced: asked are 1, 3, 4, behind two prompt tokens.
    const paused = aRollout({
      policy: [
        { version: "old", from: 0 },
        { version: "new", from: 1 },
      ],
      tokens: Int32Array.of(5, 6, 7, 8, 9),
      chosen: Uint8Array.of(1, 1, 0, 1, 1),
      logProbs: Float32Array.of(-9, -0.5, Number.NaN, -0.25, -1),
    });
    const forced = aRollout({ chosen: new Uint8Array(2) });
    const asked: ForwardSample[] = [];
    const forward = async (samples: readonly ForwardSample[]) => {
      asked.push(...samples);
      return [{ logProb: Float32Array.of(-0.5, -0.75, -2), entropy: new Float32Array(3) }];
    };
    const found = await sampledMismatch({ forward }, [paused, forced]);
    assert.deepEqual(
      asked.map(({ tokens, targets }) => [[...tokens], [...targets]]),
      [
        [
          [3, 4, 5, 6, 7, 8, 9],
          [3, 5, 6],
        ],
      ],
    );
    // differences 0, 0.5, 1
    assert.deepEqual(found, { mismatch: 0.5, mismatchShare: 2 / 3, mismatchMax: 1 });
  });

  test("sends tokens to the experts that were recorded, as a rollout that went on was sampled", async () => {
    const experts = Uint16Array.of(1, 0, 1);
    const asked: ForwardSample[] = [];
    const forward = async (samples: readonly ForwardSample[]) => {
      asked.push(...samples);
      return [{ logProb: Float32Array.of(-0.5, -0.5), entropy: new Float32Array(2) }];
    };
    await sampledMismatch({ forward }, [aRollout({ experts })]);
    assert.equal(asked[0]!.experts, experts);
  });

  test("is 0 where nothing was chosen", async () => {
    const forward = async () => assert.fail("asked for nothing");
    const found = await sampledMismatch({ forward }, [aRollout({ chosen: new Uint8Array(2) })]);
    assert.deepEqual(found, { mismatch: 0, mismatchShare: 0, mismatchMax: 0 });
  });
});
