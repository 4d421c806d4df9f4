#!/usr/bin/env node
// Starts the command line: from src in the repository, from dist in the installed package. Plain JavaScript, so that an older Node
// reads it and says what is needed.

import { existsSync } from "node:fs";
import * as nodeModule from "node:module"; // as a whole: an older Node lacks the name that is used below

if (Number(process.versions.node.split(".")[0]) < 24) {
  console.error(
    "whetstone: needs Node 24 or newer, got " +
      process.versions.node +
      " (" +
      process.execPath +
      "); install it from https://nodejs.org" +
      ", or run npm install node@24 in this folder, where npx finds it; in a clone of the repository npm ci brings it",
  );
  process.exit(2);
}

// A recipe may lie in a folder without package.json. The workers that load verifiers are told the same on their command line.
const { emitWarning } = process;
process.emitWarning = (warning, ...rest) => {
  if (rest[0]?.code !== "MODULE_TYPELESS_PACKAGE_JSON") emitWarning.call(process, warning, ...rest);
};

// Halves the time to start.
nodeModule.enableCompileCache();

const source = new URL("../src/cli/main.ts", import.meta.url);
const entry = existsSync(source) ? source : new URL("../dist/src/cli/main.js", import.meta.url);
void import(entry.href).then(({ main }) => main(process.argv.slice(2)));
