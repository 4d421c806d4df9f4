// `whetstone verifier new NAME`: a verifier to start from and its test, as two files that pass as they are.
// Nothing is overwritten: if either file is there, neither is written.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Command } from "commander";

import { ConfigError, StorageError } from "../base/errors.ts";
import { ownVerifier } from "../rewards/compose.ts";
import { builtInVerifiers } from "../rewards/verifiable/table.ts";
import { print } from "./output.ts";
import { verifierTemplate, verifierTestTemplate } from "./verifierTemplate.ts";

export function addNew(verifier: Command): void {
  verifier
    .command("new")
    .description("write a verifier to start from, and its test")
    .argument("<name>", "lower-case letters, digits and dashes; the id and the name of the files")
    .option("--folder <folder>", "where the files go", ".")
    .action(writeVerifier);
}

function writeVerifier(name: string, { folder }: { readonly folder: string }): void {
  checkName(name);
  const files = [
    { path: join(folder, `${name}.ts`), text: verifierTemplate(name) },
    { path: join(folder, `${name}.test.ts`), text: verifierTestTemplate(name) },
  ];
  const there = files.find(({ path }) => existsSync(path));
  if (there !== undefined) throw new ConfigError(`verifier new: "${there.path}" must not be there yet; choose another name or folder`);
  for (const { path, text } of files) write(path, { folder, text });
  const [verifier] = files;
  print(`wrote ${files.map(({ path }) => path).join(" and ")}; try: whetstone verifier test ${verifier!.path}`);
}

function checkName(name: string): void {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    throw new ConfigError(`verifier new: a name must be lower-case letters, digits and dashes, got "${name}"; such as first-word`);
  }
  if (name === ownVerifier || builtInVerifiers.some(({ verifier }) => verifier.id === name)) {
    throw new ConfigError(`verifier new: a name must be its own, got "${name}", which recipes use already; choose another`);
  }
}

function write(path: string, { folder, text }: { readonly folder: string; readonly text: string }): void {
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, text, { flag: "wx" });
  } catch (cause) {
    throw new StorageError(`verifier new: "${path}" could not be written: ${(cause as Error).message}; give another --folder`, cause);
  }
}
