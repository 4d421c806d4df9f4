// What the embedded backend writes into a checkpoint folder, and what it takes from one.

import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { digestBytes } from "../../src/base/digest.ts";
import { CheckpointError } from "../../src/base/errors.ts";
import { mul, sub, sum } from "../../src/graph/ops.ts";
import { parameterLayout } from "../../src/policy/architecture.ts";
import type { Loss } from "../../src/policy/backend.ts";
import { saveCheckpoint } from "../../src/policy/checkpoint.ts";
import { safetensorsChunks } from "../../src/policy/safetensors.ts";
import { backendFromCheckpoint, criticOf, type EmbeddedBackend, policyFromCheckpoint } from "../../src/train/backend.ts";
import { tempFolder } from "../support/tempFolder.ts";
import { adamSettings, engineConfig, oneLayer, openBackend, weightedCrossEntropy } from "../support/tinyBackend.ts";
import { randomSequences, samplesFor, tinyConfig, tinyParameters, tinyTokenizerJson } from "../support/tinyPolicy.ts";

const batch = { samples: samplesFor(randomSequences([12, 5, 9], oneLayer)) };
const otherBatch = { samples: samplesFor(randomSequences([6, 7], oneLayer, "other")) };

async function step(backend: EmbeddedBackend, on = batch): Promise<void> {
  await backend.forwardBackward(on, weightedCrossEntropy);
  await backend.optimStep(adamSettings);
}

describe("save and load", () => {
  test("bring back every bit, and go on as if nothing had happened", async (t) => {
    const folder = join(tempFolder(t), "checkpoint");
    await using backend = openBackend();
    await step(backend);
    await backend.save(folder);
    const saved = await backend.digests();
    await step(backend, otherBatch);
    const after = await backend.digests();
    assert.notDeepEqual(after, saved);

    await backend.forwardBackward(batch, weightedCrossEntropy); // dropped by load
    await backend.load(folder);
    assert.deepEqual(await backend.digests(), saved);
    await step(backend, otherBatch);
    assert.deepEqual(await backend.digests(), after);

    await using resumed = backendFromCheckpoint(folder, engineConfig({ numThreads: 2 }));
    assert.deepEqual(await resumed.digests(), saved);
    await step(resumed, otherBatch);
    assert.deepEqual(await resumed.digests(), after);
    assert.equal(resumed.tokenizer.json, tinyTokenizerJson);
  });

  test("bring back a critic, its value head and its optimizer", async (t) => {
    const folder = join(tempFolder(t), "critic");
    await using policy = openBackend();
    await step(policy);
    await using critic = criticOf(policy, engineConfig());
    const valueLoss: Loss = {
      name: "value",
      settings: {},
      build: ({ value_N, column }) => {
        const error_N = sub(value_N!, column("weight"));
        return { loss: sum(mul(error_N, error_N)), metrics: {} };
      },
    };
    const [before] = await critic.forward(batch.samples);
    assert.deepEqual(before!.logProb, (await policy.forward(batch.samples))[0]!.logProb);
    assert.ok(before!.value!.every((value) => value === 0));
    for (let i = 0; i < 2; i++) {
      await critic.forwardBackward(batch, valueLoss);
      await critic.optimStep(adamSettings);
    }
    const learned = await critic.forward(batch.samples);
    assert.ok(learned[0]!.value!.every((value) => value !== 0));
    await critic.save(folder);
    await using resumed = backendFromCheckpoint(folder, engineConfig());
    assert.deepEqual(await resumed.digests(), await critic.digests());
    assert.deepEqual(await resumed.forward(batch.samples), learned);
    await assert.rejects(policy.load(folder), /its config\.json must describe the policy that is running/);
  });

  test("keep what a foreign checkpoint says about sampling and its chat template", async (t) => {
    const [foreign, own] = [join(tempFolder(t), "foreign"), join(tempFolder(t), "own")];
    const said = { generationConfig: { top_k: 20, temperature: 0.6 }, tokenizerConfig: { chat_template: "{{ messages }}" } };
    saveCheckpoint(foreign, { config: oneLayer, parameters: tinyParameters(oneLayer), tokenizerJson: tinyTokenizerJson, ...said });
    await using backend = backendFromCheckpoint(foreign, engineConfig());
    await step(backend);
    await backend.save(own);
    for (const name of ["generation_config.json", "tokenizer_config.json"])
      assert.equal(readFileSync(join(own, name), "utf8"), readFileSync(join(foreign, name), "utf8"));
  });

  test("a sampler needs no optimizer file, not even a whole one", async (t) => {
    const folder = join(tempFolder(t), "checkpoint");
    await using backend = openBackend();
    await backend.save(folder);
    writeFileSync(join(folder, "optimizer.safetensors"), "damaged");
    await using sampler = policyFromCheckpoint(folder, engineConfig());
    assert.equal((await sampler.digests()).parameters, (await backend.digests()).parameters);
  });

  test("start with a fresh optimizer where a checkpoint has none", async (t) => {
    const folder = join(tempFolder(t), "checkpoint");
    saveCheckpoint(folder, { config: oneLayer, parameters: tinyParameters(oneLayer), tokenizerJson: tinyTokenizerJson });
    await using fresh = openBackend();
    const expected = await fresh.digests();
    await using opened = backendFromCheckpoint(folder, engineConfig());
    assert.deepEqual(await opened.digests(), expected);
    await step(fresh);
    await fresh.load(folder);
    assert.deepEqual(await fresh.digests(), expected);
  });

  test("tell a fresh optimizer as what it is, vectors of zeros, and go on from those to the same bits", async (t) => {
    const folder = join(tempFolder(t), "checkpoint");
    await using fresh = openBackend();
    const zeros = new Float32Array(parameterLayout(oneLayer).total);
    assert.equal((await fresh.digests()).optimizer, digestBytes(zeros, zeros, Float64Array.of(0)));
    await fresh.save(folder);
    await using read = backendFromCheckpoint(folder, engineConfig());
    assert.deepEqual(await read.digests(), await fresh.digests());
    await step(fresh);
    await step(read);
    assert.deepEqual(await read.digests(), await fresh.digests());
  });

  test("refuse a checkpoint of another architecture, and keep what is there", async (t) => {
    const folder = join(tempFolder(t), "checkpoint");
    const other = tinyConfig({ numLayers: 2 });
    saveCheckpoint(folder, { config: other, parameters: tinyParameters(other), tokenizerJson: tinyTokenizerJson });
    await using backend = openBackend();
    const before = await backend.digests();
    await assert.rejects(
      backend.load(folder),
      (error) => error instanceof CheckpointError && /config.json must describe the policy that is running/.test(error.message),
    );
    await assert.rejects(backend.load(join(folder, "nowhere")), CheckpointError);
    assert.deepEqual(await backend.digests(), before);
  });

  test("name what is wrong with an optimizer file", async (t) => {
    const folder = join(tempFolder(t), "checkpoint");
    await using backend = openBackend();
    await backend.save(folder);
    const path = join(folder, "optimizer.safetensors");
    const { total } = parameterLayout(oneLayer);
    const vector = (name: string, length: number) => ({ name, shape: [length], values: () => new Float32Array(length) });
    const damaged: readonly [RegExp, ReturnType<typeof vector>[]][] = [
      [
        /tensor "meanOfSquare" is missing; delete the file to start with a fresh optimizer/,
        [vector("meanOfGradient", total), vector("numUpdates", 1)],
      ],
      [
        /"meanOfGradient" must have shape \[\d+\], got \[5\]/,
        [vector("meanOfGradient", 5), vector("meanOfSquare", total), vector("numUpdates", 1)],
      ],
      [
        /tensor "meanOfSquare" must hold finite numbers; delete the file/,
        [
          vector("meanOfGradient", total),
          { ...vector("meanOfSquare", total), values: () => new Float32Array(total).fill(Number.NaN) },
          vector("numUpdates", 1),
        ],
      ],
    ];
    for (const [message, tensors] of damaged) {
      writeFileSync(path, Buffer.concat([...safetensorsChunks(tensors)]));
      await assert.rejects(backend.load(folder), (error) => error instanceof CheckpointError && message.test(error.message));
      assert.throws(() => backendFromCheckpoint(folder, engineConfig()), CheckpointError);
    }
    writeFileSync(path, readFileSync(path).subarray(0, 40));
    await assert.rejects(backend.load(folder), CheckpointError);
    rmSync(path);
    await backend.load(folder);
    assert.ok(existsSync(folder));
  });
});
