// docs/algorithms.md says what recipes accept: every fragment on it is parsed, and every kind has a place there.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import {
  AdvantagesConfig,
  AggregationConfig,
  CorrectionConfig,
  EntropyConfig,
  KlConfig,
  ObjectiveConfig,
} from "../../src/rl/algorithmConfig.ts";
import { RlConfig } from "../../src/rl/config.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/algorithms.md"), "utf8");
const fragments = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => text!);
const unions = {
  advantages: AdvantagesConfig,
  objective: ObjectiveConfig,
  entropy: EntropyConfig,
  kl: KlConfig,
  aggregation: AggregationConfig,
  correction: CorrectionConfig,
};

/** What the page completes a fragment with. */
const complete = (fragment: string) => ({ steps: 10, learningRate: 1e-4, maxNewTokens: 512, ...JSON.parse(fragment) });

describe("docs/algorithms.md", () => {
  for (const fragment of fragments) {
    test(`has a fragment of a recipe: ${fragment.replace(/\s+/g, " ").trim()}`, () => {
      const { data, error } = RlConfig.safeParse(complete(fragment));
      assert.equal(error, undefined);
      // A fragment says what it is about: every key of it is in the result as it was written.
      for (const [key, value] of Object.entries(JSON.parse(fragment)))
        assert.partialDeepStrictEqual({ [key]: data![key as "kl"] }, { [key]: value });
    });
  }

  test("shows every kind of every choice, but for none and the plain token mean", () => {
    const shown = fragments.map((fragment) => JSON.parse(fragment) as Record<string, { kind: string } | undefined>);
    for (const [key, union] of Object.entries(unions)) {
      for (const kind of union.options.map(({ shape }) => shape.kind.value).filter((each) => each !== "none")) {
        assert.ok(
          shown.some((fragment) => fragment[key]?.kind === kind),
          `${key} ${kind}`,
        );
      }
    }
  });

  test("has a preset for each of the well-known algorithms", () => {
    const presets = page.slice(page.indexOf("## Presets"), page.indexOf("## Advantages"));
    for (const name of ["GRPO", "DAPO", "Dr. GRPO", "REINFORCE++", "GSPO", "CISPO", "RLOO", "PPO"])
      assert.ok(presets.includes(`\n${name}`), name);
  });
});
