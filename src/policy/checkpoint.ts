// Checkpoints: Hugging Face folders that other tools read, and that read other tools' models. A folder is written whole under a
// temporary name and then takes its final name, so a reader finds the old checkpoint or the new one, never half of one.
//
// A folder cannot be renamed over another: the old one steps aside to `<folder>.previous`, where `loadCheckpoint` looks too.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

import { z } from "zod";

import { CheckpointError, StorageError } from "../base/errors.ts";
import { syncFolder, writeFileAtomic } from "../base/files.ts";
import type { Json } from "../base/json.ts";
import { parseJsonWith } from "../base/parse.ts";
import { type PolicyConfig, parameterLayout } from "./architecture.ts";
import { chatTemplate } from "./chat.ts";
import { placeView, readModelJson, type TensorPlace, tensorPlaces, writeModelJson } from "./huggingFace.ts";
import { openSafetensors, type SafetensorsFile, safetensorsChunks } from "./safetensors.ts";
import { controlTokens, loadTokenizer, type Tokenizer } from "./tokenizer.ts";

/** What a checkpoint folder is written from. */
export interface CheckpointContent {
  readonly config: PolicyConfig;
  /** Laid out as `parameterLayout(config)`. */
  readonly parameters: Float32Array<ArrayBuffer>;
  /** The text of tokenizer.json. */
  readonly tokenizerJson: string;
  /** Added to generation_config.json. */
  readonly generationConfig?: JsonObject;
  /** The whole of tokenizer_config.json, chat template included; absent: one for this project's own chat format. */
  readonly tokenizerConfig?: JsonObject;
  /** Further files of the folder by name, such as optimizer state; each written from its pieces. */
  readonly extra?: Readonly<Record<string, Iterable<string | Uint8Array>>>;
}

type JsonObject = Readonly<Record<string, Json>>;

/** What was read from a checkpoint folder. */
export interface Checkpoint extends Omit<CheckpointContent, "extra"> {
  /** Where it was found, for whoever wants its extra files. */
  readonly folder: string;
  readonly tokenizer: Tokenizer;
}

/** Writes a checkpoint and puts it in the place of `folder`. One writer at a time for a folder; readers may come at any moment. */
export function saveCheckpoint(folder: string, content: CheckpointContent): void {
  const target = resolve(folder);
  const temporary = `${target}.tmp-${process.pid}`;
  const files = checkpointFiles(content);
  try {
    mkdirSync(dirname(target), { recursive: true });
    removeLeftovers(target);
    mkdirSync(temporary);
    for (const [name, chunks] of Object.entries(files)) writeFileAtomic(join(temporary, name), chunks);
    replaceFolder(target, temporary);
  } catch (cause) {
    rmSync(temporary, { recursive: true, force: true });
    if (cause instanceof StorageError) throw cause;
    throw new StorageError(
      `writing checkpoint "${folder}" failed: ${(cause as Error).message}; the previous one, if any, is untouched`,
      cause,
    );
  }
}

/** Reads a checkpoint folder, in one file or in shards, and checks that every tensor is there, has its shape, and that no other is. */
export function loadCheckpoint(folder: string): Checkpoint {
  // The folder twice: it may have come back after the first look, and its predecessor gone before the second.
  const found = [folder, previousOf(resolve(folder)), folder].find((candidate) => existsSync(candidate));
  if (found === undefined) throw new CheckpointError(`checkpoint "${folder}": no such folder; give the folder that holds config.json`);
  const before = folderIdentity(found);
  try {
    const checkpoint = readCheckpoint(found);
    if (folderIdentity(found) === before) return checkpoint;
  } catch (error) {
    if (folderIdentity(found) === before) throw error;
  }
  // A writer put another folder in its place while this one was being read.
  return loadCheckpoint(folder);
}

/** Changes when another folder takes the name, whatever inode it happens to get. */
function folderIdentity(folder: string): string {
  const stat = statSync(folder, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.ino} ${stat.mtimeNs}`;
}

function readCheckpoint(folder: string): Checkpoint {
  const config = readModelJson(readText(folder, "config.json"), join(folder, "config.json"));
  const tokenizerJson = readText(folder, "tokenizer.json");
  const tokenizer = loadTokenizer(tokenizerJson, join(folder, "tokenizer.json"));
  checkVocabulary(config, tokenizer);
  const optional = (name: string): JsonObject | undefined =>
    existsSync(join(folder, name)) ? readJson(JsonObjectSchema, { folder, name }) : undefined;
  const [generationConfig, tokenizerConfig] = [optional("generation_config.json"), optional("tokenizer_config.json")];
  return {
    folder,
    config,
    parameters: readParameters(folder, config),
    tokenizerJson,
    tokenizer,
    ...(generationConfig === undefined ? {} : { generationConfig }),
    ...(tokenizerConfig === undefined ? {} : { tokenizerConfig }),
  };
}

/** What helps where a file of a checkpoint is missing or damaged. */
const wholeFolder = "give a whole checkpoint folder in Hugging Face layout";

const JsonObjectSchema = z.record(z.string(), z.json());
const ShardIndex = z.looseObject({ weight_map: z.record(z.string(), z.string().regex(/^[^/\\]+\.safetensors$/)) });

function checkpointFiles({
  config,
  parameters,
  tokenizerJson,
  generationConfig,
  tokenizerConfig = ownTokenizerConfig(config),
  extra,
}: CheckpointContent): Record<string, Iterable<string | Uint8Array>> {
  const { total } = parameterLayout(config);
  if (parameters.length !== total) throw new RangeError(`saveCheckpoint: the layout takes ${total} floats, got ${parameters.length}`);
  const tokenizer = loadTokenizer(tokenizerJson);
  checkVocabulary(config, tokenizer);
  const eosTokenId = tokenizer.endOfTurnId;
  const generation = { do_sample: true, eos_token_id: eosTokenId, pad_token_id: eosTokenId, temperature: 1, ...generationConfig };
  const tensors = tensorPlaces(config).map((place) => ({ ...place, values: () => placeView(parameters, place) }));
  return {
    ...extra,
    "config.json": [writeModelJson(config, { eosTokenId })],
    "generation_config.json": [jsonText(generation)],
    "model.safetensors": safetensorsChunks(tensors),
    "tokenizer.json": [tokenizerJson],
    "tokenizer_config.json": [jsonText(tokenizerConfig)],
  };
}

function ownTokenizerConfig({ maxPositions }: PolicyConfig): JsonObject {
  return {
    add_bos_token: false,
    add_prefix_space: false,
    chat_template: chatTemplate,
    clean_up_tokenization_spaces: false,
    eos_token: controlTokens.endOfTurn,
    model_max_length: maxPositions,
    pad_token: controlTokens.endOfTurn,
    tokenizer_class: "PreTrainedTokenizerFast",
  };
}

function checkVocabulary({ vocabSize }: PolicyConfig, tokenizer: Tokenizer): void {
  if (tokenizer.vocabSize <= vocabSize) return;
  throw new CheckpointError(
    `tokenizer.json: its ${tokenizer.vocabSize} tokens must fit the model's vocabulary, got vocab_size ${vocabSize} in config.json`,
  );
}

/** Removes what writers of this folder that died have left. */
function removeLeftovers(target: string): void {
  const prefix = `${basename(target)}.tmp-`;
  for (const name of readdirSync(dirname(target))) {
    if (name.startsWith(prefix) && !isOtherRunning(Number(name.slice(prefix.length)))) {
      rmSync(join(dirname(target), name), { recursive: true, force: true });
    }
  }
  // Without the target, its predecessor is the checkpoint, until the new one has the name.
  if (existsSync(target)) rmSync(previousOf(target), { recursive: true, force: true });
}

function isOtherRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function replaceFolder(target: string, temporary: string): void {
  syncFolder(temporary);
  const previous = previousOf(target);
  if (existsSync(target)) renameSync(target, previous);
  renameSync(temporary, target);
  syncFolder(dirname(target));
  rmSync(previous, { recursive: true, force: true });
}

function previousOf(target: string): string {
  return `${target}.previous`;
}

/** What all files say of their tensors is checked before memory is taken for them: config.json may claim any size. */
function readParameters(folder: string, config: PolicyConfig): Float32Array<ArrayBuffer> {
  const places = tensorPlaces(config);
  const paths = weightFiles(folder);
  checkTensors(paths, { folder, places, config });
  const parameters = new Float32Array(parameterLayout(config).total);
  for (const path of paths) {
    using file = openSafetensors(path);
    for (const place of places) {
      if (!file.tensors.has(place.name)) continue;
      const values = file.read(place.name);
      checkFinite(values, { name: place.name, path });
      placeView(parameters, place).set(values);
    }
  }
  return parameters;
}

/** Every tensor is there once, has its shape, and no other is. */
function checkTensors(
  paths: readonly string[],
  { folder, places, config }: { readonly folder: string; readonly places: readonly TensorPlace[]; readonly config: PolicyConfig },
): void {
  const expected = new Set(places.map(({ name }) => name));
  const missing = new Set(expected);
  for (const path of paths) {
    using file = openSafetensors(path);
    for (const name of file.tensors.keys()) checkExpected({ name, path, expected, config });
    for (const place of places) {
      if (!file.tensors.has(place.name)) continue;
      checkShape(file, place);
      if (!missing.delete(place.name))
        throw new CheckpointError(`"${path}": tensor "${place.name}" also stands in another shard; remove one`);
    }
  }
  const [first] = missing;
  if (first === undefined) return;
  const { shape } = places.find(({ name }) => name === first)!;
  throw new CheckpointError(
    `checkpoint "${folder}": ${missing.size} of ${expected.size} tensors are missing, the first is "${first}" of shape [${shape}]; was config.json changed, or a shard left out?`,
  );
}

function weightFiles(folder: string): readonly string[] {
  if (existsSync(join(folder, "model.safetensors"))) return [join(folder, "model.safetensors")];
  const index = "model.safetensors.index.json";
  if (!existsSync(join(folder, index)))
    throw new CheckpointError(`checkpoint "${folder}": needs model.safetensors or ${index}, got neither; ${wholeFolder}`);
  return [...new Set(Object.values(readJson(ShardIndex, { folder, name: index }).weight_map))].sort().map((name) => join(folder, name));
}

interface NamedTensor {
  readonly name: string;
  readonly path: string;
  readonly expected: ReadonlySet<string>;
  readonly config: PolicyConfig;
}

function checkExpected({ name, path, expected, config }: NamedTensor): void {
  // Files of tied models often hold the head too; it is the embedding once more.
  if (expected.has(name) || (config.tieEmbeddings && name === "lm_head.weight")) return;
  throw new CheckpointError(
    `"${path}": tensor "${name}" has no place in the model that config.json describes; is it the config.json of this file?`,
  );
}

function checkShape(file: SafetensorsFile, { name, shape }: TensorPlace): void {
  const actual = file.tensors.get(name)!.shape;
  if (`${actual}` === `${shape}`) return;
  throw new CheckpointError(
    `"${file.path}": tensor "${name}" must have the shape that config.json gives, expected [${shape}], got [${actual}]`,
  );
}

/** A policy with one such number answers nothing but noise. */
function checkFinite(values: Float32Array, { name, path }: { name: string; path: string }): void {
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at === -1) return;
  throw new CheckpointError(
    `"${path}": tensor "${name}" must hold finite numbers, got ${values[at]} at element ${at}; the file is damaged, or training went wrong before it was written: use an earlier checkpoint`,
  );
}

function readText(folder: string, name: string): string {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch (cause) {
    throw new CheckpointError(`checkpoint "${folder}": reading ${name} failed: ${(cause as Error).message}; ${wholeFolder}`, cause);
  }
}

function readJson<T>(schema: z.ZodType<T>, { folder, name }: { folder: string; name: string }): T {
  const parsed = parseJsonWith(schema, readText(folder, name));
  if (parsed.success) return parsed.data;
  const { path, rule, cause } = parsed;
  throw new CheckpointError(`"${join(folder, name)}": ${path === "" ? "it" : path} ${rule}; ${wholeFolder}`, cause);
}

function jsonText(value: Json): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
