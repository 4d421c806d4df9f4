// What documents say about the repository is true: files they name exist, links lead somewhere, every error has its row.

import assert from "node:assert/strict";
import { existsSync, globSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";

import * as errors from "../src/base/errors.ts";
import { provideAuthorModules } from "../src/rewards/authorModules.ts";
import { loadVerifier, parseReference } from "../src/rewards/load.ts";
import { verifierContext } from "./support/verifierContext.ts";

const root = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const documents = globSync(["*.md", "docs/**/*.md"], { cwd: root }).sort();

/** Paths in backticks. A name in capitals stands for any: `src/rewards/verifiable/NAME.ts`. */
const namedFiles = (text: string): string[] =>
  [...text.matchAll(/`((?:src|sandbox|test|scripts|docs|examples|bench|bin|\.ci)\/[\w./-]+)`/g)]
    .map(([, path]) => path!)
    .filter((path) => !/NAME/.test(path));

/** Targets of links inside the repository, without their anchors. */
const linkedFiles = (text: string): string[] => [...text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(([, path]) => path!);

describe("documents", () => {
  test("are found", () => assert.ok(documents.includes("README.md") && documents.includes("docs/errors.md"), documents.join(", ")));

  for (const document of documents) {
    test(`${document} names files that exist`, () => {
      const missing = namedFiles(read(document)).filter((path) => !existsSync(join(root, path)));
      assert.deepEqual(missing, []);
    });

    test(`${document} links to files that exist`, () => {
      const missing = linkedFiles(read(document)).filter((path) => !existsSync(join(root, dirname(document), path)));
      assert.deepEqual(missing, []);
    });
  }

  test("run TypeScript with npx node, since the Node of the machine may be too old for it", () => {
    const texts = [...documents, ...globSync(["examples/*.ts", "scripts/*.ts"], { cwd: root })].map(read);
    const commands = texts.flatMap((text) => [...text.matchAll(/(?:npx )?\bnode (?:examples|scripts|bench)\/[\w-]+\.ts/g)].map(String));
    assert.deepEqual([commands.length > 5, commands.filter((command) => !command.startsWith("npx "))], [true, []]);
  });

  test("are searched for paths and links", () => {
    assert.deepEqual(namedFiles("see `src/rl/loop.ts`, `src/rl/NAME.ts`, `npm test` and `docs/decisions`"), [
      "src/rl/loop.ts",
      "docs/decisions",
    ]);
    assert.deepEqual(linkedFiles("[a](docs/a.md#part) [b](https://b.example) [c](#here)"), ["docs/a.md"]);
  });
});

describe("docs/errors.md", () => {
  const rows = new Map(
    [...read("docs/errors.md").matchAll(/^\| `(\w+)` \| `(\w+)` \| (\d) \|/gm)].map(([, name, code, exit]) => [name!, { code, exit }]),
  );
  const { WhetstoneError, ...subclasses } = errors;

  for (const [name, ErrorClass] of Object.entries(subclasses)) {
    test(`gives ${name} its code and exit code`, () => {
      const error = new ErrorClass("message");
      assert.ok(error instanceof WhetstoneError);
      assert.deepEqual(rows.get(name), { code: error.code, exit: String(error.exitCode) });
    });
  }

  test("has no row for a class that is gone", () => assert.deepEqual([...rows.keys()].sort(), Object.keys(subclasses).sort()));
});

describe("README.md", () => {
  test("shows a verifier that works as it stands", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "readme-")), "palindrome.ts");
    writeFileSync(file, /```ts\n([\s\S]*?)```/.exec(read("README.md"))![1]!);
    provideAuthorModules();
    const { id, reference: schema, verify } = await loadVerifier(file);
    const parsed = parseReference(schema, { minLength: 3 });
    assert.ok(parsed.success);
    const task = { id: "a", family: "a", messages: [], verifier: id, reference: null };
    const scores = ["Level", "no", "aa"].map(async (answer) => {
      const verdict = await verify({ task, reference: parsed.data, answer, thinking: "" }, verifierContext());
      return verdict.kind === "scored" ? verdict.score : verdict.reason;
    });
    assert.deepEqual(await Promise.all(scores), [1, 0, 0]);
  });
});
