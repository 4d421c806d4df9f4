// tokenizer.json files for policies that are trained from nothing: one token for each character of an alphabet, or for each byte.
// Both are BPE models without merges, which every Hugging Face implementation reads.

import { ConfigError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { controlTokens } from "./tokenizer.ts";

/** Roles are tokens of their own: a header is then three tokens, and the alphabet need not hold the letters of "assistant". */
const addedTokens = [...Object.values(controlTokens), "system", "user", "assistant"];

/** Widths that are a multiple of this suit the matrix kernels. */
const vocabSizeStep = 64;

const unknown = "<unk>";

/**
 * A tokenizer.json with one token for each character of `alphabet` and for the line feed that the chat format needs. Reserved tokens fill the
 * vocabulary up to `vocabSize`, by default the next multiple of 64.
 */
export function characterTokenizerJson(alphabet: string, { vocabSize }: { vocabSize?: number } = {}): string {
  const characters = [...new Set(["\n", ...alphabet])];
  const vocab = [unknown, ...characters];
  return tokenizerJson({ vocab, vocabSize, model: { unk_token: unknown, fuse_unk: false }, preTokenizer: null, decoder: { type: "Fuse" } });
}

/** A tokenizer.json with one token for each of the 256 bytes of UTF-8, for arbitrary text. */
export function byteTokenizerJson({ vocabSize }: { vocabSize?: number } = {}): string {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  return tokenizerJson({ vocab: byteCharacters(), vocabSize, model: { unk_token: null }, preTokenizer: byteLevel, decoder: byteLevel });
}

interface TokenizerParts {
  readonly vocab: readonly string[];
  readonly vocabSize: number | undefined;
  readonly model: { readonly [key: string]: Json };
  readonly preTokenizer: Json;
  readonly decoder: Json;
}

function tokenizerJson({ vocab, vocabSize, model, preTokenizer, decoder }: TokenizerParts): string {
  const used = vocab.length + addedTokens.length;
  const size = vocabSize ?? Math.ceil(used / vocabSizeStep) * vocabSizeStep;
  if (size < used)
    throw new ConfigError(`vocabSize: the alphabet and the control tokens take ${used} tokens, got ${size}; raise it or leave it out`);
  const reserved = Array.from({ length: size - used }, (_, i) => `<|reserved_${i}|>`);
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const json: Json = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [...addedTokens, ...reserved].map((content, i) => ({ id: vocab.length + i, content, ...flags })),
    normalizer: null,
    pre_tokenizer: preTokenizer,
    post_processor: null,
    decoder,
    model: {
      type: "BPE",
      dropout: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      ...model,
      vocab: Object.fromEntries(vocab.map((content, id) => [content, id])),
      merges: [],
    },
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** How byte-level tokenizers write each byte: printable Latin-1 stands for itself, the rest is numbered from 256 on (GPT-2, `encoder.py`). */
function byteCharacters(): string[] {
  const isPrintable = (byte: number): boolean => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let substitutes = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : 256 + substitutes++));
}
