// Runs whose checkpoints carry rollouts, as a user has them: killed, forked, damaged, measured and asked.

import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { type Finished, reaches, start, whetstone, workFolder, writeTinyRecipe } from "./whetstone.ts";

const folder = workFolder();
const recipe = writeTinyRecipe(folder, { rlSteps: 12 });
const run = (...args: readonly string[]) => whetstone(folder, ...args);
const json = ({ stdout }: Finished) => JSON.parse(stdout);
const newest = async (): Promise<string> => json(await run("runs", "ls", "--json"))[0].id;
const inCheckpoint = (id: string, ...path: readonly string[]): string => join(folder, "runs", id, "checkpoints", ...path);
after(() => rmSync(folder, { recursive: true, force: true }));

async function succeeds(...args: readonly string[]): Promise<Finished> {
  const finished = await run(...args);
  assert.equal(finished.code, 0, finished.stderr);
  return finished;
}

describe("a run whose checkpoints carry rollouts", () => {
  for (const sampling of ['{"lag":2}', '{"partial":{"tokensPerStep":4}}']) {
    test(`keeps them beside trainer.json; killed, damaged and forked it takes the same steps, with ${sampling}`, async () => {
      const set = ["--set", `rl.sampling=${sampling}`];
      const { run: id, hash } = json(await succeeds("train", recipe, "--json", ...set));
      const { carried } = JSON.parse(readFileSync(inCheckpoint(id, "rl-000010", "trainer.json"), "utf8"));
      assert.deepEqual(Object.keys(carried.source), ["rollouts", "sampledAt"]);
      assert.ok(existsSync(inCheckpoint(id, "rl-000010", "rollouts.jsonl.gz")));

      const child = start(folder, ["train", recipe, ...set]);
      await reaches(child, { folder, stage: "rl", steps: 3 });
      child.kill("SIGKILL");
      await once(child, "close");
      const killed = await newest();
      const last = json(await succeeds("runs", "show", killed, "--json")).checkpoints.at(-1).name;
      truncateSync(inCheckpoint(killed, last, "rollouts.jsonl.gz"), 100);
      const refused = await run("runs", "resume", killed);
      assert.deepEqual([refused.code, refused.stdout], [2, ""]);
      assert.match(
        refused.stderr,
        new RegExp(`${last}/rollouts\\.jsonl\\.gz": must be the file that was saved, .*; delete the folder "\\S+${last}" to go on from`),
      );
      rmSync(inCheckpoint(killed, last), { recursive: true });
      assert.equal(json(await succeeds("runs", "resume", killed, "--json")).hash, hash);

      const { run: fork } = json(await succeeds("runs", "fork", id, "--from", "rl:10", "--json"));
      const weights = (of: string) => readFileSync(inCheckpoint(of, "rl-000012", "model.safetensors"));
      assert.deepEqual(weights(fork), weights(id));
    });

    test(`are forked with other updates, and not with other rollouts, with ${sampling}`, async () => {
      const { run: id } = json(await succeeds("train", recipe, "--json", "--set", `rl.sampling=${sampling}`));
      const learning = ["rl.steps=13", "rl.learningRate=1e-3", "rl.minibatchTasks=2", 'rl.kl={"kind":"loss","weight":0.1}'];
      await succeeds("runs", "fork", id, "--from", "rl:10", ...learning.flatMap((each) => ["--set", each]));
      const before = [readdirSync(join(folder, "runs")), await newest()];
      const refused = await run("runs", "fork", id, "--from", "rl:10", "--set", "rl.temperature=0.5");
      assert.deepEqual([refused.code, refused.stdout], [2, ""]);
      const told =
        /^runs fork: rl\.temperature must stay .*, since rl-000010 of \S+ carries \d+ rollouts .*, got 0\.5 instead of 1; .* --from sft:4/m;
      assert.match(refused.stderr, told);
      assert.deepEqual([readdirSync(join(folder, "runs")), await newest()], before);
    });
  }

  test("has checkpoints like any other for whoever measures or asks them", async () => {
    const checkpoint = inCheckpoint(await newest(), "rl-000010");
    const measured = await succeeds("eval", checkpoint, "--json");
    const ask = ["sample", checkpoint, "--prompt", "1+2=?", "--max-tokens", "8", "--json"];
    const asked = await succeeds(...ask);
    truncateSync(join(checkpoint, "rollouts.jsonl.gz"), 100);
    assert.deepEqual(json(await succeeds("eval", checkpoint, "--json")), json(measured));
    assert.equal((await succeeds(...ask)).stdout, asked.stdout);
  });
});
