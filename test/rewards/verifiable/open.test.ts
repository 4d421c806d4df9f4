import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";

import { VerifierError } from "../../../src/base/errors.ts";
import type { Task } from "../../../src/data/task.ts";
import { RewardConfig } from "../../../src/rewards/config.ts";
import { describeVerifier, locateVerifier, openVerifierPool } from "../../../src/rewards/verifiable/open.ts";
import { childProcesses } from "../../support/processes.ts";
import { tempFolder } from "../../support/tempFolder.ts";

const mine = `import { z } from "zod";
export const mine = { id: "mine", version: 2, checks: "correctness", reference: z.string(), verify: () => ({ kind: "scored", score: 0, evidence: "no" }) };
`;

describe("locateVerifier", () => {
  test("takes a path from the folder, a URL, or an id of the table", (t) => {
    const folder = tempFolder(t);
    const file = join(folder, "mine.ts");
    writeFileSync(file, mine);
    for (const use of ["mine.ts", "./mine.ts", file, pathToFileURL(file).href]) assert.equal(locateVerifier(use, folder), file);
    assert.match(locateVerifier("thinking-format", folder), /src\/rewards\/verifiable\/thinkingFormat\.ts$/);
  });

  test("names what it looked for, or what there is", (t) => {
    const folder = tempFolder(t);
    const message = (use: string) => {
      try {
        return locateVerifier(use, folder);
      } catch (error) {
        assert.ok(error instanceof VerifierError);
        return error.message;
      }
    };
    assert.match(
      message("numerc"),
      /^verifier "numerc": not in the table; did you mean "numeric"; known: choice, code-tests, countdown, exact, [a-z, -]*, thinking-format; or give the file/,
    );
    assert.equal(
      message("./no.ts"),
      `verifier "./no.ts": no such file, looked for "${join(folder, "no.ts")}"; give the path of a module that exports one verifier`,
    );
  });
});

describe("describeVerifier", () => {
  test("says what a built-in verifier and an author's are", async (t) => {
    const folder = tempFolder(t);
    writeFileSync(join(folder, "mine.ts"), mine);
    const { file: _, ...numeric } = await describeVerifier("numeric", folder);
    assert.deepEqual(numeric, { id: "numeric", version: 2, checks: "correctness", runsPrograms: false });
    assert.equal((await describeVerifier("sql", folder)).runsPrograms, true);
    assert.deepEqual(await describeVerifier("mine.ts", folder), {
      file: join(folder, "mine.ts"),
      id: "mine",
      version: 2,
      checks: "correctness",
      runsPrograms: false,
    });
  });
});

describe("openVerifierPool", () => {
  test("opens what a recipe asks for", async (t) => {
    const folder = tempFolder(t);
    writeFileSync(join(folder, "mine.ts"), mine);
    const config = RewardConfig.parse({
      verifiers: [{ use: "exact" }, { use: "mine.ts", deadlineMs: 50 }],
      terms: [{ verifier: "mine", weight: 1 }],
    });
    await using pool = await openVerifierPool(config, folder);
    assert.deepEqual(
      [...pool.verifiers.values()].map(({ id, deadlineMs }) => [id, deadlineMs]),
      [
        ["exact", 2000],
        ["mine", 50],
      ],
    );
  });

  test("gives a verifier of form the recipe's reference, and every other one the task's", async () => {
    const config = RewardConfig.parse({
      verifiers: [{ use: "numeric" }, { use: "length", reference: { unit: "words", max: 2 } }],
      terms: [
        { verifier: "task", weight: 1 },
        { verifier: "length", weight: 1 },
      ],
    });
    await using pool = await openVerifierPool(config, "/");
    const task: Task = {
      id: "t",
      family: "f",
      messages: [{ role: "user", content: "6*7?" }],
      verifier: "numeric",
      reference: { answer: "42" },
    };
    const call = { task, thinking: "", seed: "0".repeat(48) };
    const scores = (answer: string) =>
      Promise.all(
        ["numeric", "length"].map(async (verifier) => {
          const verdict = await pool.verify({ ...call, answer, verifier }, new AbortController().signal);
          return verdict.kind === "scored" ? verdict.score : verdict.reason;
        }),
      );
    assert.deepEqual(await scores("It is 42"), [1, 0]);
    assert.deepEqual(await scores("Maybe 41"), [0, 1]);
  });

  test("leaves no process behind when a term names a verifier that is not there", async () => {
    const config = RewardConfig.parse({ verifiers: [{ use: "exact" }], terms: [{ verifier: "numeric", weight: 1 }] });
    await assert.rejects(openVerifierPool(config, "/"), /got "numeric"; known: task, exact/);
    assert.deepEqual(childProcesses(), []);
  });
});
