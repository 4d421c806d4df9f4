// Every command on one finished run of a tiny recipe.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";

import { systemClock } from "../../src/base/clock.ts";
import { RunStore } from "../../src/runs/store.ts";
import { bin, type Finished, whetstone, workFolder, writeTinyRecipe } from "./whetstone.ts";

const folder = workFolder();
const recipe = writeTinyRecipe(folder);
let trained: Finished;
const run = (...args: readonly string[]) => whetstone(folder, ...args);
const json = ({ stdout }: Finished) => JSON.parse(stdout);

before(async () => {
  // Its 24 groups are fewer than the alarm waits for; a window of one is full at every step.
  trained = await run("train", recipe, "--json", "--set", "rl.alarms.flatGroups.windowGroups=1");
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe("whetstone train", () => {
  test("goes through both stages and writes the report", () => {
    assert.equal(trained.code, 0, trained.stderr);
    const { run: id, hash, report } = json(trained);
    assert.equal(id, "tiny-1");
    assert.match(hash, /^[0-9a-f]{64}$/);
    assert.deepEqual(JSON.parse(readFileSync(join(folder, "runs/tiny-1/report.json"), "utf8")), report);
    assert.ok(report.seconds > 0 && report.peakRssMiB > 0 && report.sft.accuracy >= 0 && report.rl.accuracy >= 0);
  });

  test("prints plain progress lines without a terminal", () => {
    assert.match(trained.stderr, /^sft 4\/4 {2}loss [\d.]+ {2}[\d,]+ tokens\/s {2}\d+ s left$/m);
    assert.match(trained.stderr, /^rl 6\/6 {2}reward [\d.]+ {2}accuracy [\d.]+ {2}[\d,]+ tokens\/s {2}\d+ s left$/m);
    assert.ok(!trained.stderr.includes("\u001b"));
  });

  test("says nothing of a package.json beside the recipe that names no type of modules", async () => {
    const [named, own] = [join(folder, "named"), join(folder, "named/package.json")];
    mkdirSync(named);
    writeFileSync(own, '{ "name": "mine" }');
    writeTinyRecipe(named);
    const { code, stderr } = await run("train", "named/tiny.ts", "--dry-run");
    assert.deepEqual([code, stderr], [0, ""]);
  });

  test("--dry-run says what would happen and starts nothing", async () => {
    const planned = await run("train", recipe, "--dry-run", "--json", "--set", "rl.steps=50", "--runs", "elsewhere");
    assert.equal(planned.code, 0, planned.stderr);
    const { recipe: resolved, numParameters, stages, verifiers } = json(planned);
    assert.equal(resolved.rl.steps, 50);
    assert.equal(resolved.rl.temperature, 1);
    assert.ok(numParameters > 10_000 && numParameters < 100_000);
    assert.deepEqual(
      stages.map((stage: { stage: string; steps: number }) => [stage.stage, stage.steps]),
      [
        ["sft", 4],
        ["rl", 50],
      ],
    );
    assert.deepEqual(
      verifiers.map(({ id }: { id: string }) => id),
      ["numeric"],
    );
    assert.ok(!existsSync(join(folder, "elsewhere")));
  });
});

describe("whetstone runs", () => {
  test("ls lists runs, and none where there are none", async () => {
    const [listed] = json(await run("runs", "ls", "--json"));
    assert.deepEqual([listed.id, listed.state, listed.stages.map(({ done }: { done: number }) => done)], ["tiny-1", "finished", [4, 6]]);
    assert.match((await run("runs", "ls")).stdout, /^tiny-1 {2}finished .* sft 4\/4, rl 6\/6/m);
    const empty = await run("runs", "ls", "--runs", "nowhere");
    assert.deepEqual([empty.code, existsSync(join(folder, "nowhere"))], [0, false]);
    assert.match(empty.stdout, /no runs in "nowhere" yet/);
  });

  test("show tells progress, measurements and checkpoints; as JSON every step", async () => {
    const shown = await run("runs", "show", "tiny-1");
    assert.match(shown.stdout, /tiny-1: finished[\s\S]*rl +6 of 6 steps[\s\S]*heldOut after 6 steps of rl[\s\S]*rl-000006/);
    assert.match(shown.stdout, /^ +[\d-]+ [\d:]+ +rl after 0 steps +note: alarm "flatGroups": /m);
    assert.match(trained.stderr, /^rl after 0 steps: alarm "flatGroups": .*\nrl 1\/6 /m);
    const { steps, hash, checkpoints } = json(await run("runs", "show", "tiny-1", "--json"));
    assert.equal(steps.length, 10);
    assert.equal(steps.at(-1).hash, hash);
    assert.equal(hash, json(trained).hash);
    assert.ok(checkpoints.some(({ name }: { name: string }) => name === "sft-000004"));
  });

  test("rollouts reads like a transcript", async () => {
    const { stdout, stderr } = await run("runs", "rollouts", "tiny-1", "--step", "rl:5", "--limit", "1");
    assert.match(
      stdout,
      /^-- rl after 5 steps, rollout 5\.0\.0, arithmetic-chain \w+: reward \d.*\nuser: \d[+-]\d=\?\n(thinking: .*\n)?answer: [\s\S]*\nnumeric \(version \d\): \d/,
    );
    assert.match(stderr, /the first 1; --limit shows more/);
  });

  test("rollouts filters, and as JSON gives tokens and log-probabilities", async () => {
    const lines = async (...filter: string[]) =>
      (await run("runs", "rollouts", "tiny-1", "--json", ...filter)).stdout.split("\n").slice(0, -1);
    const ofStep = (await lines("--step", "2", "--limit", "100")).map((line) => JSON.parse(line));
    assert.equal(ofStep.length, 16);
    assert.ok(ofStep.every(({ step, stage }) => step === 2 && stage === "rl"));
    assert.equal(ofStep[0].rollout.tokens.length, ofStep[0].rollout.logProbs.length);
    assert.deepEqual(await lines("--family", "sorting"), []);
    const rewards = (await lines("--max-reward", "0", "--limit", "1000")).map((line) => JSON.parse(line).reward);
    assert.ok(rewards.length > 0 && rewards.every((reward) => reward === 0));
    const measured = (await lines("--set", "heldOut", "--limit", "1000")).map((line) => JSON.parse(line));
    const tasks = json(await run("runs", "show", "tiny-1", "--json")).evaluations.filter(
      ({ name }: { name: string }) => name === "heldOut",
    );
    assert.equal(
      measured.length,
      tasks.reduce((sum: number, { result }: { result: { tasks: number } }) => sum + result.tasks, 0),
    );
    assert.ok(measured.every(({ verdicts, advantage }) => verdicts.numeric.kind === "scored" && advantage === undefined));
  });

  test("resume leaves a finished run as it is, and says its result again", async () => {
    const again = await run("runs", "resume", "tiny-1", "--json");
    assert.equal(again.code, 0, again.stderr);
    assert.match(
      again.stderr,
      /^run tiny-1 is finished, so there is nothing to resume; to train on, fork it with more steps: whetstone runs fork tiny-1 --set rl\.steps=12$/m,
    );
    assert.deepEqual(json(again), json(trained));
    assert.ok(json(await run("runs", "show", "tiny-1", "--json")).events.every(({ kind }: { kind: string }) => kind !== "resumed"));
  });

  test("a run that an alarm ended says how to go on with another action, which does", async () => {
    const alarms = ["--set", "rl.alarms.flatGroups.windowGroups=1", "--set", "rl.alarms.flatGroups.above=0"];
    const ended = await run("train", recipe, "--set", "name=alarmed", "--set", "rl.alarms.flatGroups.action=stop", ...alarms);
    assert.equal(ended.code, 1, ended.stderr);
    assert.match(ended.stderr, /^with other settings, go on with: whetstone runs fork alarmed-1 --set KEY=VALUE$/m);
    assert.match(ended.stderr, /alarm "flatGroups" ends the run after 0 steps, .*, such as --set rl\.alarms\.flatGroups\.action=warn$/m);
    const again = await run("runs", "resume", "alarmed-1");
    assert.match(again.stderr, /alarm "flatGroups" ends the run after 0 steps, /);
    const forked = await run("runs", "fork", "alarmed-1", "--set", "rl.alarms.flatGroups.action=warn", "--json");
    assert.equal(forked.code, 0, forked.stderr);
    assert.equal(json(forked).run, "alarmed-2");
  });

  test("a run whose steps do not repeat is not told that other settings help", async () => {
    const alarms = ["--set", "rl.alarms.flatGroups.windowGroups=5", "--set", "rl.alarms.flatGroups.above=0"];
    const ended = await run("train", recipe, "--set", "name=changed", "--set", "rl.alarms.flatGroups.action=stop", ...alarms);
    assert.match(ended.stderr, /alarm "flatGroups" ends the run after 1 steps, /);
    const database = new DatabaseSync(join(folder, "runs", "whetstone.sqlite"));
    database.exec("UPDATE steps SET hash = 'other' WHERE run_id = 'changed-1' AND stage = 'rl'");
    database.close();
    const again = await run("runs", "resume", "changed-1");
    assert.equal(again.code, 1, again.stderr);
    assert.match(again.stderr, /taken again, must give what was recorded, .*: whetstone runs resume changed-1 --new-chain$/m);
    assert.doesNotMatch(again.stderr, /with other settings/);
  });

  test("fork makes a run that starts from a checkpoint, and resume takes it to its end", async () => {
    const forked = await run("runs", "fork", "tiny-1", "--from", "rl:4", "--no-start", "--json", "--set", "rl.steps=8");
    assert.equal(forked.code, 0, forked.stderr);
    const resumed = await run("runs", "resume", "tiny-2", "--json");
    assert.equal(resumed.code, 0, resumed.stderr);
    const { parent, steps } = json(await run("runs", "show", "tiny-2", "--json"));
    assert.deepEqual(parent, { run: "tiny-1", stage: "rl", step: 4 });
    assert.deepEqual(
      steps.map(({ stage, step }: { stage: string; step: number }) => `${stage}:${step}`),
      ["rl:4", "rl:5", "rl:6", "rl:7"],
    );
    const wrong = await run("runs", "fork", "tiny-1", "--from", "rl:5");
    assert.deepEqual(
      [wrong.code, wrong.stderr.trim()],
      [2, "run tiny-1: a fork starts from a checkpoint, got rl:5; there are: sft:4, rl:2, rl:4, rl:6"],
    );
  });
});

describe("whetstone sample", () => {
  const checkpoint = "runs/tiny-1/checkpoints/rl-000006";

  test("continues given tokens, greedily the same each time", async () => {
    const args = ["sample", checkpoint, "--prompt-tokens", "1,2,3", "--temperature", "0", "--max-tokens", "8", "--json"];
    const first = await run(...args);
    assert.equal(first.code, 0, first.stderr);
    const { tokens, logProbs, ...rest } = json(first);
    assert.ok(tokens.length >= 1 && tokens.length <= 8 && tokens.length === logProbs.length);
    assert.ok(logProbs.every((value: number) => value <= 0));
    assert.deepEqual(rest, {});
    assert.equal((await run(...args)).stdout, first.stdout);
  });

  test("answers a prompt in words, differently for another seed", async () => {
    const answers = await Promise.all(["0", "1"].map((seed) => run("sample", checkpoint, "--prompt", "1+2=?", "--seed", seed)));
    assert.ok(answers.every(({ code }) => code === 0));
    assert.notEqual(answers[0]!.stdout, answers[1]!.stdout);
  });

  test("as JSON, a token that was forced has null in place of a log-probability", async () => {
    // Nearly every token is as likely as any other, so that some of many answers think for longer than the budget.
    const args = ["sample", checkpoint, "--thinking-budget", "1", "--max-tokens", "4", "--temperature", "10", "--json"];
    const { stdout } = spawnSync(process.execPath, [bin, ...args], { cwd: folder, encoding: "utf8", input: "1+2=?\n".repeat(200) });
    const logProbs = stdout
      .trim()
      .split("\n")
      .flatMap((line) => JSON.parse(line).logProbs as unknown[]);
    const forced = logProbs.filter((value) => typeof value !== "number");
    assert.ok(forced.length > 0 && forced.every((value) => value === null));
  });

  test("a folder that is no checkpoint is refused", async () => {
    assert.equal((await run("sample", "runs/tiny-1", "--prompt", "1+2")).code, 2);
    const beyond = await run("sample", checkpoint, "--prompt", "1+2", "--thinking-budget", "64");
    assert.equal(beyond.code, 2);
    assert.match(
      beyond.stderr,
      /^sample: --thinking-budget must be less than the policy's positions, .*, got 64 and 64; give a smaller budget$/m,
    );
  });
});

describe("whetstone eval", () => {
  test("measures a checkpoint of a run as the run did", async () => {
    const measured = await run("eval", "runs/tiny-1/checkpoints/rl-000006", "--json");
    assert.equal(measured.code, 0, measured.stderr);
    const { heldOut } = json(measured);
    assert.equal(heldOut.tasks, 8);
    assert.equal(heldOut.accuracy, json(trained).report.rl.accuracy);
  });

  test("measures on a file with a verifier, and needs one", async () => {
    const task = { family: "own", messages: [{ role: "user", content: "1+2=?" }], verifier: "numeric", reference: { answer: "3" } };
    writeFileSync(join(folder, "tasks.jsonl"), `${JSON.stringify(task)}\n`);
    const args = ["eval", "runs/tiny-1/checkpoints/rl-000006", "--input", "tasks.jsonl"];
    const measured = await run(...args, "--verifier", "numeric", "--max-tokens", "8", "--json");
    assert.equal(measured.code, 0, measured.stderr);
    assert.deepEqual(Object.keys(json(measured)["tasks.jsonl"].byFamily), ["own"]);
    assert.equal((await run(...args)).code, 2);
  });

  test("runs the programs of a file's verifier in what --sandbox names, and warns where that is no boundary", async () => {
    const text = `import { defineVerifier } from "whetstone";
      import { z } from "zod";
      export default defineVerifier({
        id: "held", version: 1, checks: "form", runsPrograms: true, reference: z.string(),
        verify: async ({ reference }, { sandbox }) =>
          ({ kind: "scored", score: Number((await sandbox()).containment === reference), evidence: "containment" }),
      });`;
    writeFileSync(join(folder, "held.ts"), text);
    const task = { family: "own", messages: [{ role: "user", content: "1+2=?" }], verifier: "held", reference: "weak" };
    writeFileSync(join(folder, "held.jsonl"), `${JSON.stringify(task)}\n`);
    const args = [
      "eval",
      "runs/tiny-1/checkpoints/rl-000006",
      "--input",
      "held.jsonl",
      "--verifier",
      "held.ts",
      "--max-tokens",
      "8",
      "--json",
    ];
    for (const [options, accuracy, warning] of [
      [["--sandbox", "weak"], 1, /^sandbox: weak containment/m],
      [["--sandbox", "jail"], 0, /^(?!sandbox: weak)/],
      [[], 0, /^(?!sandbox: weak)/],
    ] as const) {
      const measured = await run(...args, ...options);
      assert.equal(measured.code, 0, measured.stderr);
      assert.equal(json(measured)["held.jsonl"].accuracy, accuracy);
      assert.match(measured.stderr, warning);
    }
  });

  test("where nothing can be scored says why, without a number, and exits with 1", async () => {
    const task = { family: "own", messages: [{ role: "user", content: "1+2=?" }], verifier: "numeric", reference: { answer: "many" } };
    writeFileSync(join(folder, "broken.jsonl"), `${JSON.stringify(task)}\n`);
    const args = ["eval", "runs/tiny-1/checkpoints/rl-000006", "--input", "broken.jsonl", "--verifier", "numeric", "--max-tokens", "8"];
    const [text, asJson] = await Promise.all([run(...args), run(...args, "--json")]);
    assert.deepEqual([text.code, asJson.code], [1, 1]);
    assert.match(text.stdout, /^broken\.jsonl: no accuracy on 1 tasks, 1 could not be scored \(1 reference, such as: .*many.*\), /);
    assert.match(text.stderr, /^eval: nothing could be scored/m);
    const measured = json(asJson)["broken.jsonl"];
    assert.deepEqual([measured.unscorable, measured.mostFailed.failure, "accuracy" in measured], [1, "reference", false]);
    assert.doesNotMatch(text.stdout + asJson.stdout, /NaN/);
  });

  test("measures on somebody else's file, whose columns it is told", async () => {
    writeFileSync(join(folder, "foreign.jsonl"), '{"prompt": "1+2=?", "gold": 3}\n');
    const args = ["eval", "runs/tiny-1/checkpoints/rl-000006", "--input", "foreign.jsonl", "--verifier", "numeric", "--max-tokens", "8"];
    const measured = await run(...args, "--column", "question=prompt", "--column", "answer=gold", "--json");
    assert.equal(measured.code, 0, measured.stderr);
    assert.equal(json(measured)["foreign.jsonl"].tasks, 1);
    const misspelt = await run(...args, "--column", "qestion=prompt");
    assert.deepEqual([misspelt.code, misspelt.stdout], [2, ""]);
    assert.match(misspelt.stderr, /^--column: it must not have the key "qestion"; /);
  });
});

describe("whetstone score", () => {
  test("takes a verifier that imports the package's other exports, outside of the repository", async () => {
    const text = `import { defineVerifier } from "whetstone/verifier";
      import { testVerifier } from "whetstone/testing";
      import { z } from "zod";
      const verify = () => ({ kind: "scored" as const, score: 1, evidence: typeof testVerifier });
      export default defineVerifier({ id: "own", version: 1, checks: "form", reference: z.string(), verify });`;
    writeFileSync(join(folder, "exports.ts"), text);
    writeFileSync(join(folder, "one.jsonl"), '{"reference": "x", "answer": "y"}\n');
    const { code, stdout, stderr } = await run("score", "--verifier", "exports.ts", "--input", "one.jsonl");
    assert.deepEqual([code, stdout], [0, "one.jsonl:1: 1, function\n"], stderr);
  });

  test("scores the rows of a file", async () => {
    const rows = [
      { reference: { answer: "42" }, answer: "so it is 42" },
      { reference: { answer: "42" }, answer: "41" },
    ];
    writeFileSync(join(folder, "answers.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const scored = await run("score", "--verifier", "numeric", "--input", "answers.jsonl", "--json");
    assert.equal(scored.code, 0, scored.stderr);
    const verdicts = scored.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).verdict.score);
    assert.deepEqual(verdicts, [1, 0]);
    assert.match(scored.stderr, /2 rows: 2 scored, 0 unscorable, mean score 0\.5/);
  });
});

describe("another folder of runs", () => {
  const here = ["--runs", "kept runs"];

  test("stands in every hint on how to go on", async () => {
    cpSync(join(folder, "runs"), join(folder, "kept runs"), { recursive: true });
    const forked = await run("runs", "fork", "tiny-1", "--from", "rl:4", "--no-start", ...here);
    const id = /start it with: whetstone runs resume (\S+) --runs 'kept runs'\n$/.exec(forked.stdout)?.[1];
    assert.ok(id !== undefined, forked.stdout + forked.stderr);
    assert.match(
      (await run("runs", "resume", "tiny-1", ...here)).stderr,
      /: whetstone runs fork tiny-1 --set rl\.steps=12 --runs 'kept runs'$/m,
    );
    const none = await run("runs", "rollouts", "tiny-1", "--family", "none", ...here);
    assert.match(none.stderr, /; whetstone runs show tiny-1 --runs 'kept runs' tells/);
  });

  test("a damaged checkpoint can be left for the one before it, which is said", async () => {
    const forked = await run("runs", "fork", "tiny-1", "--from", "rl:4", "--no-start", "--json", ...here);
    const { run: id } = json(forked);
    const checkpoint = join("kept runs", id, "checkpoints/rl-000004");
    truncateSync(join(folder, checkpoint, "model.safetensors"), 4000);
    const { code, stderr } = await run("runs", "resume", id, ...here);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /model\.safetensors": must be the file that was saved, .*; delete the folder "kept runs\/.*\/rl-000004" to go on from the checkpoint before it\n$/,
    );
    using store = new RunStore(join(folder, "kept runs"), systemClock);
    store.setState(id, "stopped"); // one that never started has no such hint
    const shown = await run("runs", "show", id, ...here);
    assert.match(shown.stdout, new RegExp(`go on with: whetstone runs resume ${id} --runs 'kept runs'$`, "m"));
  });

  test("whose database has overwritten pages is refused without a stack", async () => {
    cpSync(join(folder, "runs"), join(folder, "damaged"), { recursive: true });
    const path = join(folder, "damaged/whetstone.sqlite");
    const bytes = readFileSync(path);
    for (let at = 2 * 4096; at < bytes.length; at += 7) bytes[at] = 0x41;
    writeFileSync(path, bytes);
    for (const args of [["ls"], ["show", "tiny-1"], ["rollouts", "tiny-1"]]) {
      const { code, stderr } = await run("runs", ...args, "--runs", "damaged");
      assert.match(stderr, /^run store ".*whetstone\.sqlite": must be a SQLite database, got a damaged or foreign file \(.*\); .*\n$/);
      assert.equal(code, 2);
    }
  });
});
