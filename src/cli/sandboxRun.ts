// `whetstone sandbox run --language python|javascript|typescript < program`: one program in the jail, its result as JSON. The exit code
// says whether the program could be run, not how it ended: that is in the result.

import { isUtf8 } from "node:buffer";
import { readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { buffer } from "node:stream/consumers";

import { type Command, Option } from "commander";

import {
  type Containment,
  defaultLimits,
  type Language,
  languages,
  largestLimits,
  openSandbox,
  SandboxFailure,
  SandboxUnavailable,
} from "../../sandbox/client.ts";
import { DataError, SandboxError } from "../base/errors.ts";
import { catchInterrupts, interruptedExitCode } from "./interrupts.ts";
import { collect, upTo } from "./options.ts";
import { printError, printJson } from "./output.ts";

interface Options {
  readonly language: Language;
  readonly sandbox: Containment;
  readonly file: readonly string[];
  readonly stdin?: string;
  readonly timeoutMs: number;
  readonly cpuMs?: number;
  readonly memoryMib: number;
  readonly processes: number;
  readonly outputBytes: number;
}

const entries: Readonly<Record<Language, string>> = { python: "main.py", javascript: "main.js", typescript: "main.ts" };

export function addSandboxRun(sandbox: Command): void {
  sandbox
    .command("run")
    .description("run the program on standard input and print what came of it as JSON")
    .argument("[args...]", "arguments of the program; -- before those that start with a dash")
    .addOption(new Option("--language <language>", "what the program is written in").choices(languages).makeOptionMandatory())
    .addOption(
      new Option("--sandbox <containment>", "weak is a plain child process: only for a laptop without bubblewrap")
        .choices(["jail", "weak"])
        .default("jail"),
    )
    .option(
      "--file <path>",
      "put a file, or a folder with all its files, beside the program under its own name; may be repeated",
      collect,
      [],
    )
    .option("--stdin <path>", "file that the program reads as its standard input")
    .option("--timeout-ms <ms>", "longest time", upTo(largestLimits.wallMs), defaultLimits.wallMs)
    .option("--cpu-ms <ms>", "most processor time (default: the same)", upTo(largestLimits.cpuMs))
    .option("--memory-mib <MiB>", "most memory", upTo(largestLimits.memoryMiB), defaultLimits.memoryMiB)
    .option("--processes <count>", "most processes and threads at a time", upTo(largestLimits.processes), defaultLimits.processes)
    .option("--output-bytes <bytes>", "most output on each stream", upTo(largestLimits.outputBytes), defaultLimits.outputBytes)
    .action(runProgram);
}

async function runProgram(args: readonly string[], options: Options): Promise<void> {
  const { language, sandbox: containment, file: paths, stdin, timeoutMs, cpuMs, memoryMib, processes, outputBytes } = options;
  const entry = entries[language];
  const files = filesBeside(entry, paths);
  const input = stdin === undefined ? undefined : readInput(stdin);
  const program = textOf(await buffer(process.stdin), "standard input");
  using interrupts = catchInterrupts(() => printError("stopping"));
  try {
    await using sandbox = await openSandbox({ containment, concurrency: 1, warm: 0, warn: printError });
    const result = await sandbox.run(
      {
        language,
        files: { ...files, [entry]: program },
        entry,
        args,
        ...(input === undefined ? {} : { stdin: input }),
        limits: { wallMs: timeoutMs, cpuMs: cpuMs ?? timeoutMs, memoryMiB: memoryMib, processes, outputBytes },
      },
      interrupts.stop,
    );
    printJson(result);
  } catch (error) {
    if (interrupts.stop.aborted) process.exitCode = interruptedExitCode;
    else if (error instanceof SandboxUnavailable)
      throw new SandboxError(`${error.message}; or, on a machine of your own, --sandbox weak`, error);
    else if (error instanceof SandboxFailure) throw new SandboxError(error.message, error);
    else throw error;
  }
}

/** Texts by the paths that the program finds them under. */
function filesBeside(entry: string, paths: readonly string[]): Record<string, string> {
  const found = new Map<string, string>();
  for (const path of paths) {
    for (const file of filesOf(path)) {
      const name = join(basename(resolve(path)), relative(path, file));
      if (name === entry) throw new DataError(`${file}: must not be called "${entry}", as the program itself is; rename it`);
      const other = found.get(name);
      if (other !== undefined)
        throw new DataError(`${file}: must not have the name of "${other}", got "${name}" twice; rename one of them`);
      found.set(name, file);
    }
  }
  return Object.fromEntries([...found].map(([name, file]) => [name, textOf(readFileSync(file), file)]));
}

/** A file by itself, or all files below a folder, in the order of their names. */
function filesOf(path: string): string[] {
  if (!existing(path).isDirectory()) return [path];
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  return entries.flatMap((each) => (each.isFile() ? [join(each.parentPath, each.name)] : [])).sort();
}

function readInput(path: string): Buffer {
  if (existing(path).isDirectory()) throw new DataError(`${path}: must be a file, got a folder; name what the program reads`);
  return readFileSync(path);
}

function existing(path: string): Stats {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new DataError(`${path}: no such file; --file and --stdin must name files`);
  return found;
}

/** Files are handed over as text: other bytes would come out changed. */
function textOf(bytes: Buffer, place: string): string {
  if (!isUtf8(bytes)) throw new DataError(`${place}: must be text in UTF-8, got other bytes; hand them over with --stdin`);
  return bytes.toString();
}
