import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { progressLine, progressObserver } from "../../src/cli/progress.ts";

const metrics = { loss: 0.01, reward: 0.6249, accuracy: 0.5, "tokensPerSecond/sampling": 5309.6, "tokensPerSecond/training": 9 };

describe("progressLine", () => {
  test("shows step, reward, accuracy, tokens per second and time left", () => {
    const line = progressLine({ stage: "rl", done: 12, steps: 100, metrics, leftMs: 192_000 });
    assert.equal(line, "rl 12/100  reward 0.625  accuracy 0.5  5,310 tokens/s  3 min 12 s left");
  });

  test("shows what a held-out verifier says beside the reward", () => {
    const line = progressLine({ stage: "rl", done: 1, steps: 9, metrics: { reward: 0.9, "radar/heldOut": 0.25 }, leftMs: undefined });
    assert.equal(line, "rl 1/9  reward 0.9  held-out score 0.25");
  });

  test("shows the loss where there is no reward, and no time before there is a pace", () => {
    assert.equal(progressLine({ stage: "sft", done: 1, steps: 9, metrics: { loss: 2 }, leftMs: undefined }), "sft 1/9  loss 2");
  });
});

describe("progressObserver", () => {
  /** What is written while two steps pass, ten seconds apart, with a remark between them. */
  function written(isTTY: boolean): string {
    let text = "";
    let nowMs = 0;
    const output = { isTTY, columns: 40, write: (part: string) => (text += part) };
    const observer = progressObserver(output, { nowMs: () => nowMs, elapsedMs: () => nowMs });
    observer.step({ stage: "rl", step: 0, steps: 5, metrics: { reward: 0 } });
    nowMs = 10_000;
    observer.note("a remark");
    observer.step({ stage: "rl", step: 1, steps: 5, metrics: { reward: 1 } });
    observer.done();
    return text;
  }

  test("without a terminal steps have lines of their own, with the time left at the pace so far", () => {
    assert.equal(written(false), "rl 1/5  reward 0\na remark\nrl 2/5  reward 1  30 s left\n");
  });

  test("without a terminal steps that follow soon have no line, but for a stage's first and last", () => {
    const lines: string[] = [];
    let nowMs = 0;
    const observer = progressObserver({ write: (line: string) => lines.push(line) }, { nowMs: () => nowMs, elapsedMs: () => nowMs });
    for (let step = 0; step < 10; step++) {
      observer.step({ stage: "rl", step, steps: 10, metrics: {} });
      nowMs += 2000;
    }
    assert.deepEqual(
      lines.map((line) => line.split("  ")[0]!.trim()),
      ["rl 1/10", "rl 4/10", "rl 7/10", "rl 10/10"],
    );
  });

  test("on a terminal one line is rewritten, and remarks stand on lines of their own", () => {
    const clear = "\r\u001b[2K";
    assert.equal(written(true), `${clear}rl 1/5  reward 0\na remark\n${clear}rl 2/5  reward 1  30 s left\n`);
  });

  test("measurements show their answers and the time left, and leave no line where they are quick", () => {
    const lines: string[] = [];
    let nowMs = 0;
    const observer = progressObserver({ write: (line: string) => lines.push(line) }, { nowMs: () => nowMs, elapsedMs: () => nowMs });
    observer.step({ stage: "rl", step: 0, steps: 1, metrics: {} });
    for (let answers = 1; answers <= 8; answers++) {
      nowMs += 1000;
      observer.measuring({ set: "heldOut", answers, tasks: 8 });
    }
    // The first answer came after one second, the fifth four seconds later: three more take three.
    assert.deepEqual(lines.slice(1), ["heldOut 5/8 answers  3 s left\n"]);
  });

  test("a line never wraps", () => {
    let text = "";
    const observer = progressObserver(
      { isTTY: true, columns: 10, write: (part: string) => (text += part) },
      { nowMs: () => 0, elapsedMs: () => 0 },
    );
    observer.step({ stage: "rl", step: 0, steps: 5, metrics: { reward: 0.123, accuracy: 0.456 } });
    assert.equal(text, "\r\u001b[2Krl 1/5  r");
  });
});
