// Text to tokens and back, from any Hugging Face tokenizer.json. Two readings of the same file: control tokens come only from their
// ids, and text is always encoded without them, so that a task that spells "<|im_end|>" cannot end a turn.
//
// `@huggingface/tokenizers` does the splitting and merging; alphabets.ts makes tokenizer.json files for small policies.

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { z } from "zod";

import { CheckpointError, DataError } from "../base/errors.ts";
import { parseJsonWith } from "../base/parse.ts";

/** Text and tokens of one tokenizer.json, with its control tokens by role. */
export interface Tokenizer {
  /** The tokenizer.json it was made from, character for character. */
  readonly json: string;
  /** One more than the largest id. */
  readonly vocabSize: number;
  readonly turnStartId: number;
  /** Ends a turn; a response is over when the policy emits it. */
  readonly endOfTurnId: number;
  readonly thinkOpenId: number;
  readonly thinkCloseId: number;
  /** Encodes plain text: spelled-out control tokens stay text. Characters outside the vocabulary are a `DataError`. */
  encode(text: string): Int32Array;
  /** Text of the tokens; control tokens are spelled out, ids without a token give nothing. */
  decode(tokens: ArrayLike<number>): string;
  /** Id of a whole token that stands outside the model's merges, such as a control token or a role. */
  addedTokenId(content: string): number | undefined;
}

/** How the chat format's control tokens are spelled. */
export const controlTokens = { turnStart: "<|im_start|>", endOfTurn: "<|im_end|>", thinkOpen: "<think>", thinkClose: "</think>" } as const;

const AddedToken = z.looseObject({ id: z.int().nonnegative(), content: z.string().min(1), special: z.boolean().default(false) });

const TokenizerJson = z.looseObject({
  added_tokens: z.array(AddedToken).default([]),
  model: z.looseObject({
    vocab: z.union([z.record(z.string(), z.int().nonnegative()), z.array(z.tuple([z.string(), z.number()]))]),
    unk_token: z.string().nullish(),
    unk_id: z.int().nullish(),
  }),
});
type TokenizerJson = z.infer<typeof TokenizerJson>;

/** Loads the text of a tokenizer.json; `file` is only named in errors. */
export function loadTokenizer(json: string, file = "tokenizer.json"): Tokenizer {
  const parsed = parseTokenizerJson(json, file);
  const added = new Map(parsed.added_tokens.map(({ content, id }) => [content, id]));
  const control = controlTokenIds(added, file);
  const plain = build(withoutControlTokens(parsed), file);
  const whole = build(parsed, file);
  const unknownId = unknownTokenId(parsed);
  return {
    json,
    vocabSize: vocabSize(parsed),
    ...control,
    encode(text) {
      const ids = text === "" ? [] : plain.encode(text, { add_special_tokens: false }).ids;
      // Silence here would train on a text that nobody wrote.
      if (unknownId !== undefined && ids.includes(unknownId)) throw unknownCharacters(text, { plain, unknownId, file });
      return Int32Array.from(ids);
    },
    decode(tokens) {
      const ids = Array.from(tokens).filter((id) => whole.id_to_token(id) !== undefined);
      return ids.length === 0 ? "" : whole.decode(ids, { skip_special_tokens: false, clean_up_tokenization_spaces: false });
    },
    addedTokenId: (content) => added.get(content),
  };
}

function parseTokenizerJson(json: string, file: string): TokenizerJson {
  const parsed = parseJsonWith(TokenizerJson, json);
  if (parsed.success) return parsed.data;
  const { path, rule, cause } = parsed;
  throw new CheckpointError(`"${file}": ${path === "" ? "it" : path} ${rule}; give the tokenizer.json of a Hugging Face model`, cause);
}

function controlTokenIds(
  added: ReadonlyMap<string, number>,
  file: string,
): Pick<Tokenizer, "turnStartId" | "endOfTurnId" | "thinkOpenId" | "thinkCloseId"> {
  const missing = Object.values(controlTokens).filter((content) => !added.has(content));
  if (missing.length > 0) {
    throw new CheckpointError(
      `"${file}": the chat format needs its control tokens under added_tokens, missing ${missing.join(" ")}; add them there, or use the tokenizer of a Qwen3 model`,
    );
  }
  return {
    turnStartId: added.get(controlTokens.turnStart)!,
    endOfTurnId: added.get(controlTokens.endOfTurn)!,
    thinkOpenId: added.get(controlTokens.thinkOpen)!,
    thinkCloseId: added.get(controlTokens.thinkClose)!,
  };
}

function build(json: TokenizerJson, file: string): HuggingFaceTokenizer {
  try {
    return new HuggingFaceTokenizer(json, { clean_up_tokenization_spaces: false });
  } catch (cause) {
    throw new CheckpointError(`"${file}": the tokenizer could not be built: ${(cause as Error).message}`, cause);
  }
}

/** The same tokenizer, unable to emit a control token: neither as an added token nor, where the vocabulary lists it too, as a word. */
function withoutControlTokens(json: TokenizerJson): TokenizerJson {
  const spelled = new Set<string>(Object.values(controlTokens));
  const isControl = ({ content, special }: { content: string; special: boolean }): boolean => special || spelled.has(content);
  const control = new Set(json.added_tokens.filter(isControl).map(({ content }) => content));
  const keep = (content: string): boolean => !control.has(content) || content === json.model.unk_token;
  const { vocab } = json.model;
  return {
    ...json,
    added_tokens: json.added_tokens.filter((token) => !isControl(token)),
    // A list's positions are ids, so there the entry is emptied; a map's entry can go.
    model: {
      ...json.model,
      vocab: Array.isArray(vocab)
        ? vocab.map(([content, score]): [string, number] => [keep(content) ? content : "", score])
        : Object.fromEntries(Object.entries(vocab).filter(([content]) => keep(content))),
    },
  };
}

function unknownTokenId({ model: { vocab, unk_token, unk_id } }: TokenizerJson): number | undefined {
  if (Array.isArray(vocab)) return unk_id ?? undefined;
  return unk_token === null || unk_token === undefined ? undefined : vocab[unk_token];
}

function vocabSize({ added_tokens, model: { vocab } }: TokenizerJson): number {
  const ids = Array.isArray(vocab) ? [vocab.length - 1] : Object.values(vocab);
  return [...ids, ...added_tokens.map(({ id }) => id)].reduce((largest, id) => Math.max(largest, id), -1) + 1;
}

function unknownCharacters(
  text: string,
  { plain, unknownId, file }: { plain: HuggingFaceTokenizer; unknownId: number; file: string },
): DataError {
  const characters = [...new Set(text)].filter((character) =>
    plain.encode(character, { add_special_tokens: false }).ids.includes(unknownId),
  );
  const said = text.trim(); // the line feed before it is the chat format's
  const shown = said.length > 60 ? `${said.slice(0, 60)}...` : said;
  return new DataError(
    `"${file}": text may only use characters of the vocabulary, got ${characters.map((c) => JSON.stringify(c)).join(" ")} in ${JSON.stringify(shown)}; use a byte-level tokenizer or a larger alphabet`,
  );
}
