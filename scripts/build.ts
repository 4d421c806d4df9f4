// npm run build: src, sandbox and examples as JavaScript and declarations in dist/, which is what the package holds and bin/whetstone.js runs.
// The repository itself runs its TypeScript; only Node's refusal of TypeScript inside node_modules makes this step necessary.

import { spawnSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";

rmSync("dist", { recursive: true, force: true });
const { status } = spawnSync("tsc", ["--project", "tsconfig.build.json"], { stdio: "inherit" });
cpSync("sandbox/drivers", "dist/sandbox/drivers", { recursive: true }); // read by interpreters inside the jail, not imported
process.exitCode = status ?? 1;
