// Runs where Whetstone is installed as a dependency, before any postinstall. The postinstall of onnxruntime-node downloads CUDA libraries
// on Linux, which Whetstone never loads, and fails the whole installation where their host cannot be reached. It leaves when the files
// are there, so empty ones stand in. Who wants the real ones says so: ONNXRUNTIME_NODE_INSTALL=cuda12 downloads them all the same.
// Plain JavaScript, so that any Node can run it.

import { closeSync, mkdirSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const libraries = ["cuda", "shared", "tensorrt"].map((name) => `libonnxruntime_providers_${name}.so`);

const installedAsDependency = import.meta.url.includes("/node_modules/");
if (installedAsDependency && process.platform === "linux" && process.arch === "x64") {
  const engine = dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"));
  const folder = join(engine, "bin/napi-v6/linux/x64");
  mkdirSync(folder, { recursive: true });
  for (const library of libraries) closeSync(openSync(join(folder, library), "a"));
}
