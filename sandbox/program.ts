// What the sandbox is asked and what it answers: a program with its limits, and how the program ended. Plain data, so that results can
// be stored and sent. Nothing here starts anything.

/** What the sandbox can run. */
export const languages = ["python", "javascript", "typescript"] as const;
export type Language = (typeof languages)[number];

/** What a program may use. Each holds for the program as a whole, children included, unless it says otherwise. */
export interface Limits {
  /** From the moment the program is handed to its waiting interpreter; what stripping its types took is part of it. */
  readonly wallMs: number;
  readonly cpuMs: number;
  /** Memory of all processes and files together; without a usable cgroup, of each process. */
  readonly memoryMiB: number;
  /** Processes and threads at the same time. */
  readonly processes: number;
  /** Of standard output and of standard error, each; a program that writes more is killed. */
  readonly outputBytes: number;
  /** Size of one file, and of all files together. */
  readonly fileMiB: number;
  /** Open at the same time, in each process. */
  readonly openFiles: number;
}

/** What holds where a program does not ask for something else. */
export const defaultLimits: Limits = {
  wallMs: 10_000,
  cpuMs: 10_000,
  memoryMiB: 512,
  processes: 64,
  outputBytes: 1 << 20,
  fileMiB: 64,
  openFiles: 256,
};

/** What a program may ask for at most: more than any machine gives, and less than timers, texts and control groups can express. */
export const largestLimits: Limits = {
  wallMs: 2 ** 31 - 1,
  cpuMs: 86_400_000,
  memoryMiB: 1 << 20,
  processes: 1 << 20,
  outputBytes: 1 << 28,
  fileMiB: 1 << 20,
  openFiles: 1 << 20,
};

/** A program and what it is given. */
export interface Program {
  readonly language: Language;
  /** Text of each file by its path, relative to the folder the program runs in. */
  readonly files: Readonly<Record<string, string>>;
  /** Which of the files is started. */
  readonly entry: string;
  readonly args?: readonly string[];
  readonly stdin?: string | Uint8Array;
  readonly limits?: Partial<Limits>;
}

/** A limit that a program can run into. */
export type LimitName = "wall" | "cpu" | "memory" | "processes" | "output" | "fileSize";

/** How a program ended. An exit code says what the program wants it to say: it is no verdict. */
export type RunEnd =
  | { readonly kind: "exit"; readonly code: number }
  | { readonly kind: "signal"; readonly signal: string }
  /** Killed for it, by the kernel or by the supervisor. */
  | { readonly kind: "limit"; readonly limit: LimitName };

/** What a program wrote to one of its streams. */
export interface Captured {
  /** As UTF-8, with replacement characters where it is none. */
  readonly text: string;
  /** All that was written until the end, kept or not. */
  readonly bytes: number;
  /** True where `text` is only the beginning. */
  readonly truncated: boolean;
}

/** Whether the operating system's boundary held the program, or only limits on a plain child process. */
export type Containment = "jail" | "weak";

/** What came of one program. */
export interface RunResult {
  readonly end: RunEnd;
  /** Every limit that was met, also where the program went on, such as a fork that was refused. */
  readonly limitsMet: readonly LimitName[];
  readonly stdout: Captured;
  readonly stderr: Captured;
  /** All processes together. Sampled where there is no usable cgroup. */
  readonly cpuMs: number;
  readonly wallMs: number;
  /** All processes together, the interpreter included. Sampled where there is no usable cgroup. */
  readonly peakMemoryMiB: number;
  readonly containment: Containment;
}
