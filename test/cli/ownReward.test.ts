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
