// Every error a user can meet. One base class with a stable `code`; each subclass is named after the boundary that was crossed.
// Message form: `what was called: the rule, got the values at the place; what to do`. docs/errors.md has one row for each class.

/** Base of all errors this project raises on purpose. `exitCode` is what the CLI ends with. */
export class WhetstoneError extends Error {
  readonly code: string;
  /** 2: the input was wrong and nothing was started. 1: something failed while working. */
  readonly exitCode: 1 | 2;

  constructor(code: string, message: string, { exitCode, cause }: { exitCode: 1 | 2; cause?: unknown }) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.exitCode = exitCode;
  }
}

/** A recipe, option or argument that breaks a rule. */
export class ConfigError extends WhetstoneError {
  constructor(message: string, cause?: unknown) {
    super("CONFIG", message, { exitCode: 2, cause });
  }
}

/** A graph that cannot be built: shapes, types or an op used where it has no meaning. */
export class GraphError extends WhetstoneError {
  constructor(message: string, cause?: unknown) {
    super("GRAPH", message, { exitCode: 2, cause });
  }
}

/** The engine failed while compiling or running a graph. */
export class EngineError extends WhetstoneError {
  constructor(message: string, cause?: unknown) {
    super("ENGINE", message, { exitCode: 1, cause });
  }
}

/** A task file, demonstration file or dataset row that cannot be used. */
export class DataError extends WhetstoneError {
  constructor(message: string, cause?: unknown) {
    super("DATA", message, { exitCode: 2, cause });
  }
}

/** A checkpoint or tokenizer that cannot be loaded. */
export class CheckpointError extends WhetstoneError {
  constructor(message: string, cause?: unknown) {
    super("CHECKPOINT", message, { exitCode: 2, cause });
  }
}

/** A verifier that is unknown, cannot be loaded, or breaks its contract. */
export class VerifierError extends WhetstoneError {
  constructor(message: string, cause?: unknown) {
    super("VERIFIER", message, { exitCode: 2, cause });
  }
}

/** A process that runs verifiers did not do in time what it was asked: the machine is busy, or a file waits for something. */
export class WorkerError extends WhetstoneError {
  constructor(message: string, cause?: unknown) {
    super("WORKER", message, { exitCode: 1, cause });
  }
}

/** Untrusted code cannot be run on this machine, or the sandbox was asked for what it does not do. */
export class SandboxError extends WhetstoneError {
  constructor(message: string, cause?: unknown) {
    super("SANDBOX", message, { exitCode: 2, cause });
  }
}

/** The run store or run folder: locked by another process, missing, or of another version. */
export class RunError extends WhetstoneError {
  constructor(message: string, cause?: unknown) {
    super("RUN", message, { exitCode: 2, cause });
  }
}

/** Writing failed half-way (disk full, permission). Nothing half-written is left under the final name. */
export class StorageError extends WhetstoneError {
  constructor(message: string, cause?: unknown) {
    super("STORAGE", message, { exitCode: 1, cause });
  }
}

/** A step that was taken again did not give what was recorded. Other settings do not help. */
export class RepeatError extends WhetstoneError {
  constructor(message: string, cause?: unknown) {
    super("REPEAT", message, { exitCode: 1, cause });
  }
}

/**
 * Training cannot go on, unless with other settings: an alarm that stops, too many unscorable verdicts, or non-finite numbers that did not
 * go away.
 */
export class TrainingError extends WhetstoneError {
  constructor(message: string, cause?: unknown) {
    super("TRAINING", message, { exitCode: 1, cause });
  }
}
