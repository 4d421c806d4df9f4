// The scripts that draw what runs recorded, as processes on files like those that `runs show --json` writes.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";

import { tempFolder } from "../support/tempFolder.ts";

type Metrics = Readonly<Record<string, number | string>>;

/** A file of a run with one step of reinforcement learning, a second long, for each of `metrics`. */
function runFile(t: TestContext, metrics: readonly Metrics[], name = "sums"): string {
  const steps = metrics.map((of, step) => ({ stage: "rl", step, finishedMs: 1000 * (step + 1), metrics: of }));
  const file = join(tempFolder(t), "run.json");
  writeFileSync(file, JSON.stringify({ name, createdMs: 0, recipe: { seed: 1 }, steps, events: [] }));
  return file;
}

function draw(script: string, ...args: readonly string[]): string {
  const path = join(import.meta.dirname, "../../scripts", script);
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}

describe("scripts/stepCurves.ts", () => {
  test("draws the steps whose number is one, and leaves NaN out", (t) => {
    const file = runFile(t, [{ gradNorm: 1 }, { gradNorm: "NaN" }, { gradNorm: "Infinity" }, { gradNorm: 3 }]);
    const svg = draw("stepCurves.ts", "gradNorm", `all on=${file}`);
    const [, points] = /<polyline points="([^"]*)"/.exec(svg)!;
    // Room from 26 to 170 downwards for 3 to 1, from 52 to 308 for steps 0 to 3.
    assert.equal(points, "52.0,170.0 308.0,26.0");
    assert.doesNotMatch(svg, /NaN|Infinity/);
  });

  test("takes labels and names of metrics that would break a picture", (t) => {
    const svg = draw("stepCurves.ts", "score/a&b", `lr < 1 & clip=${runFile(t, [{ "score/a&b": 1 }])}`);
    assert.ok(svg.includes(">— lr &lt; 1 &amp; clip</text>"));
    assert.equal(svg.match(/score\/a&amp;b/g)!.length, 2, "in the title and over the panel");
    assert.doesNotMatch(svg, /&(?!amp;|lt;|gt;)|< /);
  });
});

describe("scripts/curves.ts", () => {
  test("draws held-out accuracy of a run that recorded NaN elsewhere", (t) => {
    const measured = [0, 0.5].map((accuracy) => ({ loss: "NaN", "heldOut/accuracy": accuracy }));
    const [, points] = /<polyline points="([^"]*)"/.exec(draw("curves.ts", runFile(t, measured)))!;
    assert.equal(points, "320.0,276.0 596.0,160.0");
  });
});
