import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";

import { CheckpointError } from "../../src/base/errors.ts";
import { readCarried } from "../../src/rl/carried.ts";
import { restoreSource, saveRollouts, sourceToJson } from "../../src/rl/savedSource.ts";
import { initialSource, type SourceState } from "../../src/rl/sourceState.ts";
import { aRollout, aScoredRollout, aTask, scored, unscorable } from "../support/rollouts.ts";
import { tempFolder } from "../support/tempFolder.ts";

const file = "rollouts.jsonl.gz";
const member = (id: string, verdict = scored(1)) => aScoredRollout(verdict, { rollout: aRollout({ id }) });
const forced = { chosen: Uint8Array.of(1, 0), logProbs: Float32Array.of(-0.25, Number.NaN), experts: Uint16Array.of(3, 1, 0, 2) };

/** Two steps ahead, the first with a group in excess and one that could not be scored; a group in flight. 9 rollouts. */
const state: SourceState = {
  curriculum: new Map([
    ["new", { lastDrawn: 2 }],
    ["known", { lastDrawn: 3, passRate: 0.1 + 0.2 }],
  ]),
  ahead: [
    {
      step: 4,
      groups: [[member("4.0.0"), member("4.0.1", unscorable("timeout"))], [member("4.1.0", scored(1 / 3))]],
      others: [[member("4.2.0", scored(0))]],
      rounds: 1,
      mismatch: { mismatch: 0, mismatchShare: 0, mismatchMax: -0 },
    },
    { step: 5, groups: [[member("5.0.0")]], others: [], rounds: 0 },
  ],
  inFlight: [
    {
      place: 3,
      startedAt: 2,
      task: aTask({ id: "long" }),
      finished: [member("2.3.1"), member("2.3.2", unscorable("crash"))],
      paused: [aRollout({ id: "2.3.0", finish: "paused", answerText: "1 +\n\u2028 2", ...forced }), aRollout({ id: "2.3.3", index: 3 })],
    },
  ],
  sampledAt: new Map([["v", 3]]),
};

/** What another process finds: trainer.json's text, and the folder. */
function saved(folder: string, from: SourceState = state): SourceState {
  saveRollouts(folder, from);
  const source = sourceToJson(from);
  const text = JSON.stringify(source === undefined ? {} : { source });
  return restoreSource(readCarried({ carried: JSON.parse(text), folder }).source, folder);
}

/** The state that is found once `damage` was done to the file. */
function after(t: TestContext, damage: (path: string) => void): () => SourceState {
  const folder = tempFolder(t);
  saveRollouts(folder, state);
  damage(join(folder, file));
  return () => restoreSource({ rollouts: 9, sampledAt: { v: 3 } }, folder);
}

/** Lines of the file, to be written again as one gzip member. */
const rewritten = (change: (lines: string[]) => string[]) => (path: string) =>
  writeFileSync(path, gzipSync(change(gunzipSync(readFileSync(path)).toString().split("\n")).join("\n")));

describe("the state of a source in a checkpoint", () => {
  test("comes back in every bit", (t) => assert.deepEqual(saved(tempFolder(t)), state));

  test("says in trainer.json how many rollouts there are, and nothing of them", () =>
    assert.deepEqual(sourceToJson(state), {
      curriculum: { new: [2], known: [3, 0.30000000000000004] },
      rollouts: 9,
      sampledAt: { v: 3 },
    }));

  test("has no file where no rollouts are carried, and none of it where nothing is", (t) => {
    const folder = tempFolder(t);
    const { curriculum } = state;
    assert.deepEqual(saved(folder, { ...initialSource, curriculum }), { ...initialSource, curriculum });
    assert.deepEqual(saved(folder, initialSource), initialSource);
    assert.equal(sourceToJson(initialSource), undefined);
    assert.deepEqual(readdirSync(folder), []);
  });

  test("is a file that gzip reads: the version, then lines of JSON", (t) => {
    const folder = tempFolder(t);
    saveRollouts(folder, state);
    const lines = gunzipSync(readFileSync(join(folder, file)))
      .toString()
      .trimEnd()
      .split("\n");
    const said = lines.map((line) => JSON.parse(line));
    assert.deepEqual(
      said.map(({ kind, version }) => kind ?? version),
      [1, "step", "group", "group", "other", "step", "group", "inFlight"],
    );
  });

  test("is empty where trainer.json says nothing", () => assert.deepEqual(restoreSource(undefined), initialSource));
});

describe("a file of rollouts that cannot be used", () => {
  const cure = /;.* delete the folder to go on from the checkpoint before it$/;
  const refuses = (find: () => SourceState, said: RegExp): void =>
    assert.throws(find, (error) => {
      assert.ok(error instanceof CheckpointError);
      assert.match(error.message, said);
      assert.match(error.message, cure);
      return true;
    });

  test("is named where it is missing", (t) =>
    refuses(
      after(t, (path) => rmSync(path)),
      /^\/.*\/rollouts\.jsonl\.gz: must hold the 9 rollouts that trainer\.json tells of, got no such file; /,
    ));

  test("is named where it holds another number", (t) =>
    refuses(
      after(t, (path) => saveRollouts(join(path, ".."), { ...state, inFlight: [] })),
      /must hold the 9 rollouts that trainer\.json tells of, got 5; /,
    ));

  test("is named where its version is another", (t) => {
    const told = /: version must be 1, got 2; use the version of whetstone that wrote it, or /;
    refuses(
      after(
        t,
        rewritten(([, ...lines]) => ['{"version":2,"more":[]}', ...lines]),
      ),
      told,
    );
    refuses(
      after(
        t,
        rewritten(() => ["step"]),
      ),
      /: its first line must be JSON, got .*; use the version of whetstone that wrote it/,
    );
  });

  test("is named where it is damaged", (t) => {
    const got = /must hold the 9 rollouts that trainer\.json tells of, got a damaged file \(.+\); /;
    refuses(
      after(t, (path) => writeFileSync(path, "rollouts")),
      got,
    );
    refuses(
      after(t, (path) => writeFileSync(path, "")),
      got,
    );
    refuses(
      after(
        t,
        rewritten(([version, , ...lines]) => [version!, ...lines]),
      ),
      got,
    );
    refuses(
      after(
        t,
        rewritten((lines) => lines.map((line) => line.slice(0, 100))),
      ),
      got,
    );
  });

  test("is never taken for whole, wherever it is cut or changed", (t) => {
    const folder = tempFolder(t);
    saveRollouts(folder, state);
    const path = join(folder, file);
    const whole = readFileSync(path);
    const find = () => restoreSource({ rollouts: 9 }, folder);
    const expected = find();
    for (let length = 0; length < whole.length; length += 7) {
      writeFileSync(path, whole.subarray(0, length));
      assert.throws(find, CheckpointError, `of ${length} bytes`);
    }
    for (let at = 0; at < whole.length; at += 7) {
      const changed = Buffer.from(whole);
      changed[at]! ^= 0x10;
      writeFileSync(path, changed);
      let found = expected; // some bytes of gzip's headers mean nothing here
      try {
        found = find();
      } catch (error) {
        assert.ok(error instanceof CheckpointError, `byte ${at}: ${error}`);
      }
      assert.deepEqual(found, expected, `byte ${at}`);
    }
  });

  test("is told from a checkpoint that holds its rollouts in trainer.json", () =>
    assert.throws(
      () => readCarried({ carried: { source: { ahead: [], sampledAt: {} } }, folder: "runs/old-1/checkpoints/rl-000004" }),
      (error) => {
        assert.ok(error instanceof CheckpointError);
        assert.match(
          error.message,
          /^runs\/old-1\/checkpoints\/rl-000004\/trainer\.json: carried\.source must not have the key "ahead"; delete/,
        );
        return true;
      },
    ));

  for (const [source, rule] of [
    [{ curriculum: { sum: [3, 1.5] } }, /carried\.source\.curriculum\.sum\.1 must be at most 1, got 1\.5; delete/],
    [{ curriculum: { sum: [-1] } }, /carried\.source\.curriculum\.sum\.0 must be at least 0, got -1; delete/],
    [{ sampledAt: { v1: -1 } }, /carried\.source\.sampledAt\.v1 must be at least 0, got -1; delete/],
  ] as const) {
    test(`is refused with ${JSON.stringify(source)}`, () =>
      assert.throws(
        () => readCarried({ carried: { source }, folder: "rl-000004" }),
        (error) => error instanceof CheckpointError && rule.test(error.message),
      ));
  }
});
