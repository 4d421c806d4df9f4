// What decides a run's bits on this machine: recipe, the files it names, code, Node, ONNX Runtime, CPU. Two machines with equal
// fingerprints are taken to give equal hashes.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { arch, cpus } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { ConfigError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { type Fingerprint, recipeDigest } from "./chain.ts";

/** A file that a recipe names: as it is written there, and where it lies. */
export interface InputFile {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
}

/** `inputs` are the files that the recipe names: tasks, tokenizers, verifiers. */
export function fingerprintHere(recipe: { readonly [key: string]: Json }, inputs: readonly InputFile[]): Fingerprint {
  return {
    recipe: recipeDigest(recipe),
    inputs: Object.fromEntries(inputs.map(({ name, path }) => [name, digestFiles([{ name: "", path }])])),
    code: codeVersion(),
    node: process.versions.node,
    onnxRuntime: packageVersion(fileURLToPath(import.meta.resolve("onnxruntime-node/package.json"))),
    cpu: cpuName(),
  };
}

/** Package version and a digest of the sources, which tells an edited working tree from a clean one. */
function codeVersion(): string {
  const sources = fileURLToPath(new URL("..", import.meta.url));
  const files = readdirSync(sources, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[jt]s$/.test(entry.name) && !entry.name.endsWith(".d.ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ name: relative(sources, path), path }))
    .filter(({ name }) => !withoutEffect.test(name))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return `${whetstoneVersion()}+${digestFiles(files).slice(0, 16)}`;
}

/** Folders of the sources that only start, show or serve runs. */
const withoutEffect = /^(cli|web|serve)[/\\]/;

/** The version in package.json. */
export function whetstoneVersion(): string {
  return packageVersion(packageFile());
}

/** The package.json above this file: two levels up in the repository, three in the built package. */
function packageFile(): string {
  const candidates = ["../../package.json", "../../../package.json"].map((path) => fileURLToPath(new URL(path, import.meta.url)));
  return candidates.find(existsSync)!;
}

function packageVersion(file: string): string {
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/** Kernels are chosen by these; two machines that share them are taken to compute alike. */
const vectorExtensions = /^(sse4_[12]|avx\w*|fma|f16c|amx\w*|asimd\w*|sve\w*|i8mm|bf16)$/;

function cpuName(): string {
  if (!existsSync("/proc/cpuinfo")) return `${arch()} ${cpus()[0]?.model ?? "unknown"}`;
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "";
  const found = line.split(" ").filter((flag) => vectorExtensions.test(flag));
  return [arch(), ...found.toSorted()].join(" ");
}

function digestFiles(files: readonly InputFile[]): string {
  const hash = createHash("sha256");
  for (const { name, path } of files) {
    const content = readInput(path);
    hash.update(`${name}\n${content.length}\n`).update(content);
  }
  return hash.digest("hex");
}

function readInput(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ConfigError(
      `${path}: must be a file that can be read, got ${(cause as Error).message}; correct the path in the recipe`,
      cause,
    );
  }
}
