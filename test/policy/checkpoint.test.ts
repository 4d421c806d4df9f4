import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { digestBytes } from "../../src/base/digest.ts";
import { CheckpointError, StorageError } from "../../src/base/errors.ts";
import { byteTokenizerJson, characterTokenizerJson } from "../../src/policy/alphabets.ts";
import { initialParameters, type PolicyConfig, parameterLayout } from "../../src/policy/architecture.ts";
import { type CheckpointContent, loadCheckpoint, saveCheckpoint } from "../../src/policy/checkpoint.ts";
import { ModelConfig } from "../../src/policy/config.ts";
import { openSafetensors, safetensorsChunks } from "../../src/policy/safetensors.ts";

const root = mkdtempSync(join(tmpdir(), "whetstone-checkpoint-"));
after(() => rmSync(root, { recursive: true }));

let folders = 0;
const newFolder = () => join(root, `${folders++}`, "checkpoint");

const config: PolicyConfig = {
  ...ModelConfig.parse({
    width: 8,
    numLayers: 2,
    numHeads: 2,
    numKvHeads: 1,
    headWidth: 4,
    numExperts: 3,
    expertsPerToken: 2,
    expertWidth: 5,
  }),
  vocabSize: 64,
};
const dense: PolicyConfig = {
  ...config,
  numExperts: 0,
  expertsPerToken: 0,
  expertWidth: 0,
  denseWidth: 6,
  tieEmbeddings: true,
  normTopkProb: false,
  routerAuxLossWeight: 0.001,
  routerZLossWeight: 0,
};

const content = (seed: number, model = config): CheckpointContent => ({
  config: model,
  parameters: initialParameters(model, [seed]),
  tokenizerJson: characterTokenizerJson("0123456789+="),
});

/** A checkpoint on disk, to be damaged. */
function saved(model = config): string {
  const folder = newFolder();
  saveCheckpoint(folder, content(1, model));
  return folder;
}

function refusal(folder: string): string {
  try {
    loadCheckpoint(folder);
  } catch (error) {
    assert.ok(error instanceof CheckpointError, `${error}`);
    return error.message;
  }
  return assert.fail("was not refused");
}

interface Plain {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: () => Float32Array;
}

function tensorsOf(folder: string): Plain[] {
  using file = openSafetensors(join(folder, "model.safetensors"));
  return [...file.tensors].map(([name, { shape }]) => {
    const values = file.read(name);
    return { name, shape, values: () => values };
  });
}

const writeTensors = (path: string, tensors: readonly Plain[]) => writeFileSync(path, Buffer.concat([...safetensorsChunks(tensors)]));

function withTensors(change: (tensors: Plain[]) => Plain[], model = config): string {
  const folder = saved(model);
  writeTensors(join(folder, "model.safetensors"), change(tensorsOf(folder)));
  return folder;
}

describe("saveCheckpoint and loadCheckpoint", () => {
  test("bring back every bit of the parameters, of any pattern, and the configuration", () => {
    for (const model of [config, dense]) {
      const folder = newFolder();
      const parameters = initialParameters(model, [1]);
      const bits = new Uint32Array(parameters.buffer);
      for (const { offset } of parameterLayout(model).entries) bits.set([0x80000000, 0x00000001, 0x807fffff], offset); // -0, subnormals
      const tokenizerConfig = { chat_template: "{{ messages }}", model_max_length: 9 };
      saveCheckpoint(folder, { ...content(1, model), parameters, generationConfig: { temperature: 0.7, top_k: 20 }, tokenizerConfig });
      const loaded = loadCheckpoint(folder);
      assert.deepEqual(new Uint32Array(loaded.parameters.buffer), bits);
      assert.deepEqual(loaded.config, model);
      assert.equal(loaded.tokenizerJson, characterTokenizerJson("0123456789+="));
      assert.deepEqual(loaded.generationConfig, { do_sample: true, eos_token_id: 15, pad_token_id: 15, temperature: 0.7, top_k: 20 });
      assert.deepEqual(loaded.tokenizerConfig, tokenizerConfig);
    }
  });

  test("write the files that a Hugging Face reader looks for, and nothing else", () => {
    const folder = saved();
    const expected = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
    assert.deepEqual(readdirSync(folder).sort(), expected);
    assert.deepEqual(readdirSync(join(folder, "..")), ["checkpoint"]);
    const tokenizer = JSON.parse(readFileSync(join(folder, "tokenizer_config.json"), "utf8")) as Record<string, unknown>;
    assert.deepEqual([tokenizer["eos_token"], tokenizer["tokenizer_class"]], ["<|im_end|>", "PreTrainedTokenizerFast"]);
    assert.ok(`${tokenizer["chat_template"]}`.startsWith("{%- for message in messages %}"));
  });

  test("keep further files beside the model", () => {
    const folder = newFolder();
    const moments = Float32Array.of(1, 2, 3);
    saveCheckpoint(folder, {
      ...content(1),
      extra: { "trainer.json": ["{", "}"], "optimizer.safetensors": safetensorsChunks([{ name: "m", shape: [3], values: () => moments }]) },
    });
    using optimizer = openSafetensors(join(loadCheckpoint(folder).folder, "optimizer.safetensors"));
    assert.deepEqual(optimizer.read("m"), moments);
    assert.equal(readFileSync(join(folder, "trainer.json"), "utf8"), "{}");
  });

  test("read shards through their index", () => {
    const folder = saved();
    const tensors = tensorsOf(folder);
    const shards = { "model-1-of-2.safetensors": tensors.slice(0, 9), "model-2-of-2.safetensors": tensors.slice(9) };
    for (const [name, part] of Object.entries(shards)) writeTensors(join(folder, name), part);
    const weight_map = Object.fromEntries(Object.entries(shards).flatMap(([file, part]) => part.map(({ name }) => [name, file])));
    writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify({ metadata: { total_size: 1 }, weight_map }));
    rmSync(join(folder, "model.safetensors"));
    assert.deepEqual(loadCheckpoint(folder).parameters, initialParameters(config, [1]));

    writeTensors(join(folder, "model-2-of-2.safetensors"), tensors.slice(8));
    assert.match(refusal(folder), new RegExp(`model-2-of-2.safetensors": tensor "${tensors[8]!.name}" also stands in another shard`));
    rmSync(join(folder, "model-2-of-2.safetensors"));
    assert.match(refusal(folder), /model-2-of-2.safetensors" failed: ENOENT/);
  });

  test("accept the head that files of tied models repeat", () => {
    const head = { name: "lm_head.weight", shape: [64, 8], values: () => new Float32Array(512) };
    const folder = withTensors((tensors) => [...tensors, head], dense);
    assert.deepEqual(loadCheckpoint(folder).parameters, initialParameters(dense, [1]));
  });
});

describe("loadCheckpoint names what is wrong:", () => {
  const victim = "model.layers.1.mlp.experts.2.up_proj.weight";

  test("a missing tensor", () => {
    const message = refusal(withTensors((tensors) => tensors.filter(({ name }) => name !== victim)));
    assert.match(message, /1 of \d+ tensors are missing, the first is "model.layers.1.mlp.experts.2.up_proj.weight" of shape \[5,8\]/);
  });

  test("a misshapen tensor, with both shapes", () => {
    const message = refusal(
      withTensors((tensors) => tensors.map((tensor) => (tensor.name === victim ? { ...tensor, shape: [8, 5] } : tensor))),
    );
    assert.match(message, /model.safetensors": tensor "model.layers.1.mlp.experts.2.up_proj.weight" .*expected \[5,8\], got \[8,5\]/);
  });

  test("a tensor that does not belong", () => {
    const bias = { name: "model.layers.0.self_attn.q_proj.bias", shape: [8], values: () => new Float32Array(8) };
    assert.match(
      refusal(withTensors((tensors) => [...tensors, bias])),
      /tensor "model.layers.0.self_attn.q_proj.bias" has no place in the model/,
    );
  });

  test("a tensor with a number that is none, by its name", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const values = () => new Float32Array(40).fill(bad, 7, 8);
      const damaged = withTensors((tensors) => tensors.map((tensor) => (tensor.name === victim ? { ...tensor, values } : tensor)));
      assert.match(
        refusal(damaged),
        new RegExp(`tensor "${victim}" must hold finite numbers, got ${bad} at element 7; .* earlier checkpoint$`),
      );
    }
  });

  test("a truncated file", () => {
    const folder = saved();
    truncateSync(join(folder, "model.safetensors"), 8_000);
    assert.match(refusal(folder), /model.safetensors": truncated: tensor "model\.layers.*" ends at byte/);
  });

  test("a folder or a file that is not there", () => {
    assert.match(refusal(newFolder()), /no such folder; give the folder that holds config.json/);
    for (const name of ["config.json", "tokenizer.json"]) {
      const folder = saved();
      rmSync(join(folder, name));
      assert.match(refusal(folder), new RegExp(`reading ${name} failed: ENOENT`));
    }
    const folder = saved();
    rmSync(join(folder, "model.safetensors"));
    assert.match(refusal(folder), /needs model.safetensors or model.safetensors.index.json, got neither/);
  });

  test("a config.json that claims more than any machine holds, before memory is taken for it", () => {
    const folder = saved();
    const path = join(folder, "config.json");
    const text = JSON.parse(readFileSync(path, "utf8")) as object;
    writeFileSync(path, JSON.stringify({ ...text, hidden_size: 1_000_000_000 }));
    assert.match(refusal(folder), /config.json": key "hidden_size" must be at most 65536, got 1000000000; /);
    // A terabyte; the file's own tensors say that it is not there.
    writeFileSync(path, JSON.stringify({ ...text, hidden_size: 65_536, num_hidden_layers: 512, moe_intermediate_size: 65_536 }));
    assert.match(refusal(folder), /model.safetensors": tensor ".*" must have the shape that config.json gives, expected \[/);
  });

  test("a shard that the index names and that is not there, with what to do", () => {
    const folder = saved();
    rmSync(join(folder, "model.safetensors"));
    writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify({ weight_map: { a: "model-1.safetensors" } }));
    assert.match(
      refusal(folder),
      /reading ".*model-1\.safetensors" failed: ENOENT.*; copy the file here, beside the others of its folder$/,
    );
  });

  test("a tokenizer that is larger than the vocabulary", () => {
    const folder = saved();
    writeFileSync(join(folder, "tokenizer.json"), byteTokenizerJson());
    assert.match(refusal(folder), /its 320 tokens must fit the model's vocabulary, got vocab_size 64/);
    assert.throws(() => saveCheckpoint(folder, { ...content(1), tokenizerJson: byteTokenizerJson() }), CheckpointError);
  });

  test("a shard index that points out of the folder", () => {
    const folder = saved();
    rmSync(join(folder, "model.safetensors"));
    writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify({ weight_map: { a: "../x.safetensors" } }));
    assert.match(refusal(folder), /index.json": .*weight_map.a/s);
  });
});

describe("saveCheckpoint, interrupted,", () => {
  const loads = (folder: string, seed: number) => assert.deepEqual(loadCheckpoint(folder).parameters, initialParameters(config, [seed]));

  test("leaves the old checkpoint and no leftovers when writing fails half-way", () => {
    const folder = saved();
    function* failing(): Generator<string> {
      yield "half";
      throw new Error("no space left on device");
    }
    assert.throws(
      () => saveCheckpoint(folder, { ...content(2), extra: { "z.bin": failing() } }),
      (error) => {
        assert.ok(error instanceof StorageError);
        assert.match(error.message, /no space left on device/);
        return true;
      },
    );
    loads(folder, 1);
    assert.deepEqual(readdirSync(join(folder, "..")), ["checkpoint"]);
  });

  test("between its two renames leaves the old checkpoint to load and the next save to finish", () => {
    const folder = saved();
    renameSync(folder, `${folder}.previous`);
    loads(folder, 1);
    saveCheckpoint(folder, content(2));
    loads(folder, 2);
    assert.deepEqual(readdirSync(join(folder, "..")), ["checkpoint"]);
  });

  test("cleans up after writers that died, and spares one that lives", () => {
    const folder = saved();
    const dead = 2 ** 22 + 1; // beyond the largest process id that Linux gives out
    mkdirSync(`${folder}.tmp-${dead}`);
    mkdirSync(`${folder}.tmp-${process.ppid}`);
    cpSync(folder, `${folder}.previous`, { recursive: true });
    saveCheckpoint(folder, content(2));
    loads(folder, 2);
    assert.deepEqual(readdirSync(join(folder, "..")).sort(), ["checkpoint", `checkpoint.tmp-${process.ppid}`]);
  });

  test("never shows a reader half a checkpoint, nor two mixed", async () => {
    const folder = saved();
    await using _writer = await startWriter(folder);
    const saves = [1, 2, 3].map((seed) => digestBytes(initialParameters(config, [seed])));
    const loads = Array.from({ length: 150 }, () => digestBytes(loadCheckpoint(folder).parameters));
    assert.deepEqual(
      [...new Set(loads)].filter((digest) => !saves.includes(digest)),
      [],
    );
  });

  test("survives kill -9 at any moment", async () => {
    const folder = saved();
    for (let i = 0; i < 4; i++) {
      {
        await using _writer = await startWriter(folder);
        await new Promise((resolve) => setTimeout(resolve, i * 7));
      }
      loadCheckpoint(folder);
    }
    saveCheckpoint(folder, content(1));
    assert.deepEqual(readdirSync(join(folder, "..")), ["checkpoint"]);
  });
});

/** A process that saves two checkpoints in turns until it is killed; returned once it has saved the first. */
async function startWriter(folder: string): Promise<AsyncDisposable> {
  const source = (name: string) => JSON.stringify(new URL(`../../src/policy/${name}.ts`, import.meta.url).href);
  const program = `
    import { initialParameters } from ${source("architecture")};
    import { characterTokenizerJson } from ${source("alphabets")};
    import { saveCheckpoint } from ${source("checkpoint")};
    const config = ${JSON.stringify(config)};
    const contents = [2, 3].map((seed) => ({ config, parameters: initialParameters(config, [seed]), tokenizerJson: characterTokenizerJson("0123456789+=") }));
    for (let i = 0; ; i++) { saveCheckpoint(${JSON.stringify(folder)}, contents[i % 2]); if (i === 0) console.log("begun"); }`;
  const writer = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: ["ignore", "pipe", "ignore"] });
  const exited = once(writer, "exit");
  await Promise.race([once(writer.stdout, "data"), exited]);
  return {
    [Symbol.asyncDispose]: async () => {
      writer.kill("SIGKILL");
      await exited;
    },
  };
}
