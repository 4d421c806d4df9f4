// Lines to and from a running program. What it says is data from somebody who is not trusted: bounded in length, and never a verdict.
// Nothing is lost when the program ends: lines that it had sent can still be received.

import type { RunResult } from "./program.ts";

/** Of one line, and of all that has not been received yet. */
const maxWaitingBytes = 16 << 20;

export interface ConversationParts {
  readonly write: (text: string) => void;
  readonly kill: () => void;
  /** Called when it says more than is listened to. */
  readonly overrun: () => void;
  readonly result: Promise<RunResult>;
}

export class Conversation implements AsyncDisposable {
  /** How the program ended. Rejects as `Sandbox.run` does. */
  readonly result: Promise<RunResult>;
  readonly #parts: ConversationParts;
  readonly #lines: string[] = [];
  #rest: Buffer[] = [];
  #waitingBytes = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(parts: ConversationParts) {
    this.#parts = parts;
    this.result = parts.result;
    const end = () => {
      this.#ended = true;
      this.#wake?.();
    };
    parts.result.then(end, end);
  }

  /** One that was over before it began. */
  static ended(result: RunResult): Conversation {
    const { promise, resolve } = Promise.withResolvers<RunResult>();
    resolve(result);
    return new Conversation({ write: () => {}, kill: () => {}, overrun: () => {}, result: promise });
  }

  /** Ignored by a program that has ended. */
  send(line: string): void {
    if (!this.#ended) this.#parts.write(`${line}\n`);
  }

  /** The next line, or undefined when the program has ended and said no more. One caller at a time. */
  async receive(): Promise<string | undefined> {
    while (this.#lines.length === 0) {
      if (this.#ended) return undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    const line = this.#lines.shift()!;
    this.#waitingBytes -= line.length;
    return line;
  }

  /** Kills the program where it still runs. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#parts.kill();
    await this.result.catch(() => {});
  }

  /** What the program has sent, in pieces of any length. */
  hear(chunk: Buffer): void {
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes > maxWaitingBytes) {
      this.#parts.overrun();
      return;
    }
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#lines.push(Buffer.concat([...this.#rest, chunk.subarray(start, end)]).toString());
      this.#rest = [];
      start = end + 1;
    }
    if (start < chunk.length) this.#rest.push(chunk.subarray(start));
    this.#wake?.();
  }
}
