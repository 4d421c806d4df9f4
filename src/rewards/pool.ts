// Worker processes that run verifiers, one call at a time each. A call waits in one queue; its deadline starts when a worker takes
// it. A worker that overruns or dies costs its own call an "unscorable", is replaced, and the next call does not notice.

import type { Containment } from "../../sandbox/client.ts";
import { VerifierError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import type { Verdict } from "../data/verdict.ts";
import { checkContainment } from "./containment.ts";
import type { RefusedReference, VerifierCall, VerifierDescription, VerifierReference } from "./protocol.ts";
import { WorkerProcess } from "./workerProcess.ts";

/** In one message to a worker, to be parsed within its time. */
const referencesAtATime = 1000;

export interface PoolSettings {
  readonly verifiers: readonly VerifierSettings[];
  readonly numWorkers: number;
  /** What holds the programs that verifiers run. Default "jail". */
  readonly containment?: Containment;
}

/** How one verifier is called. */
export interface VerifierSettings {
  /** The file that exports it. */
  readonly file: string;
  /** How long one call may take. */
  readonly deadlineMs: number;
  /** Takes the place of each task's own; absent: the task's. */
  readonly reference?: Json;
}

/** A call that has no verdict yet. */
interface Job {
  readonly call: VerifierCall;
  readonly deadlineMs: number;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (reason: unknown) => void;
  state: { readonly kind: "waiting" } | { readonly kind: "taken"; readonly worker: WorkerProcess } | { readonly kind: "abandoned" };
}

/** Starts all workers and loads all verifiers in each, so that a file that cannot be used is known before anything is sampled. */
export async function startVerifierPool(settings: PoolSettings): Promise<VerifierPool> {
  const files = settings.verifiers.map(({ file }) => file);
  const containment = settings.containment ?? "jail";
  const workers = Array.from({ length: settings.numWorkers }, () => new WorkerProcess(files, { containment }));
  try {
    const [descriptions] = await Promise.all(workers.map((worker) => worker.ready));
    await checkContainment(descriptions!, containment);
    return new VerifierPool({ workers, files, containment, verifiers: describe(descriptions!, settings) });
  } catch (error) {
    await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
    throw error;
  }
}

/** A verifier as the pool knows it. */
export interface PooledVerifier extends VerifierDescription, Omit<VerifierSettings, "file"> {}

function describe(descriptions: readonly VerifierDescription[], { verifiers }: PoolSettings): ReadonlyMap<string, PooledVerifier> {
  return new Map(descriptions.map((description, i) => [description.id, { ...verifiers[i]!, ...description }]));
}

/** Verifiers that can be called; ends its workers when it is disposed of. */
export class VerifierPool implements AsyncDisposable {
  /** By id. */
  readonly verifiers: ReadonlyMap<string, PooledVerifier>;
  readonly #files: readonly string[];
  /** What holds the programs that its verifiers run. */
  readonly containment: Containment;
  readonly #open = new Set<Job>();
  readonly #queue: Job[] = [];
  readonly #idle: (() => void)[] = [];
  readonly #places: Promise<void>[];
  #closed = false;

  constructor(parts: {
    readonly workers: readonly WorkerProcess[];
    readonly files: readonly string[];
    readonly containment: Containment;
    readonly verifiers: ReadonlyMap<string, PooledVerifier>;
  }) {
    this.verifiers = parts.verifiers;
    this.#files = parts.files;
    this.containment = parts.containment;
    this.#places = parts.workers.map((worker) => this.#serve(worker));
  }

  /** Rejects only when `signal` is aborted or the pool is closed; a call in flight then loses its worker. */
  async verify(call: VerifierCall, signal: AbortSignal): Promise<Verdict> {
    const verifier = this.verifiers.get(call.verifier);
    if (verifier === undefined) {
      throw new VerifierError(
        `verifier "${call.verifier}": not among those of this run, got task "${call.task.id}"; known: ${[...this.verifiers.keys()].join(", ")}`,
      );
    }
    signal.throwIfAborted();
    if (this.#closed) throw closedError();
    const { promise, resolve, reject } = Promise.withResolvers<Verdict>();
    const job: Job = { call: withReference(call, verifier), deadlineMs: verifier.deadlineMs, resolve, reject, state: { kind: "waiting" } };
    const abandon = () => abandonJob(job, signal.reason);
    signal.addEventListener("abort", abandon, { once: true });
    this.#open.add(job);
    this.#queue.push(job);
    this.#idle.shift()?.();
    try {
      return await promise;
    } finally {
      this.#open.delete(job);
      signal.removeEventListener("abort", abandon);
    }
  }

  /** The first of `references` that its verifier does not take. They are parsed in a process of their own, which ends with the call. */
  async refusedReference(references: readonly VerifierReference[]): Promise<RefusedReference | undefined> {
    await using worker = new WorkerProcess(this.#files, { containment: this.containment });
    for (let from = 0; from < references.length; from += referencesAtATime) {
      const refused = await worker.refusedReference(references.slice(from, from + referencesAtATime));
      if (refused !== undefined) return { ...refused, index: from + refused.index };
    }
    return undefined;
  }

  /** Ends all workers, with what they are doing. Calls that have no verdict yet are rejected. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const job of this.#open) abandonJob(job, closedError());
    for (const wake of this.#idle.splice(0)) wake();
    await Promise.all(this.#places);
  }

  /** The life of one worker's place: calls, one after another, in whatever process stands there. */
  async #serve(first: WorkerProcess): Promise<void> {
    let worker = first;
    for (let job = await this.#take(); job !== undefined; job = await this.#take()) {
      if (!worker.alive) worker = await this.#replace(worker); // it died while it was idle
      if (job.state.kind === "abandoned") continue;
      job.state = { kind: "taken", worker };
      job.resolve(await worker.run(job.call, job.deadlineMs));
      if (!worker.alive && !this.#closed) worker = await this.#replace(worker); // warm before the next call
    }
    await worker[Symbol.asyncDispose]();
  }

  async #replace(worker: WorkerProcess): Promise<WorkerProcess> {
    await worker[Symbol.asyncDispose]();
    return new WorkerProcess(this.#files, { containment: this.containment });
  }

  /** The next call that somebody still waits for; undefined once the pool is closed. */
  async #take(): Promise<Job | undefined> {
    while (!this.#closed) {
      const job = this.#queue.shift();
      if (job === undefined) await new Promise<void>((resolve) => this.#idle.push(resolve));
      else if (job.state.kind === "waiting") return job;
    }
    return undefined;
  }
}

function withReference(call: VerifierCall, { reference }: Pick<VerifierSettings, "reference">): VerifierCall {
  return reference === undefined ? call : { ...call, task: { ...call.task, reference } };
}

function abandonJob(job: Job, reason: unknown): void {
  if (job.state.kind === "taken") job.state.worker.kill();
  job.state = { kind: "abandoned" };
  job.reject(reason);
}

function closedError(): VerifierError {
  return new VerifierError("verifier pool: a call must end before the pool is closed; wait for the verdicts, or abort them");
}

/** What the verifiers of `files` say about themselves, in their order. */
export async function describeVerifiers(files: readonly string[]): Promise<readonly VerifierDescription[]> {
  await using worker = new WorkerProcess(files, { containment: "jail" });
  return await worker.ready;
}
