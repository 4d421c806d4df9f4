import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { rolloutDigests } from "../../src/rl/record.ts";
import { aRollout, aScoredRollout, scored, unscorable } from "../support/rollouts.ts";

const one = aScoredRollout(scored(1));

describe("rolloutDigests", () => {
  test("is the same for the same rollouts", () => {
    assert.deepEqual(rolloutDigests([one, one]), rolloutDigests([structuredClone(one), one]));
  });

  test("sees a token, a log-probability and a forced token", () => {
    const { rollouts } = rolloutDigests([one]);
    const changes = [
      { tokens: Int32Array.of(5, 7) },
      { logProbs: Float32Array.of(-0.5, Math.fround(-0.5000001)) },
      { chosen: Uint8Array.of(1, 0) },
      { promptTokens: Int32Array.of(3, 5) },
    ];
    for (const change of changes)
      assert.notEqual(rolloutDigests([aScoredRollout(scored(1), { rollout: aRollout(change) })]).rollouts, rollouts);
  });

  test("sees the experts, and that there are some", () => {
    const experts = [undefined, Uint16Array.of(1, 2), Uint16Array.of(2, 1), Uint16Array.of(1, 2, 0)];
    const digests = experts.map((ids) => {
      return rolloutDigests([aScoredRollout(scored(1), { rollout: aRollout(ids === undefined ? {} : { experts: ids }) }), one]).rollouts;
    });
    assert.equal(new Set(digests).size, experts.length);
  });

  test("sees a token that moves from the prompt to the response", () => {
    const at = (promptTokens: number[], tokens: number[]) =>
      aScoredRollout(scored(1), {
        rollout: aRollout({
          promptTokens: Int32Array.from(promptTokens),
          tokens: Int32Array.from(tokens),
          chosen: new Uint8Array(2),
          logProbs: new Float32Array(2),
        }),
      });
    assert.notEqual(rolloutDigests([at([1, 2], [3, 4])]).rollouts, rolloutDigests([at([1], [2, 3, 4])]).rollouts);
  });

  test("tells a zero from an unscorable verdict, and one reason from another", () => {
    const verdicts = [scored(0), unscorable("timeout"), unscorable("crash"), { ...scored(0), evidence: "other" }];
    const digests = verdicts.map((verdict) => rolloutDigests([aScoredRollout(verdict)]).rewards);
    assert.equal(new Set(digests).size, 4);
  });

  test("keeps rewards apart from rollouts", () => {
    assert.equal(rolloutDigests([aScoredRollout(scored(0))]).rollouts, rolloutDigests([one]).rollouts);
  });
});
