// Pure JavaScript functions, each evaluated in a fresh V8 isolate of a jailed child that can be killed. An isolate is cheap, and no boundary:
// growing a Map can abort its process and a huge fill hangs it, so that the process is the jail's, its limits are the kernel's, and
// whoever is not answered in time kills it. https://github.com/laverdet/isolated-vm

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import type { Conversation } from "./conversation.ts";
import { SandboxFailure, SandboxUnavailable } from "./errors.ts";
import type { Limits, Program } from "./program.ts";

/** A function of a program and what it is called with. */
export interface Evaluation {
  /** A script, not a module: no import, no require, nothing of Node. */
  readonly source: string;
  /** Name of the function, which is called with `args`. It may not be asynchronous. */
  readonly call: string;
  /** JSON values. */
  readonly args: readonly unknown[];
  readonly timeoutMs?: number;
  /** Of the isolate's heap; what lies outside of it is bounded by the process. */
  readonly memoryMiB?: number;
}

/** What came of it. */
export type EvaluationResult =
  /** `json` is undefined where the value has none, such as undefined itself. */
  | { readonly kind: "value"; readonly json?: string }
  | { readonly kind: "thrown"; readonly name: string; readonly message: string }
  | { readonly kind: "limit"; readonly limit: "wall" | "memory" }
  /** It took its process along, which has been replaced. */
  | { readonly kind: "crashed"; readonly how: string };

/** A host is replaced after so many evaluations, so that whatever one of them left behind does not stay. */
const evaluationsPerHost = 500;
/** Beyond the evaluation's own time, until the host is taken for hung. */
const graceMs = 200;
const defaultTimeoutMs = 1000;
const defaultMemoryMiB = 64;
const hostFile = "host.cjs";
const addonFile = "isolated-vm.base64";

/** Of the process: an isolate's heap, and what isolates allocate outside of theirs. */
const hostLimits: Partial<Limits> = { wallMs: 2 ** 31 - 1, cpuMs: 10_000_000, memoryMiB: 512, processes: 32 };

interface Host {
  readonly conversation: Conversation;
  numLeft: number;
}

/** Hosts for evaluations, at most `concurrency`, started when they are needed. */
export class Isolates {
  readonly #start: (program: Program) => Promise<Conversation>;
  readonly #concurrency: number;
  readonly #idle: Host[] = [];
  readonly #queue: (() => void)[] = [];
  #numBusy = 0;

  constructor(start: (program: Program) => Promise<Conversation>, concurrency: number) {
    this.#start = start;
    this.#concurrency = concurrency;
  }

  async evaluate(evaluation: Evaluation, signal: AbortSignal): Promise<EvaluationResult> {
    if (!/^[A-Za-z_$][\w$]*$/.test(evaluation.call)) {
      throw new SandboxFailure(`sandbox: evaluate calls a function by its name, got ${JSON.stringify(evaluation.call)}`);
    }
    while (this.#numBusy >= this.#concurrency) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#numBusy++;
    try {
      signal.throwIfAborted();
      return await this.#evaluateIn(this.#idle.pop() ?? (await this.#newHost()), evaluation, signal);
    } finally {
      this.#numBusy--;
      this.#queue.shift()?.();
    }
  }

  async #evaluateIn(host: Host, evaluation: Evaluation, signal: AbortSignal): Promise<EvaluationResult> {
    const { conversation } = host;
    const { source, call, args, timeoutMs = defaultTimeoutMs, memoryMiB = defaultMemoryMiB } = evaluation;
    const kill = () => void conversation[Symbol.asyncDispose]();
    // Loading, looking up and calling have the time one after another.
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      kill();
    }, timeoutMs + graceMs);
    signal.addEventListener("abort", kill, { once: true });
    conversation.send(ascii(JSON.stringify({ source, call, args, timeoutMs, memoryMiB })));
    const line = await conversation.receive();
    clearTimeout(timer);
    signal.removeEventListener("abort", kill);
    signal.throwIfAborted();
    if (line === undefined) return isLate ? { kind: "limit", limit: "wall" } : await crash(conversation);
    const result = parseResult(line);
    if (--host.numLeft > 0 && result.kind !== "limit" && result.kind !== "crashed") this.#idle.push(host);
    else kill();
    return result;
  }

  async #newHost(): Promise<Host> {
    const conversation = await this.#start({
      language: "javascript",
      files: {
        [hostFile]: readFileSync(new URL("./drivers/isolateHost.cjs", import.meta.url), "utf8"),
        [addonFile]: readFileSync(findAddon(), "base64"),
      },
      entry: hostFile,
      limits: hostLimits,
    });
    if ((await conversation.receive()) !== undefined) return { conversation, numLeft: evaluationsPerHost };
    const { stderr } = await conversation.result;
    throw new SandboxFailure(`sandbox: the process for isolates ended before it was ready, it said "${stderr.text.trim().slice(-500)}"`);
  }
}

async function crash({ result }: Conversation): Promise<EvaluationResult> {
  const { end } = await result;
  if (end.kind === "limit" && end.limit === "memory") return { kind: "limit", limit: "memory" };
  return {
    kind: "crashed",
    how: end.kind === "exit" ? `exit code ${end.code}` : end.kind === "signal" ? end.signal : `limit on ${end.limit}`,
  };
}

/** What came from the jail may be anything. */
function parseResult(line: string): EvaluationResult {
  try {
    const said = JSON.parse(line) as Partial<Record<string, unknown>>;
    const { kind, json, name, message, limit } = said;
    if (kind === "value") return typeof json === "string" ? { kind, json } : { kind };
    if (kind === "thrown") return { kind, name: String(name), message: String(message) };
    if (kind === "limit" && (limit === "wall" || limit === "memory")) return { kind, limit };
  } catch {
    // said below
  }
  return { kind: "crashed", how: "it wrote into the channel of its answers what is none" };
}

function ascii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** isolated-vm's compiled part for this Node, beside its package. */
export function findAddon(): string {
  const folder = dirname(createRequire(import.meta.url).resolve("isolated-vm/package.json"));
  const libc = existsSync("/etc/alpine-release") ? "musl" : "glibc";
  const built = `prebuilds/${process.platform}-${process.arch}/isolated-vm.abi${process.versions.modules}.${libc}.node`;
  const found = [built, "build/Release/isolated_vm.node"].map((path) => join(folder, path)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new SandboxUnavailable(
    `sandbox: isolated-vm has no compiled part for this Node, looked for "${built}" in "${folder}"; build it with: npm rebuild isolated-vm`,
  );
}
