// A run with a critic as a user runs it: what its checkpoints hold, and that a killed one ends with the same hash.

import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { loadCheckpoint } from "../../src/policy/checkpoint.ts";
import { type Finished, reaches, start, whetstone, workFolder, writeTinyRecipe } from "./whetstone.ts";

const folder = workFolder();
const recipe = writeTinyRecipe(folder, { rlSteps: 8 });
const withCritic = ["--set", 'rl.advantages={"kind":"gae","groupSize":2,"valuePretrainingSteps":3}'];
const run = (...args: readonly string[]) => whetstone(folder, ...args);
const json = ({ stdout }: Finished) => JSON.parse(stdout);
const newest = async (): Promise<string> => json(await run("runs", "ls", "--json"))[0].id;
let undisturbed: Finished;

before(async () => {
  undisturbed = await run("train", recipe, "--json", ...withCritic);
  assert.equal(undisturbed.code, 0, undisturbed.stderr);
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe("a run with a critic", () => {
  test("keeps the critic, with its optimizer, inside the policy's checkpoints, and only there", () => {
    const checkpoint = join(folder, "runs/tiny-1/checkpoints/rl-000008");
    const [policy, critic] = [loadCheckpoint(checkpoint), loadCheckpoint(join(checkpoint, "critic"))];
    assert.deepEqual(critic.config, { ...policy.config, valueHead: true });
    assert.ok(critic.parameters.subarray(policy.parameters.length).some((weight) => weight !== 0));
    assert.ok(existsSync(join(checkpoint, "critic/optimizer.safetensors")));
    assert.equal(policy.config.valueHead, undefined);
    assert.equal(existsSync(join(folder, "runs/tiny-1/checkpoints/sft-000004/critic")), false);
  });

  for (const steps of [2, 5]) {
    test(`ends with the same hash when it is killed after step ${steps} of rl and goes on`, async () => {
      const child = start(folder, ["train", recipe, "--json", ...withCritic]);
      await reaches(child, { folder, stage: "rl", steps });
      child.kill("SIGKILL");
      await once(child, "close");
      const resumed = await run("runs", "resume", await newest(), "--json");
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.equal(json(resumed).hash, json(undisturbed).hash);
    });
  }

  test("is forked with its critic", async () => {
    const forked = await run("runs", "fork", "tiny-1", "--from", "rl:6", "--json");
    assert.equal(forked.code, 0, forked.stderr);
    const ofLast = (id: string) => readFileSync(join(folder, "runs", id, "checkpoints/rl-000008/critic/model.safetensors"));
    assert.deepEqual(ofLast(await newest()), ofLast("tiny-1"));
  });
});
