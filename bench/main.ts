// npm run bench -- NAME [--json] [--key=value | --key value ...]: runs bench/NAME.ts and, with --json, prints its numbers as one JSON
// object on the last line. Each bench exports `run(options)`; what a person reads while it works goes to stderr. An error that it raises
// on purpose is one line there, and the exit code that docs/errors.md gives it: 2 where the input was wrong, 1 where something failed.

import { globSync } from "node:fs";
import { basename } from "node:path";

import { WhetstoneError } from "../src/base/errors.ts";
import { nameOddNumbers } from "../src/base/json.ts";

/** Options are what follows the name, without the dashes: `--rounds=3` is `{ rounds: "3" }`. */
export type BenchOptions = Readonly<Record<string, string>>;

export interface Bench {
  run(options: BenchOptions): Promise<Readonly<Record<string, unknown>>>;
}

const names = globSync("*.ts", { cwd: import.meta.dirname })
  .map((file) => basename(file, ".ts"))
  .filter((name) => name !== "main")
  .sort();
const [name, ...args] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  console.error(`bench: NAME must be one of ${names.join(", ")}, got ${name ?? "none"}; npm run bench -- NAME --json`);
  process.exit(2);
}
const options = Object.fromEntries(joinValues(args).map(parseOption));
const { run } = (await import(`./${name}.ts`)) as Bench;
try {
  const numbers = await run(options);
  console.log("json" in options ? JSON.stringify(numbers, nameOddNumbers) : numbers);
} catch (error) {
  if (!(error instanceof WhetstoneError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}

/** `--key value` as `--key=value`. */
function joinValues(words: readonly string[]): string[] {
  const joined: string[] = [];
  for (const word of words) {
    const key = joined.at(-1);
    if (key !== undefined && !key.includes("=") && !word.startsWith("-")) joined[joined.length - 1] = `${key}=${word}`;
    else joined.push(word);
  }
  return joined;
}

function parseOption(argument: string): [key: string, value: string] {
  const [, key, value = ""] = /^--([\w-]+)(?:=(.*))?$/.exec(argument) ?? [];
  if (key !== undefined) return [key, value];
  console.error(`bench: options have the form --key=value, got "${argument}"`);
  return process.exit(2);
}
