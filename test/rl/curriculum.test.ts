import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { rngFor } from "../../src/base/rng.ts";
import type { Verdict } from "../../src/data/verdict.ts";
import { afterDraw, afterGroups, type CurriculumState, countTasks, drawTasks } from "../../src/rl/curriculum.ts";
import type { PassRateConfig } from "../../src/rl/samplingConfig.ts";
import { aScoredRollout, aTask, scored, unscorable } from "../support/rollouts.ts";

const settings: PassRateConfig = { kind: "pass-rate", retireAt: 0.9, newestWeight: 0.5, revisitShare: 0.25 };
const pool = ["a", "b", "c", "d", "e", "f"].map((id) => aTask({ id }));
const [a, b, c] = pool as [(typeof pool)[0], (typeof pool)[0], (typeof pool)[0]];

const group = (task: typeof a, ...verdicts: Verdict[]) => verdicts.map((verdict) => aScoredRollout(verdict, { task }));
const known = (entries: Record<string, [lastDrawn: number, passRate?: number]>): CurriculumState =>
  new Map(
    Object.entries(entries).map(([id, [lastDrawn, passRate]]) => [id, passRate === undefined ? { lastDrawn } : { lastDrawn, passRate }]),
  );
const draw = (state: CurriculumState, about: Partial<Parameters<typeof drawTasks>[1]> = {}): string[] =>
  drawTasks(pool, { state, settings, step: 0, round: 0, count: 4, taken: new Set(), rng: rngFor("test", about.step ?? 0), ...about })
    .map(({ id }) => id)
    .toSorted();

describe("drawTasks", () => {
  test("takes those first that were not drawn for longest", () => {
    const state = known({ a: [5], b: [3], c: [4], d: [6] });
    assert.deepEqual(draw(state), ["b", "c", "e", "f"]);
    assert.deepEqual(draw(state, { count: 3 }), ["b", "e", "f"]);
  });

  test("gives every task its turn before any comes again", () => {
    let state: CurriculumState = new Map();
    const drawn: string[][] = [];
    for (let step = 0; step < 6; step++) {
      const tasks = drawTasks(pool, { state, settings, step, round: 0, count: 2, taken: new Set(), rng: rngFor("turns", step) });
      drawn.push(tasks.map(({ id }) => id));
      state = afterDraw(state, { tasks, step });
    }
    for (const epoch of [drawn.slice(0, 3), drawn.slice(3)]) assert.equal(new Set(epoch.flat()).size, 6);
  });

  test("breaks ties at random", () => {
    const firsts = Array.from({ length: 40 }, (_, step) => draw(new Map(), { step, count: 1 })[0]);
    assert.equal(new Set(firsts).size, 6);
  });

  test("draws no more than asked for when one is looked at again, and looks again only in a step's first round", () => {
    const state = known({ a: [9, 1], f: [1] });
    const first = draw(state);
    assert.deepEqual([first.length, first.includes("a")], [4, true]);
    assert.deepEqual(draw(state, { round: 1 }), ["b", "c", "d", "e"]);
  });

  test("leaves retired tasks out, but looks at a share of them again, the longest unseen first", () => {
    // 0.25 of 4 tasks is one a step.
    const state = known({ a: [9, 1], b: [2, 0.95], c: [7, 0.9], d: [8, 0.89] });
    assert.deepEqual(draw(state), ["b", "d", "e", "f"]);
    assert.deepEqual(draw(state, { count: 3, round: 1 }), ["d", "e", "f"]);
  });

  test("spreads a share of less than one task over the steps", () => {
    const state = known({ a: [9, 1] });
    const isDrawn = Array.from({ length: 8 }, (_, step) => draw(state, { step, count: 2 }).includes("a"));
    assert.deepEqual(isDrawn, [false, true, false, true, false, true, false, true]); // 0.25 of 2 tasks
  });

  test("fills the batch with retired tasks where too few are active", () => {
    const state = known({ a: [1, 1], b: [2, 1], c: [3, 1], d: [4, 1], e: [5, 1] });
    assert.deepEqual(draw(state), ["a", "b", "c", "f"]);
    assert.deepEqual(draw(state, { settings: { ...settings, revisitShare: 0 } }), ["a", "b", "c", "f"]);
  });

  test("never draws what the step has already, and then may draw less", () => {
    assert.deepEqual(draw(new Map(), { taken: new Set(["a", "b", "c"]) }), ["d", "e", "f"]);
  });

  test("is the same for the same stream", () => {
    assert.deepEqual(draw(new Map(), { step: 3, count: 2 }), draw(new Map(), { step: 3, count: 2 }));
  });
});

describe("afterGroups", () => {
  test("averages the newest group in, over what could be scored", () => {
    // a: 0.5 + 0.5 (1/3 - 0.5) = 5/12;  b: 2/4 at first
    const state = known({ a: [0, 0.5], b: [0] });
    const groups = [
      group(a, scored(1), scored(0), scored(0.5), unscorable("timeout")),
      group(b, scored(1), scored(1), scored(0), scored(0)),
    ];
    const { state: after } = afterGroups(state, { groups, settings });
    assert.ok(Math.abs(after.get("a")!.passRate! - 5 / 12) < 1e-15, `${after.get("a")!.passRate}`);
    assert.equal(after.get("b")!.passRate, 0.5);
    assert.deepEqual(state.get("b"), { lastDrawn: 0 });
  });

  test("retires what is solved, brings back what was forgotten, and keeps what is unsolved", () => {
    const state = known({ a: [0, 0.8], b: [0, 1], c: [0, 0] });
    const groups = [group(a, scored(1), scored(1)), group(b, scored(0), scored(1)), group(c, scored(0), scored(0))];
    const { state: after, returned } = afterGroups(state, { groups, settings });
    assert.deepEqual([after.get("a")?.passRate, after.get("b")?.passRate, after.get("c")?.passRate], [0.9, 0.75, 0]);
    assert.equal(returned, 1);
    assert.deepEqual(countTasks(pool, { state: after, settings }), { active: 5, retired: 1 });
  });

  test("learns nothing from a group that could not be scored", () => {
    const state = known({ a: [0, 0.5] });
    const after = afterGroups(state, { groups: [group(a, unscorable("crash"), unscorable("crash"))], settings });
    assert.deepEqual(after, { state, returned: 0 });
  });

  test("forgets at once where only the newest group counts", () => {
    const { state } = afterGroups(known({ a: [0, 1] }), { groups: [group(a, scored(0))], settings: { ...settings, newestWeight: 1 } });
    assert.equal(state.get("a")?.passRate, 0);
  });
});
