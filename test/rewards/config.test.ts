import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { RewardConfig } from "../../src/rewards/config.ts";

const verifiers = [{ use: "numeric" }];

/** The first complaint, as "path: message". */
function complaint(input: unknown): string {
  const parsed = RewardConfig.safeParse(input);
  assert.ok(!parsed.success);
  const { path, message } = parsed.error.issues[0]!;
  return `${path.join(".")}: ${message}`;
}

describe("RewardConfig", () => {
  test("needs only verifiers: the reward is the score of the task's own", () => {
    assert.deepEqual(RewardConfig.parse({ verifiers }), {
      verifiers: [{ use: "numeric", deadlineMs: 2000 }],
      terms: [{ verifier: "task", weight: 1 }],
      numWorkers: 2,
      sandbox: "jail",
    });
  });

  test("refuses what would have no meaning", () => {
    assert.match(complaint({}), /^verifiers: /);
    assert.match(complaint({ verifiers: [] }), /^verifiers: /);
    assert.match(complaint({ verifiers: [{ use: "numeric", deadlineMs: 0 }] }), /^verifiers\.0\.deadlineMs: /);
    assert.match(complaint({ verifiers, terms: [{ verifier: "task", weight: -1 }] }), /^terms\.0\.weight: /);
    assert.match(complaint({ verifiers, terms: [{ verifier: "task", weight: Number.NaN }] }), /^terms\.0\.weight: /);
    assert.match(complaint({ verifiers, terms: [{ verifier: "task", weight: 1, gate: { atLeast: 0 } }] }), /^terms\.0\.gate\.atLeast: /);
    assert.match(
      complaint({ verifiers, terms: [{ verifier: "task", weight: 0, gate: { atLeast: 1 } }] }),
      /^terms: must hold a weight above 0/,
    );
    assert.match(complaint({ verifiers: [...verifiers, ...verifiers] }), /^verifiers\.1\.use: must not be listed twice, got "numeric"/);
    const twice = [
      { verifier: "task", weight: 1 },
      { verifier: "form", weight: 1 },
      { verifier: "task", weight: 2 },
    ];
    assert.match(complaint({ verifiers, terms: twice }), /^terms\.2\.verifier: must not have two terms, got "task"/);
    const order = (...first: string[]) => ({ verifier: { first }, weight: 1 });
    assert.match(complaint({ verifiers, terms: [order("task", "form"), order("task", "form")] }), /^terms\.1\.verifier: must not have two/);
    assert.match(complaint({ verifiers, terms: [order("task", "task")] }), /^terms\.0\.verifier\.first: must name each verifier once/);
    assert.match(complaint({ verifiers, terms: [order("task")] }), /^terms\.0\.verifier/);
    assert.match(complaint({ verifiers, wokers: 3 }), /wokers/);
  });
});
