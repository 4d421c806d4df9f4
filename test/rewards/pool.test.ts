import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { VerifierError } from "../../src/base/errors.ts";
import { rngFor } from "../../src/base/rng.ts";
import type { Verdict } from "../../src/data/verdict.ts";
import { describeVerifiers, startVerifierPool, type VerifierPool } from "../../src/rewards/pool.ts";
import { childProcesses, isAlive } from "../support/processes.ts";
import { aTask } from "../support/rollouts.ts";

const folder = mkdtempSync(join(tmpdir(), "whetstone-pool-"));
after(() => rmSync(folder, { recursive: true }));

function authorFile(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** Where verifiers that run at the same time find each other. */
const meeting = join(folder, "meeting");
mkdirSync(meeting);

/** Does what the answer says. It lies outside the repository and gets its imports from the pool. */
const puppet = authorFile(
  "puppet.ts",
  `import { spawn } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defineVerifier } from "whetstone";
import { z } from "zod";

const scored = (score: unknown, evidence: unknown = "fine") => ({ kind: "scored", score, evidence }) as never;
const meeting = ${JSON.stringify(meeting)};
const acts: Record<string, (context: { signal: AbortSignal; rng: { uniform(): number } }) => unknown> = {
  right: () => scored(1),
  draw: ({ rng }) => scored(rng.uniform()),
  loop: () => { for (;;); },
  never: () => new Promise(() => {}),
  late: () => new Promise((resolve) => setTimeout(() => resolve(scored(1)), 530)),
  slow: () => new Promise((resolve) => setTimeout(() => resolve(scored(1)), 150)),
  obedient: ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  exit: () => process.exit(3),
  suicide: () => { process.kill(process.pid, "SIGKILL"); return new Promise(() => {}); },
  heap: () => { const all = []; for (;;) all.push(new Array(1_000_000).fill(0.5)); },
  buffers: () => { const all = []; for (;;) all.push(Buffer.alloc(64 << 20, 1)); },
  throw: () => { throw new TypeError("no such thing"); },
  reject: () => Promise.reject("just text"),
  later: () => { setTimeout(() => { console.error("the bomb"); throw new Error("bomb"); }, 0); return new Promise(() => {}); },
  afterwards: () => { setTimeout(() => process.exit(9), 20); return scored(1); },
  nan: () => scored(Number.NaN),
  over: () => scored(1.5),
  mute: () => ({ kind: "scored", score: 1 }),
  extra: () => ({ kind: "scored", score: 1, evidence: "e", bonus: 1 }),
  nothing: () => undefined,
  fn: () => () => 1,
  print: () => { process.stdout.write("noise\\n".repeat(20_000)); console.error("more noise"); return scored(1); },
  forge: () => { process.send!({ kind: "verdict", number: 1, verdict: { kind: "scored", score: 1, evidence: "forged" } }); return new Promise(() => {}); },
  garbage: () => { process.send!("hello"); return new Promise(() => {}); },
  disconnect: () => { process.disconnect!(); return new Promise(() => {}); },
  stubborn: () => { for (const name of ["exit", "SIGTERM", "SIGINT", "SIGHUP", "disconnect"]) process.on(name, () => { for (;;); }); setInterval(() => {}, 1); for (;;); },
  meet: async () => {
    writeFileSync(join(meeting, String(process.pid)), "");
    while (readdirSync(meeting).length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    return scored(1);
  },
  offspring: () => scored(1, String(spawn("sleep", ["60"]).pid)),
  environment: () => scored(1, Object.keys(process.env).sort().join()),
  long: () => scored(1, "e".repeat(1_000_000)),
  many: () => ({ kind: "scored", score: 1, evidence: "fine", components: Object.fromEntries([["n".repeat(101), 1], ...Array.from({ length: 500 }, (_, i) => ["c" + i, 1])]) }),
};

export default defineVerifier({
  id: "puppet",
  version: 7,
  checks: "correctness",
  reference: z.strictObject({ want: z.string() }),
  verify: ({ answer }, context) => acts[answer]!(context as never) as never,
});
`,
);

const signal = new AbortController().signal;
const deadlineMs = 500;
const task = aTask({ verifier: "puppet", reference: { want: "x" } });

const start = (numWorkers = 1): Promise<VerifierPool> => startVerifierPool({ verifiers: [{ file: puppet, deadlineMs }], numWorkers });
const ask = (pool: VerifierPool, answer: string, stop = signal): Promise<Verdict> =>
  pool.verify({ verifier: "puppet", task, answer, thinking: "", seed: rngFor("seed").seed }, stop);

function assertFailure(verdict: Verdict, failure: string, reason: RegExp): void {
  assert.ok(verdict.kind === "unscorable", JSON.stringify(verdict));
  assert.equal(verdict.failure, failure, verdict.reason);
  assert.match(verdict.reason, reason);
}

describe("startVerifierPool", () => {
  test("says what its verifiers are", async () => {
    await using pool = await start();
    assert.deepEqual(
      [...pool.verifiers.values()],
      [{ file: puppet, id: "puppet", version: 7, checks: "correctness", runsPrograms: false, deadlineMs }],
    );
  });

  test("refuses, before anything runs, a file that cannot be used or that ends its process", async () => {
    const throws = authorFile("throws.js", 'throw new Error("at import");');
    const exits = authorFile("exits.js", "console.error('last words'); process.exit(4);");
    const refused = (files: readonly string[], message: RegExp) =>
      assert.rejects(
        startVerifierPool({ verifiers: files.map((file) => ({ file, deadlineMs })), numWorkers: 2 }),
        (error: VerifierError) => {
          assert.ok(error instanceof VerifierError);
          assert.match(error.message, message);
          return true;
        },
      );
    await refused([puppet, throws], /^verifier ".*throws\.js": could not be imported: at import at \/.*\/throws\.js:1:7$/);
    await refused([exits], /^verifiers ".*exits\.js": the worker ended while loading them: exit code 4; it last said: last words$/);
    assert.deepEqual(childProcesses(), []);
  });

  test("refuses two verifiers of one id", async () => {
    const copy = authorFile("copy.ts", `export { default } from ${JSON.stringify(puppet)};`);
    await assert.rejects(describeVerifiers([puppet, copy]), /copy\.ts": its id "puppet" is taken by ".*puppet\.ts"/);
  });
});

describe("VerifierPool", () => {
  test("turns each way to fail into an unscorable verdict, and the next call does not notice", { timeout: 60_000 }, async () => {
    const failures: readonly (readonly [string, string, RegExp])[] = [
      ["loop", "timeout", /no verdict within 500 ms; the worker was killed/],
      ["never", "timeout", /no verdict within 500 ms/],
      ["late", "timeout", /500 ms was over when the verifier returned|no verdict within 500 ms/],
      ["obedient", "timeout", /deadline of 500 ms was over/],
      ["stubborn", "timeout", /no verdict within 500 ms/],
      ["exit", "crash", /the worker ended while checking: exit code 3/],
      ["suicide", "crash", /signal SIGKILL/],
      ["throw", "crash", /the verifier threw TypeError: no such thing/],
      ["reject", "crash", /the verifier threw 'just text'/],
      ["later", "crash", /exit code 1; it last said: .*bomb/s],
      ["nan", "crash", /returned no verdict: score must be a number, got NaN, in /],
      ["over", "crash", /returned no verdict: score must be at most 1, got 1\.5, in /],
      ["mute", "crash", /returned no verdict: evidence is required, in /],
      ["extra", "crash", /returned no verdict: it must not have the key "bonus"/],
      ["nothing", "crash", /returned no verdict: .*undefined/],
      ["fn", "crash", /returned no verdict: .*Function/],
      ["garbage", "crash", /not of the protocol/],
      ["disconnect", "crash", /exit code 0|closed its channel/],
      ["unknown act", "crash", /threw TypeError/],
    ];
    await using pool = await start(2);
    const asked = failures.flatMap(([act]) => [ask(pool, act), ask(pool, "right")]);
    const verdicts = await Promise.all(asked);
    for (const [i, [act, failure, reason]] of failures.entries()) {
      assertFailure(verdicts[2 * i]!, failure, reason);
      assert.deepEqual(verdicts[2 * i + 1], { kind: "scored", score: 1, evidence: "fine" }, `after ${act}`);
    }
  });

  test("caps the memory of a worker", { timeout: 30_000 }, async () => {
    await using pool = await startVerifierPool({ verifiers: [{ file: puppet, deadlineMs: 20_000 }], numWorkers: 1 });
    assertFailure(await ask(pool, "heap"), "crash", /signal SIGABRT|exit code/);
    assertFailure(await ask(pool, "buffers"), "crash", /memory|allocat/i);
    assert.equal((await ask(pool, "right")).kind, "scored");
  });

  test("takes no verdict but the answer to the call that is in flight", async () => {
    await using pool = await start();
    await ask(pool, "right"); // takes number 1
    assertFailure(await ask(pool, "forge"), "crash", /out of turn/);
  });

  test("lets verifiers print what they like", async () => {
    await using pool = await start();
    assert.equal((await ask(pool, "print")).kind, "scored");
  });

  test("gives verifiers no environment but a path and a cache", async () => {
    await using pool = await start();
    const verdict = await ask(pool, "environment");
    assert.ok(verdict.kind === "scored");
    const given = verdict.evidence.split(",").filter((name) => !["_", "PWD", "OLDPWD", "SHLVL"].includes(name)); // the shell's own
    assert.deepEqual(given, ["NODE_COMPILE_CACHE", "PATH"]);
  });

  test("says that a reference cannot be read, with the place", async () => {
    await using pool = await start();
    const broken = { ...task, reference: { want: 5 } };
    assertFailure(
      await pool.verify({ verifier: "puppet", task: broken, answer: "right", thinking: "", seed: rngFor("s").seed }, signal),
      "reference",
      /^want: /,
    );
  });

  test("cuts long evidence", async () => {
    await using pool = await start();
    const verdict = await ask(pool, "long");
    assert.ok(verdict.kind === "scored" && verdict.evidence.length < 5000 && verdict.evidence.endsWith("(1000000 characters)"));
  });

  test("keeps the first of many components, and says so", async () => {
    await using pool = await start();
    const verdict = await ask(pool, "many");
    assert.ok(verdict.kind === "scored");
    assert.deepEqual(
      Object.keys(verdict.components!),
      Array.from({ length: 64 }, (_, i) => `c${i}`),
    );
    assert.equal(verdict.evidence, "fine (64 of 501 components kept: at most 64, with names of at most 100 characters)");
  });

  test("draws the same whatever was called before and wherever", async () => {
    await using pool = await start(2);
    const first = await ask(pool, "draw");
    await ask(pool, "exit");
    const more = await Promise.all([ask(pool, "draw"), ask(pool, "draw"), ask(pool, "draw")]);
    assert.ok(first.kind === "scored" && first.score === rngFor("seed").uniform());
    for (const again of more) assert.deepEqual(again, first);
  });

  test("starts a worker again that died while it was idle", async () => {
    await using pool = await start();
    assert.equal((await ask(pool, "afterwards")).kind, "scored");
    // On a busy machine it lives for longer.
    for (const untilMs = performance.now() + 60_000; childProcesses().length > 0; await delay(10)) assert.ok(performance.now() < untilMs);
    await delay(150); // until the pool has heard of it
    assert.equal((await ask(pool, "right")).kind, "scored");
  });

  test("does not count time in the queue against a deadline", async () => {
    await using pool = await start();
    // The last waits 600 ms or more for the others; each may take 500.
    const verdicts = await Promise.all(Array.from({ length: 5 }, () => ask(pool, "slow")));
    assert.ok(
      verdicts.every(({ kind }) => kind === "scored"),
      JSON.stringify(verdicts),
    );
  });

  test("does not mistake its own busy process for a slow verifier", async () => {
    await using pool = await start();
    const verdict = ask(pool, "slow"); // answers after 150 ms, when nobody listens
    const next = ask(pool, "right"); // is asked between the first one's answer and the end of its time
    await delay(20);
    await new Promise((resolve) => setImmediate(resolve)); // from here, the event loop looks at timers before it reads
    const untilMs = performance.now() + deadlineMs + 300;
    while (performance.now() < untilMs);
    assert.equal((await verdict).kind, "scored");
    assert.deepEqual(await next, { kind: "scored", score: 1, evidence: "fine" });
  });

  test("scores 200 answers with 2 workers, in at most 2 processes of modest size, some of which die", async () => {
    await using pool = await start(2);
    const verdicts = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(pool, i % 50 === 0 ? "exit" : "right")));
    assert.equal(verdicts.filter(({ kind }) => kind === "scored").length, 196);
    const workers = childProcesses();
    assert.ok(workers.length <= 2, `${workers.length} processes`);
    for (const { residentMiB } of workers) assert.ok(residentMiB < 110, `${residentMiB} MiB`);
  });

  test("runs as many calls at once as it has workers", async () => {
    await using pool = await start(2);
    const verdicts = await Promise.all([ask(pool, "meet"), ask(pool, "meet")]);
    assert.deepEqual(
      verdicts.map(({ kind }) => kind),
      ["scored", "scored"],
    );
  });

  test("stops waiting and running calls when the signal is aborted, and leaves no process behind", { timeout: 20_000 }, async () => {
    const before = new Set(childProcesses().map(({ pid }) => pid));
    {
      // Far longer than this test may take: only a kill frees a worker.
      await using pool = await startVerifierPool({ verifiers: [{ file: puppet, deadlineMs: 300_000 }], numWorkers: 2 });
      const stop = new AbortController();
      const calls = Promise.allSettled(["never", "loop", "right", "right"].map((act) => ask(pool, act, stop.signal)));
      await delay(50);
      stop.abort(new Error("enough"));
      for (const call of await calls) assert.ok(call.status === "rejected" && call.reason.message === "enough", JSON.stringify(call));
      await assert.rejects(ask(pool, "right", stop.signal), /enough/);
      assert.equal((await ask(pool, "right")).kind, "scored");
    }
    assert.deepEqual(
      childProcesses().filter(({ pid }) => !before.has(pid)),
      [],
    );
  });

  test("kills what a verifier started together with its worker", async () => {
    const pool = await start();
    const verdict = await ask(pool, "offspring");
    assert.ok(verdict.kind === "scored");
    const pid = Number(verdict.evidence);
    assert.ok(isAlive(pid));
    await pool[Symbol.asyncDispose]();
    await delay(20);
    assert.ok(!isAlive(pid));
  });

  test("rejects calls without a verdict when it is closed, and later ones", async () => {
    const pool = await start();
    const calls = [ask(pool, "loop"), ask(pool, "right")].map((call) => assert.rejects(call, VerifierError));
    await delay(30);
    await pool[Symbol.asyncDispose]();
    await Promise.all(calls);
    await assert.rejects(ask(pool, "right"), /closed/);
  });

  test("knows only its own verifiers", async () => {
    await using pool = await start();
    const other = { verifier: "numeric", task, answer: "", thinking: "", seed: rngFor("s").seed };
    await assert.rejects(pool.verify(other, signal), /verifier "numeric": not among those of this run, got task "task"; known: puppet/);
  });

  test("leaves no worker behind, not even one that spins, when its own process is killed", {
    skip: process.platform !== "linux",
  }, async () => {
    const script = authorFile(
      "parent.ts",
      `import { startVerifierPool } from ${JSON.stringify(new URL("../../src/rewards/pool.ts", import.meta.url).href)};
const pool = await startVerifierPool({ verifiers: [{ file: ${JSON.stringify(puppet)}, deadlineMs: 60_000 }], numWorkers: 2 });
const call = { verifier: "puppet", task: ${JSON.stringify(task)}, answer: "loop", thinking: "", seed: "0".repeat(48) };
pool.verify(call, new AbortController().signal);
setTimeout(() => console.log("spinning"), 100);
`,
    );
    const parent = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
    await once(parent.stdout, "data");
    const workers = childProcesses(parent.pid).map(({ pid }) => pid);
    assert.equal(workers.length, 2);
    parent.kill("SIGKILL");
    await once(parent, "exit");
    await delay(300);
    assert.deepEqual(workers.filter(isAlive), []);
  });
});

describe("refusedReference", () => {
  const picky = authorFile(
    "picky.ts",
    `import { defineVerifier } from "whetstone";
import { z } from "zod";
export default defineVerifier({
  id: "picky",
  version: 1,
  checks: "correctness",
  reference: z.number().refine((value) => { if (value === 13) throw new Error("unlucky"); return true; }),
  verify: () => ({ kind: "scored", score: 1, evidence: "" }),
});
`,
  );
  const asked = (values: readonly unknown[]) => values.map((value) => ({ verifier: "picky", reference: value as number }));

  test("is the first that its verifier does not take, whatever keeps it from that", async () => {
    await using pool = await startVerifierPool({ verifiers: [{ file: picky, deadlineMs: 1000 }], numWorkers: 1 });
    const many = Array.from({ length: 2500 }, (_, i) => i + 100);
    assert.equal(await pool.refusedReference(asked(many)), undefined);
    assert.equal((await pool.refusedReference(asked([...many, "x", "y"])))?.index, 2500);
    assert.deepEqual(await pool.refusedReference(asked([1, 13])), { index: 1, reason: "unlucky" });
  });
});
