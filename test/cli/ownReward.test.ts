// Runs that are rewarded by an author's verifier, beside the one that the tasks name: in good order, broken, repaired.

import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { type Finished, whetstone, workFolder, writeTinyRecipe } from "./whetstone.ts";

const folder = workFolder();
const run = (...args: readonly string[]) => whetstone(folder, ...args);
const json = ({ stdout }: Finished) => JSON.parse(stdout);
after(() => rmSync(folder, { recursive: true, force: true }));

/** A verifier of any answer; `body` is the expression that it returns. */
function writeVerifier(name: string, body: string): void {
  const verify = `verify: ({ answer }) => ${body},`;
  const head = `import { defineVerifier } from "whetstone";\nimport { z } from "zod";\nexport default defineVerifier({\n`;
  writeFileSync(
    join(folder, `${name}.ts`),
    `${head}  id: "${name}",\n  version: 1,\n  checks: "correctness",\n  reference: z.any(),\n  ${verify}\n});\n`,
  );
}

/** The tiny recipe, rewarded by `verifier` alone. */
function writeRecipe(name: string, verifier: string): string {
  const file = writeTinyRecipe(folder, { name });
  const text = readFileSync(join(folder, file), "utf8");
  const rewards = `{ verifiers: [{ use: "numeric" }, { use: "./${verifier}.ts" }], terms: [{ verifier: "${verifier}", weight: 1 }], numWorkers: 1 }`;
  writeFileSync(join(folder, file), text.replace(/rewards: \{.*\},\n/, `rewards: ${rewards},\n`));
  return file;
}

describe("a reward that the tasks' own verifier has no part in", () => {
  test("is learned from; accuracy is still measured by the tasks' own", async () => {
    writeVerifier("pal", '({ kind: "scored", score: Number(answer.length % 2 === 0), evidence: "length" })');
    const trained = await run("train", writeRecipe("friendly", "pal"), "--json");
    assert.equal(trained.code, 0, trained.stderr);
    assert.ok(json(trained).report.rl.accuracy >= 0);
    const { steps, checkpoints } = json(await run("runs", "show", "friendly-1", "--json"));
    const last = steps.at(-1).metrics;
    assert.ok(last["heldOut/accuracy"] >= 0 && last.reward >= 0);
    assert.equal("accuracy" in last, false);
    assert.ok(checkpoints.at(-1).accuracy >= 0);
    assert.equal((await run("runs", "ls")).code, 0);
  });
});

describe("a verifier that breaks", () => {
  test("ends the run; what it could not score and why is there to read, and repaired it lets the run go on", async () => {
    const told = '({ kind: "scored", score: Number(answer.length % 2 === 0), evidence: "length" })';
    writeVerifier("frail", `{ if (answer.length % 3 === 0) throw new Error("three"); return ${told}; }`);
    const failed = await run("train", writeRecipe("broken", "frail"), "--set", "sft.steps=1");
    assert.equal(failed.code, 1, failed.stderr);
    assert.match(
      failed.stderr,
      /at most 0\.05 of a step's rollouts may be unscorable, got \d+ of 16 after 0 steps, .*frail.*three.*--unscorable shows them$/m,
    );
    // One advice: whether a new chain is needed depends on what will have been repaired, and resume says so.
    assert.deepEqual(failed.stderr.match(/whetstone runs resume.*/g), ["whetstone runs resume broken-1"]);
    const lines = async (...filter: string[]) =>
      (await run("runs", "rollouts", "broken-1", "--json", "--limit", "100", ...filter)).stdout.split("\n").slice(0, -1);
    const rollouts = await lines("--step", "rl:0");
    const unscorable = (await lines("--unscorable")).map((line) => JSON.parse(line));
    assert.ok(rollouts.length === 16 && unscorable.length > 0 && unscorable.length < 16);
    assert.ok(unscorable.every(({ verdicts }) => verdicts.frail.failure === "crash"));
    const { state, events } = json(await run("runs", "show", "broken-1", "--json"));
    assert.equal(state, "failed");
    assert.deepEqual([events.at(-1).kind, /16 after 0 steps/.test(events.at(-1).detail)], ["failed", true]);

    writeVerifier("frail", told);
    const refused = await run("runs", "resume", "broken-1");
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(
      refused.stderr,
      /got a difference in\n {2}"\.\/frail\.ts": content \w+ recorded, \w+ here\n.*resume broken-1 --new-chain\./,
    );
    const resumed = await run("runs", "resume", "broken-1", "--new-chain");
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.deepEqual(await lines("--unscorable"), []);
    assert.equal((await lines("--step", "rl:0")).length, 16);
  });

  test("for a cause outside of its file lets the run go on with the advice it was given, on the same chain", async () => {
    writeFileSync(join(folder, "outage"), "");
    const told = '({ kind: "scored", score: Number(answer.length % 2 === 0), evidence: "length" })';
    writeVerifier("remote", `{ if (existsSync(new URL("./outage", import.meta.url))) throw new Error("no answer"); return ${told}; }`);
    const file = join(folder, "remote.ts");
    writeFileSync(file, `import { existsSync } from "node:fs";\n${readFileSync(file, "utf8")}`);
    const failed = await run("train", writeRecipe("outage", "remote"), "--set", "sft.steps=1");
    assert.equal(failed.code, 1, failed.stderr);
    rmSync(join(folder, "outage"));
    const advice = /go on with: whetstone (.*)$/m.exec(failed.stderr)![1]!;
    const resumed = await run(...advice.split(" "));
    assert.equal(resumed.code, 0, resumed.stderr);
    const { events } = json(await run("runs", "show", "outage-1", "--json"));
    assert.ok(events.every(({ detail }: { detail: string }) => !detail.startsWith("new chain")));
  });
});
