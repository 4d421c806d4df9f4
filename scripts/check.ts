// npm run check: formatting and lint, types, dead code, layout, documents. Prints what is wrong and nothing else; ends with 1 when something is.
// All run at once: each is a process of a second or less.

import { spawn } from "node:child_process";
import { performance } from "node:perf_hooks";

/** What is checked, and the command that does. Programs come from node_modules/.bin, which npm puts on the path. */
const checks: Readonly<Record<string, readonly [program: string, ...args: string[]]>> = {
  "format and lint": ["biome", "check", "--error-on-warnings", "--max-diagnostics=50"],
  types: ["tsc", "--project", "."],
  "dead code and unused dependencies": ["knip", "--no-progress", "--no-config-hints"],
  "layout and documents": [
    "node",
    "scripts/test.ts",
    "test/architecture.test.ts",
    "test/documents.test.ts",
    "test/runs/recipePage.test.ts",
  ],
};

const started = performance.now();
const results = await Promise.all(Object.entries(checks).map(async ([name, command]) => ({ name, command, ...(await finish(command)) })));
const wrong = results.filter(({ exitCode }) => exitCode !== 0);
for (const { name, command, output } of wrong) process.stdout.write(`\n=== ${name} (${command.join(" ")})\n${output.trimEnd()}\n`);
process.stdout.write(
  `check: ${results.length - wrong.length} of ${results.length} passed, ${((performance.now() - started) / 1000).toFixed(1)} s\n`,
);
process.exitCode = wrong.length > 0 ? 1 : 0;

function finish([program, ...args]: readonly [string, ...string[]]): Promise<{ exitCode: number | null; output: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ exitCode: number | null; output: string }>();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const printed: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => printed.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => printed.push(chunk));
  child.on("error", reject);
  child.on("close", (exitCode) => resolve({ exitCode, output: Buffer.concat(printed).toString() }));
  return promise;
}
