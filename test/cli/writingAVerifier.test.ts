// docs/writing-a-verifier.md, done as it says: its files are written, its commands run in a shell, in its order, and what it shows of
// their output must come.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { bin, workFolder } from "./whetstone.ts";

const page = readFileSync(new URL("../../docs/writing-a-verifier.md", import.meta.url), "utf8");
const blocks = [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, kind, text]) => ({ kind: kind!, text: text! }));

const folder = workFolder();
after(() => rmSync(folder, { recursive: true, force: true }));

/** `npx` of a clone after `npm ci`: its own command, and its own Node. */
const commands = join(folder, "bin");
mkdirSync(commands);
writeFileSync(
  join(commands, "npx"),
  `#!/bin/sh
case "$1" in
  whetstone) shift; exec "${process.execPath}" "${bin}" "$@" ;;
  node) shift; exec "${process.execPath}" "$@" ;;
  *) echo "npx: the page may only call whetstone and node, got $1" >&2; exit 2 ;;
esac
`,
);
chmodSync(join(commands, "npx"), 0o755);

function shell(text: string): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const env = { PATH: `${commands}:/usr/local/bin:/usr/bin:/bin` };
  return spawnSync("/bin/sh", ["-e", "-c", text], { cwd: folder, encoding: "utf8", env });
}

describe("docs/writing-a-verifier.md", () => {
  let said = "";
  for (const { kind, text } of blocks) {
    switch (kind) {
      case "ts": {
        const name = /^\/\/ ([\w-]+\.ts)\b/.exec(text)?.[1];
        test(`names the file ${name}`, () => {
          assert.ok(name !== undefined, text);
          writeFileSync(join(folder, name), text);
        });
        break;
      }
      case "sh":
        test(text.trim().split("\n").at(-1)!, () => {
          const { status, stdout, stderr } = shell(text);
          assert.equal(status, 0, stdout + stderr);
          said = stdout;
        });
        break;
      default:
        test(`shows what comes: ${text.split("\n", 1)[0]!.trim()}`, () => {
          assert.equal(kind, "text");
          const lines = said.split("\n");
          for (const line of text.trimEnd().split("\n")) assert.ok(lines.includes(line), `"${line}" is not in\n${said}`);
        });
    }
  }

  test("ends with a policy that learned, and a run whose rewards would be others", () => {
    const { sft, rl } = JSON.parse(readFileSync(join(folder, "runs/between-1/report.json"), "utf8"));
    assert.ok(rl.accuracy > sft.accuracy + 0.2, `${sft.accuracy} after demonstrations, ${rl.accuracy} after practice`);
    assert.match(said, /^between +1 +2 +\d+ +[1-9]/m);
    assert.match(said, /^exit code 1$/m);
  });

  test("has a generated test that tells of the broken case, and that passes on the verifier as it was trained", () => {
    assert.equal(shell("npx node --test between.test.ts").status, 1);
    shell("cp between-as-trained.ts between.ts");
    assert.equal(shell("npx node --test between.test.ts").status, 0);
    assert.equal(shell("npx whetstone rescore between-1 --all").status, 0);
  });

  test("shows terms that are terms", () => {
    const shown = [...page.matchAll(/^\| `(.*?)` \|/gm)].map(([, code]) => code!).filter((code) => /first|weighted|gated/.test(code));
    assert.equal(shown.length, 4);
    const module = `import { first, gated, weighted } from "whetstone"; export const all = [${shown.join(", ")}];`;
    writeFileSync(join(folder, "terms.ts"), module);
    const loader = new URL("../../src/rewards/authorModules.ts", import.meta.url).href;
    const script = `const { provideAuthorModules } = await import("${loader}"); provideAuthorModules();
      console.log((await import("${join(folder, "terms.ts")}")).all.length);`;
    const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    assert.equal(stdout.trim(), "4");
  });
});
