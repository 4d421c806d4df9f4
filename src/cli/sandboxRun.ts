// `whetstone sandbox run --language python|javascript|typescript < program`: one program in the jail, its result as JSON. The exit code
// says whether the program could be run, not how it ended: that is in the result.

import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { buffer } from "node:stream/consumers";

import { type Command, Option } from "commander";

import {
  type Containment,
  defaultLimits,
  type Language,
  languages,
  openSandbox,
  SandboxFailure,
  SandboxUnavailable,
} from "../../sandbox/client.ts";
import { DataError, SandboxError } from "../base/errors.ts";
import { catchInterrupts, interruptedExitCode } from "./interrupts.ts";
import { atLeastOne, collect } from "./options.ts";
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
    .argument("[args...]", "arguments of the program")
    .addOption(new Option("--language <language>", "what the program is written in").choices(languages).makeOptionMandatory())
    .addOption(
      new Option("--sandbox <containment>", "weak is a plain child process: only for a laptop without bubblewrap")
        .choices(["jail", "weak"])
        .default("jail"),
    )
    .option("--file <path>", "put a file beside the program, under its own name; may be repeated", collect, [])
    .option("--stdin <path>", "file that the program reads as its standard input")
    .option("--timeout-ms <ms>", "longest time", atLeastOne, defaultLimits.wallMs)
    .option("--cpu-ms <ms>", "most processor time (default: the same)", atLeastOne)
    .option("--memory-mib <MiB>", "most memory", atLeastOne, defaultLimits.memoryMiB)
    .option("--processes <count>", "most processes and threads at a time", atLeastOne, defaultLimits.processes)
    .option("--output-bytes <bytes>", "most output on each stream", atLeastOne, defaultLimits.outputBytes)
    .action(runProgram);
}

async function runProgram(args: readonly string[], options: Options): Promise<void> {
  const { language, sandbox: containment, file: paths, stdin, timeoutMs, cpuMs, memoryMib, processes, outputBytes } = options;
  for (const path of [...paths, ...(stdin === undefined ? [] : [stdin])]) {
    if (!existsSync(path)) throw new DataError(`${path}: no such file; --file and --stdin must name files`);
  }
  const entry = entries[language];
  const files = Object.fromEntries(paths.map((path) => [basename(path), readFileSync(path, "utf8")]));
  const program = (await buffer(process.stdin)).toString();
  using interrupts = catchInterrupts(() => printError("stopping"));
  try {
    await using sandbox = await openSandbox({ containment, concurrency: 1, warm: 0, warn: printError });
    const result = await sandbox.run(
      {
        language,
        files: { ...files, [entry]: program },
        entry,
        args,
        ...(stdin === undefined ? {} : { stdin: readFileSync(stdin) }),
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
