// The layout rules, executed on the repository. Each rule is also shown an invented tree that breaks it,
// so that a rule which no longer sees anything cannot pass.

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import {
  fileViolations,
  hiddenInputViolations,
  importCycles,
  importViolations,
  type LongFile,
  lengthViolations,
  type SourceFile,
  spellingViolations,
} from "./support/architecture.ts";

/** Files that explain themselves past 400 lines. */
const longFiles: Readonly<Record<string, LongFile>> = {
  "test/conformance/verifier.test.ts": { reason: "the cases of each built-in verifier, which are independent", table: true },
  "test/rewards/verifiable/mathTables.ts": { reason: "pairs of answers, one row for each reference", table: true },
  "test/rewards/verifiable/codeTests.test.ts": { reason: "mostly a table of cheating programs, one entry each" },
  "test/sandbox/hostilePrograms.ts": { reason: "hostile programs, one entry each", table: true },
};

const root = join(import.meta.dirname, "..");
const repository: readonly SourceFile[] = globSync("{src,sandbox,examples,bench,scripts,test}/**/*.ts", { cwd: root })
  .map((path) => path.replaceAll("\\", "/"))
  .sort()
  .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));

const file = (path: string, ...imports: readonly string[]): SourceFile => ({
  path,
  text: ["// One line.", "// Another.", ...imports.map((specifier) => `import { a } from "${specifier}";`)].join("\n"),
});

/** The violations are the message: one line each. */
const none = (violations: readonly string[]): void => assert.ok(violations.length === 0, `\n${violations.join("\n")}`);

describe("the repository", () => {
  test("has files in every folder that this test reads", () => {
    assert.ok(repository.some(({ path }) => path === "src/base/errors.ts"));
    assert.ok(repository.some(({ path }) => path === "test/architecture.test.ts"));
  });

  test("imports only what the table allows", () => none(importViolations(repository)));
  test("ends relative imports in .ts", () => none(spellingViolations(repository)));
  test("has no import cycles", () => none(importCycles(repository)));
  test("takes randomness, time and environment as arguments", () => none(hiddenInputViolations(repository)));
  test("names its files after ideas and says what each is", () => none(fileViolations(repository)));
  test("keeps its files short, or says why not", () => none(lengthViolations(repository, longFiles)));
});

describe("importViolations", () => {
  test("reports a folder that reaches upwards", () => {
    assert.deepEqual(importViolations([file("src/graph/ops.ts", "../policy/model.ts", "../base/errors.ts", "./tensor.ts")]), [
      'src/graph/ops.ts: "graph" may not import "policy" (../policy/model.ts)',
    ]);
  });

  test("sees imports over several lines, type imports, re-exports, dynamic and bare imports", () => {
    const text = [
      'import {\n  a,\n  b,\n} from "../rl/a.ts";',
      'import type { T } from "../rl/b.ts";',
      'export { c } from "../rl/c.ts";',
      'const d = await import("../rl/d.ts");',
      'import "../rl/e.ts";',
    ].join("\n");
    assert.equal(importViolations([{ path: "src/data/x.ts", text }]).length, 5);
  });

  test("does not see imports in comments", () => {
    const text = '// import { a } from "../rl/a.ts";\n/*\nimport { b } from "../rl/b.ts";\n*/\n';
    assert.deepEqual(importViolations([{ path: "src/data/x.ts", text }]), []);
  });

  test("tells a nested folder from the one around it", () => {
    assert.deepEqual(importViolations([file("src/rewards/verifiable/numeric.ts", "../verifier.ts", "../../data/task.ts")]), []);
    assert.deepEqual(importViolations([file("src/rewards/pool.ts", "./verifiable/numeric.ts")]), [
      'src/rewards/pool.ts: "rewards" may not import "rewards/verifiable" (./verifiable/numeric.ts)',
    ]);
  });

  test("lets rewards use the sandbox through its client only, and the sandbox nothing of src", () => {
    assert.deepEqual(importViolations([file("src/rewards/pool.ts", "../../sandbox/client.ts")]), []);
    assert.equal(importViolations([file("src/rewards/pool.ts", "../../sandbox/jail.ts")]).length, 1);
    assert.equal(importViolations([file("src/rl/loop.ts", "../../sandbox/client.ts")]).length, 1);
    assert.equal(importViolations([file("sandbox/client.ts", "../src/base/errors.ts")]).length, 1);
  });

  test("gives examples the public surface, and benchmarks the parts that they time, but no heavy package", () => {
    assert.deepEqual(importViolations([file("examples/a.ts", "../src/index.ts")]), []);
    assert.equal(importViolations([file("examples/a.ts", "../src/rl/loop.ts")]).length, 1);
    assert.equal(importViolations([file("src/rl/loop.ts", "../index.ts")]).length, 1);
    assert.deepEqual(importViolations([file("bench/a.ts", "../src/train/engine.ts", "./b.ts")]), []);
    assert.equal(importViolations([file("bench/a.ts", "../src/cli/main.ts", "onnxruntime-node")]).length, 2);
  });

  test("keeps heavy packages behind their folder, subpaths included", () => {
    assert.deepEqual(importViolations([file("src/runtime/session.ts", "onnxruntime-node"), file("src/runs/store.ts", "node:sqlite")]), []);
    assert.equal(
      importViolations([file("src/policy/model.ts", "onnxruntime-node/dist/x"), file("src/web/page.ts", "node:sqlite")]).length,
      2,
    );
  });

  test("asks for a row when a folder is new", () => {
    assert.equal(importViolations([file("src/magic/a.ts", "../base/rng.ts")]).length, 1);
  });
});

describe("spellingViolations", () => {
  test("reports relative imports without .ts and leaves packages alone", () => {
    assert.equal(spellingViolations([file("src/rl/a.ts", "./b.js", "./c", "zod", "./d.ts")]).length, 2);
  });
});

describe("importCycles", () => {
  test("finds a circle of two and of three, once each", () => {
    const files = [
      file("src/rl/a.ts", "./b.ts"),
      file("src/rl/b.ts", "./a.ts", "./c.ts"),
      file("src/rl/c.ts", "./d.ts"),
      file("src/rl/d.ts", "./e.ts"),
      file("src/rl/e.ts", "./c.ts"),
    ];
    assert.deepEqual(importCycles(files), [
      "src/rl/a.ts -> src/rl/b.ts -> src/rl/a.ts",
      "src/rl/c.ts -> src/rl/d.ts -> src/rl/e.ts -> src/rl/c.ts",
    ]);
  });

  test("accepts a diamond", () => {
    const files = [
      file("src/rl/a.ts", "./b.ts", "./c.ts"),
      file("src/rl/b.ts", "./d.ts"),
      file("src/rl/c.ts", "./d.ts"),
      file("src/rl/d.ts"),
    ];
    assert.deepEqual(importCycles(files), []);
  });
});

describe("hiddenInputViolations", () => {
  test("reports each hidden input, and not where it is at home", () => {
    const text = "Math.random(); randomUUID(); new Date(); process.env.HOME;";
    assert.equal(hiddenInputViolations([{ path: "src/rl/loop.ts", text }]).length, 4);
    assert.deepEqual(hiddenInputViolations([{ path: "src/base/clock.ts", text: "Date.now(); performance.now();" }]), []);
    assert.deepEqual(hiddenInputViolations([{ path: "src/cli/main.ts", text: "process.env.HOME" }]), []);
    assert.equal(hiddenInputViolations([{ path: "src/runs/a.ts", text: 'import { env } from "node:process";' }]).length, 1);
  });

  test("reads past comments, quotes and addresses", () => {
    assert.deepEqual(hiddenInputViolations([{ path: "src/rl/a.ts", text: "// not Math.random\n/** nor Date.now */\n" }]), []);
    assert.equal(hiddenInputViolations([{ path: "src/rl/a.ts", text: 'const a = "http://x"; Math.random();' }]).length, 1);
  });
});

describe("fileViolations", () => {
  const good = "// What it is.\n// What it is not.\n\nexport const a = 1;\n";

  test("reports folders that name no idea and second index files", () => {
    assert.deepEqual(fileViolations([{ path: "src/rl/loop.ts", text: good }]), []);
    for (const path of ["src/utils/a.ts", "src/rl/helpers.ts", "src/rl/index.ts"])
      assert.equal(fileViolations([{ path, text: good }]).length, 1, path);
  });

  test("asks for a header of two to eight lines, whichever comment it is written as", () => {
    const headers = {
      "// One.\n": 1,
      "/**\n * One.\n * Two.\n */\n": 0,
      "#!/usr/bin/env node\n// One.\n// Two.\n": 0,
      "": 1,
      ["// Line.\n".repeat(9)]: 1,
    };
    for (const [header, count] of Object.entries(headers)) {
      assert.equal(fileViolations([{ path: "src/rl/a.ts", text: `${header}\nexport const a = 1;\n` }]).length, count, header);
    }
  });

  test("reports unfinished work", () => {
    assert.equal(fileViolations([{ path: "src/rl/a.ts", text: `${good}// ${"TO"}${"DO"} later\n` }]).length, 1);
  });
});

describe("lengthViolations", () => {
  const long = (lines: number): SourceFile => ({ path: "src/rl/a.ts", text: "x\n".repeat(lines) });

  test("asks for a reason past 400 lines and for a table past 600", () => {
    const reason = "one straight forward pass";
    assert.deepEqual(lengthViolations([long(400)], {}), []);
    assert.equal(lengthViolations([long(401)], {}).length, 1);
    assert.deepEqual(lengthViolations([long(600)], { "src/rl/a.ts": { reason } }), []);
    assert.equal(lengthViolations([long(601)], { "src/rl/a.ts": { reason } }).length, 1);
    assert.deepEqual(lengthViolations([long(601)], { "src/rl/a.ts": { reason, table: true } }), []);
  });

  test("drops reasons that are no longer needed", () => {
    assert.equal(lengthViolations([long(300)], { "src/rl/a.ts": { reason: "was long" } }).length, 1);
  });
});
