// The hash chain of a run: "resumed exactly" and "repeated exactly" are one comparison of two hashes. Pure.
//
//     H_0 = sha256(fingerprint, [parent's hash])
//     H_t = sha256(H_{t-1}, config, stage, step, digests of batch, rewards, parameters, optimizer)
//
// There is no random state to add: streams are counter-based and keyed by the seed, which is in the config, and by the step.

import { digestJson } from "../base/digest.ts";
import type { Json } from "../base/json.ts";
import { valueAt } from "../base/parse.ts";

/** What decides a run's bits beside its own steps. */
export interface Fingerprint {
  /** Digest of the recipe without what cannot alter a step. */
  readonly recipe: string;
  /** Digests of the files that the recipe names, each by its name there: a path relative to the recipe, or the id of a verifier. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Package version and digest of the sources. */
  readonly code: string;
  readonly node: string;
  readonly onnxRuntime: string;
  /** Architecture and vector extensions: kernels are chosen by them. */
  readonly cpu: string;
}

/** One step's contribution. Digests go by name, so that a difference can be told by name. */
export interface ChainLink {
  readonly config: string;
  readonly stage: string;
  readonly step: number;
  readonly digests: Readonly<Record<string, string>>;
}

/** The chain's start value; a fork starts from its parent's hash too. */
export function startHash(fingerprint: Fingerprint, parentHash: string | null = null): string {
  return digestJson({ version: 1, fingerprint: { ...fingerprint }, parentHash });
}

/** The chain's value after a step. */
export function nextHash(previous: string, { config, stage, step, digests }: ChainLink): string {
  return digestJson({ previous, config, stage, step, digests });
}

/**
 * Digest of the parts of a resolved recipe that can alter a step: not its name, how it is measured, what it keeps, nor on how many threads.
 * Where it is saved can alter one if it may go back there, and so can how many tasks of a file are held out.
 */
export function recipeDigest(recipe: { readonly [key: string]: Json }): string {
  const { name: _name, eval: _eval, checkpoints, rewards, engine, ...deciding } = recipe;
  const heldOut = numHeldOutOfFile(recipe);
  return digestJson({
    ...deciding,
    rewards: without(rewards, ["numWorkers"]),
    engine: without(engine, ["numThreads", "maxSequences"]),
    ...(canGoBack(recipe) ? { goesBackEverySteps: at(checkpoints, "everySteps") } : {}),
    ...(heldOut === undefined ? {} : { heldOut }),
  });
}

/** Whether a stage may go back to a checkpoint. */
function canGoBack(recipe: { readonly [key: string]: Json }): boolean {
  return Object.values(recipe).some((section) => (valueAt(section, ["stability", "maxRollbacks"]) ?? 0) !== 0);
}

/**
 * How many tasks of a file are held out: what is trained on is drawn beside them, as many as the larger evaluation takes. Undefined where
 * families are evaluated: on their own side of the split, which training never draws from.
 */
export function numHeldOutOfFile({ data = null, eval: evaluation }: { readonly [key: string]: Json }): number | undefined {
  if (!["evaluation", "evaluationBeyond"].some((source) => valueAt(data, [source, "kind"]) === "file")) return undefined;
  return Math.max(...["tasks", "finalTasks"].map((key) => at(evaluation, key) as number));
}

function at(section: Json | undefined, key: string): Json {
  return (valueAt(section, [key]) ?? null) as Json; // of a recipe, which is JSON
}

function without(section: Json | undefined, keys: readonly string[]): Json {
  return Object.fromEntries(Object.entries({ ...(section as { readonly [key: string]: Json }) }).filter(([key]) => !keys.includes(key)));
}

/** What differs between two fingerprints, one line each: `node: 24.21.0 recorded, 24.22.0 here`. Of a file, the start of its digest. */
export function fingerprintDifferences(recorded: Fingerprint, here: Fingerprint): string[] {
  const { inputs: recordedInputs, ...recordedRest } = recorded;
  const { inputs, ...rest } = here;
  const names = Object.keys(rest) as (keyof typeof rest)[];
  const files = digestDifferences(recordedInputs, inputs);
  return [
    ...names
      .filter((name) => recordedRest[name] !== rest[name])
      .map((name) => `${name}: ${recordedRest[name]} recorded, ${rest[name]} here`),
    ...files.map((name) => `"${name}": content ${shortDigest(recordedInputs[name])} recorded, ${shortDigest(inputs[name])} here`),
  ];
}

function shortDigest(digest: string | undefined): string {
  return digest?.slice(0, 12) ?? "none";
}

/** Names of the digests that two records of one step do not share. */
export function digestDifferences(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name]);
}
