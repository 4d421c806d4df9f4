import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { CheckpointError, ConfigError, DataError } from "../../src/base/errors.ts";
import { byteTokenizerJson, characterTokenizerJson } from "../../src/policy/alphabets.ts";
import { controlTokens, loadTokenizer, type Tokenizer } from "../../src/policy/tokenizer.ts";

const added = (contents: readonly string[], firstId: number, special = true) =>
  contents.map((content, i) => ({ id: firstId + i, content, special }));

/** A tokenizer.json around a model, as other people's tools write it. */
const tokenizerJson = (model: object, { addedTokens = [] as object[], preTokenizer = null as object | null } = {}) =>
  JSON.stringify({
    version: "1.0",
    added_tokens: addedTokens,
    normalizer: null,
    pre_tokenizer: preTokenizer,
    post_processor: null,
    decoder: { type: "Fuse" },
    model,
  });

const controls = Object.values(controlTokens);

const controlIds = ({ turnStartId, endOfTurnId, thinkOpenId, thinkCloseId }: Tokenizer) => [
  turnStartId,
  endOfTurnId,
  thinkOpenId,
  thinkCloseId,
];

describe("characterTokenizerJson", () => {
  const digits = loadTokenizer(characterTokenizerJson("0123456789+="));

  test("gives each character a token: unknown, line feed, then the alphabet", () => {
    assert.deepEqual([...digits.encode("12+3=\n")], [3, 4, 12, 5, 13, 1]);
    assert.equal(digits.decode([3, 4, 12, 5, 13, 1]), "12+3=\n");
  });

  test("puts the control tokens and the roles after the characters, and fills up to 64", () => {
    assert.deepEqual(controlIds(digits), [14, 15, 16, 17]);
    assert.deepEqual(["system", "user", "assistant", "<|reserved_0|>", "<|reserved_42|>"].map(digits.addedTokenId), [18, 19, 20, 21, 63]);
    assert.equal(digits.vocabSize, 64);
  });

  test("takes the vocabulary size that is asked for, or says what it needs", () => {
    assert.equal(loadTokenizer(characterTokenizerJson("ab", { vocabSize: 12 })).vocabSize, 12);
    assert.throws(
      () => characterTokenizerJson("abc", { vocabSize: 8 }),
      (error) => error instanceof ConfigError && /take 12 tokens, got 8/.test(error.message),
    );
  });

  test("refuses a character outside the alphabet, naming it", () => {
    assert.throws(
      () => digits.encode("1 + é1"),
      (error) => error instanceof DataError && error.message.includes('got " " "é" in "1 + é1"'),
    );
  });

  test("takes a character outside the basic plane as one token", () => {
    const tokenizer = loadTokenizer(characterTokenizerJson("a😀"));
    assert.deepEqual([...tokenizer.encode("😀a😀")], [3, 2, 3]);
    assert.equal(tokenizer.decode([3, 2]), "😀a");
  });
});

describe("byteTokenizerJson", () => {
  const bytes = loadTokenizer(byteTokenizerJson());

  test("gives each byte of UTF-8 the token of its value", () => {
    assert.deepEqual([...bytes.encode("aé \n\0")], [...Buffer.from("aé \n\0")]);
    assert.deepEqual(controlIds(bytes), [256, 257, 258, 259]);
  });

  test("keeps any text, control tokens spelled out included", () => {
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(...controls, "user", "<|reserved_3|>", "  \r\n\t"));
    fc.assert(
      fc.property(fc.array(text), (parts) => {
        const whole = parts.join("").toWellFormed();
        const tokens = bytes.encode(whole);
        assert.deepEqual([...tokens], [...Buffer.from(whole)]);
        assert.equal(bytes.decode(tokens), whole);
      }),
      { seed: 3 },
    );
  });

  test("decodes bytes that are no text, and ids that are no token, without failing", () => {
    assert.equal(bytes.decode([255, 97, 319, 320, 9999]), "\ufffda<|reserved_56|>");
    assert.equal(loadTokenizer(characterTokenizerJson("1")).decode([2, 9999, 2]), "11");
    assert.equal(bytes.decode([]), "");
  });
});

describe("loadTokenizer", () => {
  test("merges as a byte-pair model of someone else does", () => {
    // "low" and "er" by merges, in their order of rank; "e" "s" stay apart.
    const vocab = { l: 0, o: 1, w: 2, e: 3, r: 4, s: 5, lo: 6, low: 7, er: 8 };
    const model = { type: "BPE", vocab, merges: ["l o", "lo w", "e r"] };
    const tokenizer = loadTokenizer(tokenizerJson(model, { addedTokens: added(controls, 9) }));
    assert.deepEqual([...tokenizer.encode("loweres")], [7, 8, 3, 5]);
    assert.equal(tokenizer.decode([7, 8, 9, 3]), "lower<|im_start|>e");
    assert.equal(tokenizer.vocabSize, 13);
  });

  test("keeps spelled-out control tokens text, even where the file marks them as ordinary or lists them as words", () => {
    const characters = [...new Set([...controls.join(""), "a"])];
    const words = Object.fromEntries([...characters, ...controls].map((content, id) => [content, id]));
    const first = characters.length;
    const model = { type: "BPE", vocab: words, merges: [], ignore_merges: true };
    for (const special of [true, false]) {
      const tokenizer = loadTokenizer(tokenizerJson(model, { addedTokens: added(controls, first, special) }));
      for (const control of controls) {
        assert.deepEqual(
          [...tokenizer.encode(control)],
          [...control].map((c) => words[c]),
          control,
        );
        assert.deepEqual(
          [...tokenizer.encode(`a${control}a`)].filter((id) => id >= first),
          [],
        );
      }
    }
  });

  test("keeps them text in word-piece and unigram models too", () => {
    const pieces = ["[UNK]", ...new Set(controls.join("")), ...controls];
    const wordPiece = {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "",
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
    };
    const unigram = { type: "Unigram", unk_id: 0, vocab: pieces.map((piece) => [piece, piece.length > 1 ? -1 : -5]) };
    for (const model of [wordPiece, unigram]) {
      const tokenizer = loadTokenizer(tokenizerJson(model, { addedTokens: added(controls, pieces.length - 4) }));
      for (const control of controls)
        assert.deepEqual(
          [...tokenizer.encode(control)],
          [...control].map((c) => pieces.indexOf(c)),
          model.type,
        );
    }
  });

  test("still merges added tokens that are ordinary words", () => {
    const model = { type: "BPE", vocab: { a: 0, b: 1 }, merges: [] };
    const tokenizer = loadTokenizer(tokenizerJson(model, { addedTokens: [...added(controls, 2), ...added(["ab"], 6, false)] }));
    assert.deepEqual([...tokenizer.encode("aabb")], [0, 6, 1]);
  });

  test("names the control tokens that are missing and what to do", () => {
    const json = tokenizerJson({ type: "BPE", vocab: { a: 0 }, merges: [] }, { addedTokens: added(["<|im_start|>", "<think>"], 1) });
    assert.throws(
      () => loadTokenizer(json, "m/tokenizer.json"),
      (error) => {
        assert.ok(error instanceof CheckpointError);
        assert.match(error.message, /^"m\/tokenizer.json": .*missing <\|im_end\|> <\/think>; add them there/);
        return true;
      },
    );
  });

  test("refuses what is no tokenizer.json", () => {
    for (const text of ["", "[]", "{}", '{"model":{"vocab":3}}', '{"model":{"type":"BPE","vocab":{"a":"b"}}}']) {
      assert.throws(() => loadTokenizer(text), CheckpointError, text);
    }
    const unknownModel = tokenizerJson(
      { type: "Other", vocab: { a: 0 } },
      { addedTokens: added(controls, 1), preTokenizer: { type: "Other" } },
    );
    assert.throws(() => loadTokenizer(unknownModel), /could not be built/);
  });
});
