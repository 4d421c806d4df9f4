// The escape suite: every hostile program against the real jail. Each must be contained and honestly reported, the host must be as it was,
// and the program after it must not notice.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { openSandbox, type RunResult, type Sandbox } from "../../sandbox/client.ts";
import { isAlive } from "../support/processes.ts";
import { type Host, hostilePrograms } from "./hostilePrograms.ts";

const folder = mkdtempSync(join(tmpdir(), "whetstone-host-"));
const secret = `secret-${process.pid}`;
const listening: Server[] = [];
let connections = 0;
let host: Host;
let sandbox: Sandbox;

before(async () => {
  const secretFile = join(folder, "secret");
  writeFileSync(secretFile, secret, { mode: 0o644 });
  const socketPath = join(folder, "socket");
  const port = await listen(0);
  await listen(socketPath);
  host = { secretFile, secret, folder, port: port!, socketPath, pid: process.pid };
  sandbox = await openSandbox({ concurrency: 2, warm: 1 });
});

after(async () => {
  await sandbox?.[Symbol.asyncDispose]();
  for (const server of listening) server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function listen(where: number | string): Promise<number | undefined> {
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  listening.push(server);
  await new Promise<void>((resolve) => server.listen(where as number, resolve));
  const address = server.address();
  return typeof address === "object" ? address?.port : undefined;
}

const entries = { python: "main.py", javascript: "main.js", typescript: "main.ts" } as const;

/** What the program after a hostile one does: arithmetic, files, output and input as ever. */
const innocent = {
  python: {
    source:
      'import json, os\nopen("f", "w").write("x" * 10)\nprint(json.dumps([len("four"), sum(range(5)), os.listdir("/tmp/work") != []]), input())\n',
    output: "[4, 10, true] in\n",
  },
  node: {
    source:
      'const fs = require("node:fs"); fs.writeFileSync("f", "x"); console.log(JSON.stringify([1, 2].map((x) => x + 1)), new Map([[1, 2]]).size, ({}).polluted, fs.readFileSync(0, "utf8"));',
    output: "[2,3] 1 undefined in\n",
  },
};

describe("hostile programs", () => {
  for (const program of hostilePrograms) {
    const { name, language, source, ends, says, meets, limits, stdin } = program;
    test(`${name} (${language})`, async () => {
      const entry = entries[language];
      const text = typeof source === "string" ? source : source(host);
      const result = await sandbox.run({
        language,
        files: { [entry]: text },
        entry,
        ...(limits === undefined ? {} : { limits }),
        ...(stdin === undefined ? {} : { stdin }),
      });
      const shown = JSON.stringify(result);
      assert.doesNotMatch(result.stdout.text, /ESCAPED/, shown); // a traceback may show the line that was never reached
      assert.ok(!shown.includes(secret), shown);
      assert.ok(
        ends.some((end) => describeEnd(result).startsWith(end)),
        `${ends.join(" or ")} expected, got ${shown}`,
      );
      if (says !== undefined) assert.match(result.stdout.text + result.stderr.text, says);
      if (meets !== undefined && sandbox.description.includes("control groups"))
        assert.ok((result.limitsMet as string[]).includes(meets), shown);
      assert.ok(result.stdout.text.length <= 1 << 20 && result.containment === "jail");
      await assertUnharmed(language === "python" ? "python" : "node");
    });
  }
});

async function assertUnharmed(runtime: "python" | "node"): Promise<void> {
  const { source, output } = innocent[runtime];
  const entry = runtime === "python" ? "main.py" : "main.js";
  const next = await sandbox.run({
    language: runtime === "python" ? "python" : "javascript",
    files: { [entry]: source },
    entry,
    stdin: "in",
  });
  assert.deepEqual([next.end, next.stdout.text, next.stderr.text], [{ kind: "exit", code: 0 }, output, ""]);
  assert.equal(connections, 0);
  assert.equal(readFileSync(host.secretFile, "utf8"), secret);
  assert.deepEqual(readdirSync(folder).sort(), ["secret", "socket"]);
  assert.ok(isAlive(process.pid));
}

test("nothing of them is left when the sandbox is closed", async () => {
  await sandbox[Symbol.asyncDispose]();
  const left = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/cgroup`, "utf8").includes(`whetstone-jail-${process.pid}-`);
      } catch {
        return false; // ended meanwhile
      }
    });
  assert.deepEqual(left, []);
});

function describeEnd({ end }: RunResult): string {
  if (end.kind === "exit") return `exit ${end.code}`;
  return end.kind === "signal" ? `signal ${end.signal}` : `limit ${end.limit}`;
}
