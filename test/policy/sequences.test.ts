import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { rngFor } from "../../src/base/rng.ts";
import type { PolicyConfig } from "../../src/policy/architecture.ts";
import { forwardPass } from "../support/forwardPass.ts";
import { randomSequences, tinyConfig, tinyParameters } from "../support/tinyPolicy.ts";

const configs: Readonly<Record<string, PolicyConfig>> = {
  "grouped heads": tinyConfig(),
  "as many key/value heads as heads": tinyConfig({ numKvHeads: 4 }),
  "no experts": tinyConfig({ numExperts: 0, numLayers: 1 }),
};

describe("forwardSequences", () => {
  for (const [name, config] of Object.entries(configs)) {
    const policy = { config, parameters: tinyParameters(config) };

    test(`gives a sequence the same bits beside any others, in any order, under any padding, with ${name}`, async () => {
      const sequences = randomSequences([9, 2, 70, 1, 3, 33, 2], config);
      await using pass = await forwardPass(policy);
      const rng = rngFor("packing");
      const together = await pass.run(sequences);
      for (let i = 0; i < 12; i++) {
        const order = rng.shuffle([...sequences.keys()]).slice(0, 1 + rng.int(sequences.length));
        // One token alone is a product of one row, which the engine computes in another way; no caller asks for it.
        if (order.every((at) => sequences[at]!.length === 1)) continue;
        const rows = await pass.run(order.map((at) => sequences[at]!));
        order.forEach((at, place) => void assert.deepEqual(rows[place], together[at], `sequence ${at} beside ${order}`));
      }
    });

    test(`does not look ahead, with ${name}`, async () => {
      const [tokens] = randomSequences([20], config) as [Int32Array];
      await using pass = await forwardPass(policy);
      const [rows] = await pass.run([tokens]);
      for (const position of [2, 7, 19]) {
        const [changed] = await pass.run([tokens.with(position, (tokens[position]! + 1) % config.vocabSize)]);
        assert.deepEqual(changed!.slice(0, position), rows!.slice(0, position));
        assert.notDeepEqual(changed![position], rows![position]);
        const [shorter] = await pass.run([tokens.slice(0, position)]);
        assert.deepEqual(shorter, rows!.slice(0, position));
      }
    });
  }

  test("looks back at every token, and at where it stood", async () => {
    const config = tinyConfig({ numLayers: 1 });
    const [tokens] = randomSequences([12], config) as [Int32Array];
    await using pass = await forwardPass({ config, parameters: tinyParameters(config) });
    const last = async (sequence: Int32Array) => (await pass.run([sequence]))[0]!.at(-1)!;
    const rows = [await last(tokens)];
    for (let position = 0; position < 11; position++)
      rows.push(await last(tokens.with(position, (tokens[position]! + 1) % config.vocabSize)));
    rows.push(await last(tokens.with(3, tokens[4]!).with(4, tokens[3]!)));
    assert.equal(new Set(rows.map((row) => row.join())).size, rows.length);
  });
});
