// A pipe that a program writes to and this process reads, or the other way round, made so that /dev/stdout can be opened too: what Node would
// make is a socket, which cannot. It has no name. It outlives the programs of its slot: the end of a program's output is its process's end.

import { execFileSync } from "node:child_process";
import { chmodSync, closeSync, constants, openSync, readSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";

import { makeFolder } from "./folders.ts";

/** Linux's O_PATH, which Node does not name: a handle to open the pipe by, which holds none of its ends. */
const openPath = process.platform === "linux" ? 0o10000000 : constants.O_RDWR | constants.O_NONBLOCK;

/** Another user opens them, through /dev/fd: nobody has a path to them. */
const pipeMode = 0o666;

export class OutputPipe implements Disposable {
  /** What a child opens it by, as /dev/fd/N. */
  readonly handle: number;
  #readFd: number | undefined;
  #writeFd: number | undefined;
  #socket: Socket | undefined;
  #receive: ((chunk: Buffer) => void) | undefined;

  private constructor(path: string) {
    this.handle = openSync(path, openPath);
  }

  /** As many as asked for, by one call of mkfifo. */
  static make(count: number): OutputPipe[] {
    const folder = makeFolder("pipe");
    try {
      const paths = Array.from({ length: count }, (_, i) => join(folder, String(i)));
      execFileSync("mkfifo", ["-m", pipeMode.toString(8), ...paths], { env: { PATH: "/usr/bin:/bin" } });
      return paths.map((path) => new OutputPipe(path));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  /** Undoes what a program may have done to the pipe's mode, where it runs as the user that made it. */
  restore(): void {
    chmodSync(`/proc/self/fd/${this.handle}`, pipeMode);
  }

  /** A writing end for one child, to be closed once it has started. */
  openForChild(): number {
    return openSync(`/dev/fd/${this.handle}`, constants.O_RDWR);
  }

  /** Who is told what is written from now on. */
  onData(receive: ((chunk: Buffer) => void) | undefined): void {
    this.#receive = receive;
    if (this.#socket !== undefined) return;
    this.#readFd = openSync(`/dev/fd/${this.handle}`, constants.O_RDONLY | constants.O_NONBLOCK);
    this.#writeFd = openSync(`/dev/fd/${this.handle}`, constants.O_WRONLY); // or it would end with its first writer
    this.#socket = new Socket({ fd: this.#readFd, readable: true, writable: false });
    this.#socket.on("data", (chunk) => this.#receive?.(chunk));
    this.#socket.on("error", () => {}); // nobody else has it open, and what was read stays
    this.#socket.unref();
  }

  /** Hands over what is still in the pipe. Its writers have ended. */
  drain(): void {
    const buffer = Buffer.alloc(64 * 1024);
    for (;;) {
      let read: number;
      try {
        read = readSync(this.#readFd!, buffer);
      } catch {
        return; // empty: EAGAIN
      }
      if (read === 0) return;
      this.#receive?.(Buffer.from(buffer.subarray(0, read)));
    }
  }

  /** This process's end to write to. What nobody has read is gone once it is destroyed. */
  openToWrite(): Socket {
    const socket = new Socket({
      fd: openSync(`/dev/fd/${this.handle}`, constants.O_RDWR | constants.O_NONBLOCK),
      readable: false,
      writable: true,
    });
    socket.on("error", () => {}); // its reader may end before it has read everything
    socket.unref();
    return socket;
  }

  [Symbol.dispose](): void {
    this.#socket?.destroy();
    if (this.#writeFd !== undefined) closeSync(this.#writeFd);
    closeSync(this.handle);
  }
}
