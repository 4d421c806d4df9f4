// The supervised loop over a policy that really learns. Demonstrations say: after an even token k comes k + 1, and the prompt is not learned.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { SftConfig } from "../../src/sft/config.ts";
import { type SftDeps, trainSupervised } from "../../src/sft/loop.ts";
import { MemoryRecord } from "../support/memoryRecord.ts";
import { TabularPolicy } from "../support/tabularPolicy.ts";

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sft-loop-"));
  folders.push(folder);
  return folder;
}

const numTokens = 8;
const never = new AbortController().signal;
const demonstrations: SftDeps["demonstrations"] = (step, count) =>
  Array.from({ length: count }, (_, i) => {
    const k = 2 + 2 * ((step * count + i) % 2); // no token is followed by two others
    return { tokens: Int32Array.of(7, k, k + 1, 0), targets: Int32Array.of(2, 3) };
  });
const config = SftConfig.parse({ steps: 10, batch: 3, learningRate: 0.2, warmupSteps: 2 });

interface Wiring {
  readonly policy?: TabularPolicy;
  readonly record?: MemoryRecord;
  readonly deps?: Partial<SftDeps>;
  readonly signal?: AbortSignal;
  readonly config?: SftConfig;
}

async function train({
  policy = new TabularPolicy(numTokens),
  record = new MemoryRecord(newFolder(), { everySteps: 4 }),
  ...rest
}: Wiring = {}) {
  let nowMs = 0;
  const nextStep = await trainSupervised(
    rest.config ?? config,
    {
      policy,
      demonstrations,
      evaluate: async () => ({}),
      record,
      clock: { nowMs: () => nowMs, elapsedMs: () => (nowMs += 500) },
      stop: never,
      ...rest.deps,
    },
    rest.signal ?? never,
  );
  return { policy, record, nextStep };
}

async function restarted(killed: MemoryRecord): Promise<Wiring> {
  const policy = new TabularPolicy(numTokens);
  const record = new MemoryRecord(newFolder(), { everySteps: 4, earlier: killed, until: Number.POSITIVE_INFINITY });
  await policy.load(record.points.at(-1)!.folder);
  return { policy, record };
}

describe("trainSupervised", () => {
  test("starts at the loss of a policy that knows nothing and learns the demonstrations", async () => {
    const { record } = await train({ config: { ...config, steps: 40 } });
    const losses = record.steps.map(({ metrics }) => metrics["loss"]!);
    assert.ok(Math.abs(losses[0]! - Math.log(numTokens)) < 1e-6, `starts at ${losses[0]}`);
    assert.ok(losses.at(-1)! < 0.1, `ends at ${losses.at(-1)}`);
  });

  test("learns nothing from the prompts", async () => {
    const { policy } = await train();
    const afterPrompt = policy.parameters.subarray(7 * numTokens);
    assert.deepEqual(afterPrompt, new Float32Array(numTokens));
  });

  test("follows the schedule and measures its speed", async () => {
    const { record } = await train();
    assert.deepEqual(
      record.steps.slice(0, 3).map(({ metrics }) => metrics["learningRate"]),
      [0.1, 0.2, 0.2],
    );
    // three sequences of four tokens in the half second that the clock takes
    assert.deepEqual([record.steps[0]!.metrics["seconds/training"], record.steps[0]!.metrics["tokensPerSecond/training"]], [0.5, 24]);
  });

  test("records what was measured after a step", async () => {
    const evaluate: SftDeps["evaluate"] = async (nextStep) => (nextStep === 3 ? { "heldOut/accuracy": 0.5 } : {});
    const { record } = await train({ deps: { evaluate } });
    assert.deepEqual(
      record.steps.map(({ metrics }) => metrics["heldOut/accuracy"]).filter((value) => value !== undefined),
      [0.5],
    );
    assert.equal(record.steps[2]!.metrics["heldOut/accuracy"], 0.5);
  });

  test("saves the first step, every fourth and the last", async () => {
    const { record } = await train();
    assert.deepEqual(
      record.points.map(({ nextStep }) => nextStep),
      [0, 4, 8, 10],
    );
  });

  test("ends where the undisturbed run ends after it was killed", async () => {
    const killed = new MemoryRecord(newFolder(), { everySteps: 4 });
    const crash: SftDeps["demonstrations"] = (step, count) => {
      if (step === 7) throw new Error("killed");
      return demonstrations(step, count);
    };
    await assert.rejects(train({ record: killed, deps: { demonstrations: crash } }), /killed/);
    const resumed = await train(await restarted(killed));
    const undisturbed = await train();
    assert.equal(resumed.record.chain, undisturbed.record.chain);
    assert.deepEqual(resumed.policy.parameters, undisturbed.policy.parameters);
  });

  test("finishes and saves the step when asked to stop", async () => {
    const stop = new AbortController();
    const evaluate: SftDeps["evaluate"] = async (nextStep) => {
      if (nextStep === 3) stop.abort();
      return {};
    };
    const { record, nextStep } = await train({ deps: { stop: stop.signal, evaluate } });
    assert.deepEqual([nextStep, record.steps.length, record.points.at(-1)!.nextStep], [3, 3, 3]);
  });

  test("takes no further step once the signal is aborted", async () => {
    const controller = new AbortController();
    const record = new MemoryRecord(newFolder(), { everySteps: 4 });
    const evaluate: SftDeps["evaluate"] = async (nextStep) => {
      if (nextStep === 3) controller.abort();
      return {};
    };
    await assert.rejects(train({ record, deps: { evaluate }, signal: controller.signal }), { name: "AbortError" });
    assert.equal(record.steps.length, 3);
  });

  test("skips a faulty update, records why, and goes on", async () => {
    const { record } = await train({ policy: new TabularPolicy(numTokens, { faultAt: (call) => call === 5 }) });
    const parameters = record.steps.map(({ digests }) => digests["parameters"]);
    assert.equal(parameters[5], parameters[4]);
    assert.notEqual(parameters[6], parameters[5]);
    assert.deepEqual(record.steps[5]!.notes, ["update skipped: gradient norm is NaN"]);
    assert.deepEqual(
      record.steps.map(({ metrics }) => metrics["skippedUpdates"]),
      [0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
    );
  });

  test("goes back to its last checkpoint at half the rate when faults repeat", async () => {
    const { record, nextStep } = await train({ policy: new TabularPolicy(numTokens, { faultAt: (call) => call >= 6 && call <= 8 }) });
    assert.equal(nextStep, 10);
    assert.deepEqual(record.wentBack, [{ step: 8, reason: "gradient norm is NaN" }]);
    assert.deepEqual(
      record.steps.slice(3, 5).map(({ metrics }) => metrics["learningRate"]),
      [0.2, 0.1],
    );
  });
});
