// `whetstone eval --budgets`: what it prints and draws, and what it refuses.

import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { budgetPicture } from "../../src/cli/budgetPicture.ts";
import { budgetText } from "../../src/cli/budgetText.ts";
import type { BudgetPoint, BudgetReport } from "../../src/eval/budgets.ts";
import { whetstone, workFolder, writeTinyRecipe } from "./whetstone.ts";

const estimate = (value: number) => ({ value, low: value - 0.1, high: value + 0.1 });

function point(about: Partial<BudgetPoint>): BudgetPoint {
  const thinkingTokens = { mean: estimate(12), spread: estimate(3) };
  return { budget: 16, tasks: 64, unscorable: 0, accuracy: estimate(0.5), thinkingTokens, forcedCloses: 0, ...about };
}

const report: BudgetReport = {
  points: [
    point({ budget: 0, accuracy: estimate(0.3), forcedCloses: 64, escapes: estimate(0.1), tokensPerCorrect: estimate(7) }),
    point({ withRoom: { tasks: 40, closedInTime: estimate(0.9), accuracy: estimate(0.7), accuracyUnforced: estimate(0.8) } }),
    point({ budget: "auto", accuracy: estimate(0.8), closedInTime: estimate(0.9) }),
  ],
  rankCorrelation: estimate(0.7),
};

describe("budgetText", () => {
  test("shows every number with its interval, a dash for what there is not, and a bar up to the accuracy", () => {
    const lines = budgetText("heldOut", report).split("\n");
    assert.match(
      lines[2]!,
      /^0 +30\.0 \(20\.0\.\.40\.0\) % +- +12 \(11\.9\.\.12\.1\) .* 10\.0 \(0\.0\.\.20\.0\) % of 64 +7 \(6\.9\.\.7\.1\)$/,
    );
    assert.match(lines[3]!, /^16 +50\.0 .* - +-$/);
    // 50 columns: 0.2 is column 10, 0.3 ends before column 15, 0.4 is column 20.
    assert.equal(lines[6]!.split(/ +/)[1], `${"#".repeat(10)}[${"#".repeat(4)}${".".repeat(5)}]${".".repeat(29)}`);
    assert.equal(lines.at(-1), "thinking tokens follow difficulty under auto: rank correlation 0.7 (0.6..0.8)");
  });

  test("compares the tasks that have room with the same tasks under auto, and says nothing where there are none", () => {
    const text = budgetText("heldOut", report);
    assert.match(
      text,
      /\nbudget +tasks +closed in time +accuracy +accuracy under auto\n16 +40 +90\.0 .* 70\.0 .* 80\.0 \(70\.0\.\.90\.0\) %\n\n/,
    );
    assert.doesNotMatch(budgetText("heldOut", { points: report.points.slice(0, 1) }), /under auto/);
  });
});

describe("budgetPicture", () => {
  test("draws a curve with intervals for each set, higher for more accuracy, with names that cannot break it", () => {
    const svg = budgetPicture({ "<a&b>": report, beyond: report });
    assert.equal(svg.match(/<polyline/g)!.length, 2);
    assert.equal(svg.match(/<circle/g)!.length, 6);
    assert.ok(svg.includes("&lt;a&amp;b&gt;: accuracy") && !svg.includes("<a&b>"));
    const [first, second] = [...svg.matchAll(/<circle cx="[\d.]+" cy="([\d.]+)"/g)].map(([, y]) => Number(y));
    assert.ok(second! < first!, "80 % stands above 30 %");
    assert.doesNotMatch(svg, /NaN|undefined/);
  });

  test("leaves out what could not be measured", () => {
    const { accuracy: _, ...unmeasured } = point({ budget: 4 });
    const svg = budgetPicture({ heldOut: { points: [unmeasured, point({})] } });
    assert.equal(svg.match(/<circle/g)!.length, 1);
    assert.doesNotMatch(svg, /NaN|undefined/);
  });
});

describe("whetstone eval --budgets", () => {
  const folder = workFolder();
  const checkpoint = "runs/tiny-1/checkpoints/rl-000001";
  const run = (...args: readonly string[]) => whetstone(folder, ...args);
  before(async () => {
    const trained = await run("train", writeTinyRecipe(folder), "--set", "rl.steps=1");
    assert.equal(trained.code, 0, trained.stderr);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("measures the held-out tasks under each budget and draws them", async () => {
    const measured = await run("eval", checkpoint, "--budgets", "0,4,auto", "--svg", "curve.svg", "--json");
    assert.equal(measured.code, 0, measured.stderr);
    const { heldOut } = JSON.parse(measured.stdout) as Record<string, BudgetReport>;
    assert.deepEqual(
      heldOut!.points.map(({ budget, tasks }) => [budget, tasks]),
      [
        [0, 8],
        [4, 8],
        ["auto", 8],
      ],
    );
    for (const { budget, thinkingTokens, forcedCloses, accuracy } of heldOut!.points) {
      if (budget !== "auto") assert.ok(thinkingTokens.mean.value <= budget, `${budget}: ${thinkingTokens.mean.value}`);
      if (budget === 0) assert.equal(forcedCloses, 8);
      assert.ok(accuracy!.low <= accuracy!.value && accuracy!.value <= accuracy!.high);
    }
    assert.match(readFileSync(join(folder, "curve.svg"), "utf8"), /^<svg .*>Accuracy over thinking budgets</s);
    const text = await run("eval", checkpoint, "--budgets", "4");
    assert.match(text.stdout, /^heldOut: 8 tasks.*\nbudget .*\n4 /);
  });

  test("a recipe with budgets that its tokenizer cannot write is refused before the run", async () => {
    const budgets = 'rl.thinking={"kind":"budgets","grid":[8]}';
    assert.equal((await run("train", "tiny.ts", "--dry-run", "--set", budgets)).code, 0);
    const refused = await run("train", "tiny.ts", "--dry-run", "--set", budgets, "--set", "model.tokenizer.alphabet=0123456789+-=?;");
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /only use characters of the vocabulary.* in "think 8"/);
  });

  test("refuses lists that are none, pictures of nothing, and budgets without room for an answer", async () => {
    const refusals: readonly (readonly [readonly string[], RegExp])[] = [
      [["--budgets", "4,x"], /whole numbers of tokens, or auto.*got "x"/],
      [["--budgets", "-1"], /whole numbers of tokens, or auto.*got "-1"/],
      [["--budgets", ""], /whole numbers of tokens/],
      [["--budgets", "4,8,4"], /each budget once, got "4" twice/],
      [["--svg", "a.svg"], /eval: --svg needs --budgets/],
      [["--budgets", "0,13"], /--budgets with 13 and responses of at most 16 tokens; raise --max-tokens/],
    ];
    for (const [args, message] of refusals) {
      const refused = await run("eval", checkpoint, ...args);
      assert.deepEqual([refused.code, refused.stdout], [2, ""], args.join(" "));
      assert.match(refused.stderr, message);
    }
  });
});
