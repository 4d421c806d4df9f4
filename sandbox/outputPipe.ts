// A pipe that a program writes to and this process reads, made so that /dev/stdout can be opened too: what Node would make is a socket,
// which cannot. It outlives the programs of its slot: both ends stay open here, and the end of a program's output is its process's end.

import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class OutputPipe implements Disposable {
  readonly #writeFd: number;
  readonly #readFd: number;
  readonly #socket: Socket;
  #receive: ((chunk: Buffer) => void) | undefined;

  private constructor(path: string) {
    this.#readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.#writeFd = openSync(path, constants.O_WRONLY);
    this.#socket = new Socket({ fd: this.#readFd, readable: true, writable: false });
    this.#socket.on("data", (chunk) => this.#receive?.(chunk));
    this.#socket.on("error", () => {}); // nobody else has it open, and what was read stays
    this.#socket.unref();
  }

  /** As many as asked for, by one call of mkfifo; they have no names afterwards. */
  static make(count: number): OutputPipe[] {
    const folder = mkdtempSync(join(tmpdir(), "whetstone-pipe-"));
    try {
      const paths = Array.from({ length: count }, (_, i) => join(folder, String(i)));
      // The program may open it again through /proc, to write.
      execFileSync("mkfifo", ["-m", "622", ...paths], { env: { PATH: "/usr/bin:/bin" } });
      return paths.map((path) => new OutputPipe(path));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  /** A writing end for one child, to be closed once it has started: what a child does to it, such as O_NONBLOCK, is not the next one's. */
  openForChild(): number {
    return openSync(`/dev/fd/${this.#writeFd}`, constants.O_WRONLY);
  }

  /** Who is told what is written from now on. */
  onData(receive: (chunk: Buffer) => void): void {
    this.#receive = receive;
  }

  /** Hands over what is still in the pipe. Its writers have ended. */
  drain(): void {
    const buffer = Buffer.alloc(64 * 1024);
    for (;;) {
      let read: number;
      try {
        read = readSync(this.#readFd, buffer);
      } catch {
        return; // empty: EAGAIN
      }
      if (read === 0) return;
      this.#receive?.(Buffer.from(buffer.subarray(0, read)));
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
    closeSync(this.#writeFd);
  }
}
