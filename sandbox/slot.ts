// A place for one interpreter at a time: its number, which gives it a user id, and the pipes that its programs write to. Making pipes costs
// a process, so that a slot is used again once everything of the last program has ended.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { OutputPipe } from "./outputPipe.ts";

export class Slot implements Disposable {
  readonly number: number;
  readonly stdout: OutputPipe;
  readonly stderr: OutputPipe;
  #folder: string | undefined;
  #numUses = 0;

  constructor(number: number) {
    this.number = number;
    const [stdout, stderr] = OutputPipe.make(2);
    this.stdout = stdout!;
    this.stderr = stderr!;
  }

  /** A name that no group of this supervisor has had. */
  nextName(): string {
    return `${this.number}-${this.#numUses++}`;
  }

  /** Where a program runs in weak containment; made when it is first asked for. */
  workFolder(): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), "whetstone-weak-"));
    return this.#folder;
  }

  [Symbol.dispose](): void {
    this.stdout[Symbol.dispose]();
    this.stderr[Symbol.dispose]();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}
