// What other walls do with the same attempts: node:vm, a worker thread and a V8 isolate, each with its own limits, in a host process that is
// itself in the jail, since most attempts harm it. docs/decisions/0008-sandbox-boundary.md shows this table; the jail's own row is the escape
// suite. A wall that gets better makes a test here fail, which is the moment to read that page again.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";

import { openSandbox, type Sandbox } from "../../sandbox/client.ts";
import { findAddon } from "../../sandbox/isolates.ts";

/** "reached": code of the host was run; "ended" and "hung": what became of the host. */
type Outcome = "contained" | "reached" | "ended" | "hung";

const walls = {
  "node:vm": 'require("node:vm").runInNewContext(source, {}, { timeout: timeoutMs });',
  worker: `await new Promise((resolve) => {
    const { Worker } = require("node:worker_threads");
    const worker = new Worker(source, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 32 }, env: {} });
    worker.on("error", resolve).on("exit", resolve);
    setTimeout(() => worker.terminate(), timeoutMs);
  });`,
  isolate: `require("node:fs").writeFileSync("ivm.node", Buffer.from(require("node:fs").readFileSync("ivm.base64", "latin1"), "base64"));
  const { ivm } = require("./ivm.node");
  const isolate = new ivm.Isolate({ memoryLimit: 32 });
  isolate.compileScriptSync(source).runSync(isolate.createContextSync(), { timeout: timeoutMs });`,
} as const;
type Wall = keyof typeof walls;

interface Attempt {
  readonly source: string;
  /** The wall's own limit; ample where memory is what ends the attempt, so that a busy machine gives the same outcome. */
  readonly timeoutMs: number;
  readonly outcomes: Readonly<Record<Wall, readonly Outcome[]>>;
}

const attempts: Readonly<Record<string, Attempt>> = {
  "the host's process through a constructor": {
    source: "this.constructor.constructor('return process')().getBuiltinModule('node:fs').writeFileSync('reached', '')",
    timeoutMs: 300,
    outcomes: { "node:vm": ["reached"], worker: ["reached"], isolate: ["contained"] },
  },
  "a busy loop": {
    source: "for (;;);",
    timeoutMs: 300,
    outcomes: { "node:vm": ["contained"], worker: ["contained"], isolate: ["contained"] },
  },
  "promises without end": {
    source: "(async () => { for (;;) await 0; })();",
    timeoutMs: 300,
    outcomes: { "node:vm": ["hung"], worker: ["contained"], isolate: ["contained"] },
  },
  "an array that grows": {
    source: "const x = []; for (;;) x.push(new Array(1e5).fill(1.5));",
    timeoutMs: 10_000,
    outcomes: { "node:vm": ["ended"], worker: ["ended", "contained"], isolate: ["contained"] },
  },
  "a Map that grows": {
    source: "const m = new Map(); for (let i = 0; ; i++) m.set(i, i);",
    timeoutMs: 10_000,
    outcomes: { "node:vm": ["contained", "ended"], worker: ["contained", "ended"], isolate: ["ended", "contained"] },
  },
  "a huge fill": {
    source: "for (;;) new Array(2 ** 27).fill(0);",
    timeoutMs: 10_000,
    outcomes: { "node:vm": ["ended"], worker: ["ended"], isolate: ["ended", "hung"] },
  },
  "WebAssembly memory": {
    source: "const x = []; for (;;) { const m = new WebAssembly.Memory({ initial: 2048 }); new Uint8Array(m.buffer).fill(1); x.push(m); }",
    timeoutMs: 10_000,
    outcomes: { "node:vm": ["ended"], worker: ["ended"], isolate: ["ended"] },
  },
};

let sandbox: Sandbox;
before(async () => {
  sandbox = await openSandbox({ concurrency: 1, warm: 0 });
});
after(() => sandbox[Symbol.asyncDispose]());

async function outcomeOf(wall: Wall, { source, timeoutMs }: Attempt): Promise<Outcome> {
  const host = `const source = ${JSON.stringify(source)};
const timeoutMs = ${timeoutMs};
(async () => {
  try { ${walls[wall]} } catch {}
  await new Promise((resolve) => setTimeout(resolve, 50));
  console.log(require("node:fs").existsSync("reached") ? "reached" : "contained");
  process.exit(0);
})();`;
  const files = { "host.cjs": host, ...(wall === "isolate" ? { "ivm.base64": readFileSync(findAddon(), "base64") } : {}) };
  const limits = { wallMs: timeoutMs + 4000, memoryMiB: 256 };
  const { end, stdout } = await sandbox.run({ language: "javascript", files, entry: "host.cjs", limits });
  if (end.kind === "limit" && end.limit === "wall") return "hung";
  return end.kind === "exit" && stdout.text !== "" ? (stdout.text.trim() as Outcome) : "ended";
}

describe("walls inside a process", () => {
  for (const [name, attempt] of Object.entries(attempts)) {
    for (const wall of Object.keys(walls) as Wall[]) {
      test(`${wall} against ${name}`, async (t) => {
        // Limits on address space end such attempts in other ways than those that the page shows.
        if (!sandbox.description.includes("control groups")) return t.skip("the process around the walls needs a control group");
        const outcome = await outcomeOf(wall, attempt);
        t.diagnostic(outcome);
        assert.ok(attempt.outcomes[wall].includes(outcome), outcome);
      });
    }
  }
});
