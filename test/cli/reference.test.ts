// A run held near its start, as a user runs it: what it keeps on disk, and that a killed one ends with the same hash.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { type Finished, reaches, start, whetstone, workFolder, writeTinyRecipe } from "./whetstone.ts";

const folder = workFolder();
const recipe = writeTinyRecipe(folder, { rlSteps: 8 });
const withReference = ["--set", 'rl.kl={"kind":"loss","weight":0.1}'];
const run = (...args: readonly string[]) => whetstone(folder, ...args);
const json = ({ stdout }: Finished) => JSON.parse(stdout);
const newest = async (): Promise<string> => json(await run("runs", "ls", "--json"))[0].id;
const checkpoints = (id: string): string[] => readdirSync(join(folder, "runs", id, "checkpoints")).sort();
let undisturbed: Finished;

before(async () => {
  undisturbed = await run("train", recipe, "--json", ...withReference);
  assert.equal(undisturbed.code, 0, undisturbed.stderr);
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe("a run with a reference", () => {
  test("keeps the policy that its stage started from", () =>
    assert.ok(checkpoints("tiny-1").includes("rl-000000"), checkpoints("tiny-1").join()));

  test("ends with the same hash when it is killed and goes on", async () => {
    const child = start(folder, ["train", recipe, "--json", ...withReference]);
    await reaches(child, { folder, stage: "rl", steps: 5 });
    child.kill("SIGKILL");
    await once(child, "close");
    const resumed = await run("runs", "resume", await newest(), "--json");
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.equal(json(resumed).hash, json(undisturbed).hash);
  });

  test("is forked with its reference, and takes the same steps", async () => {
    const forked = await run("runs", "fork", "tiny-1", "--from", "rl:6", "--json");
    assert.equal(forked.code, 0, forked.stderr);
    const fork = await newest();
    assert.ok(checkpoints(fork).includes("rl-000000"), checkpoints(fork).join());
    const ofLast = (id: string) => readFileSync(join(folder, "runs", id, "checkpoints/rl-000008/model.safetensors"));
    assert.deepEqual(ofLast(fork), ofLast("tiny-1"));
  });
});
