import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Json } from "../../../src/base/json.ts";
import { instructionTable } from "../../../src/rewards/verifiable/instructions/table.ts";
import { instructions, maxAnswerChars } from "../../../src/rewards/verifiable/instructions.ts";
import { scoreOf, verdictOf } from "./verdictOf.ts";

interface Example {
  readonly kwargs: Json;
  readonly follows: readonly string[];
  readonly breaks: readonly string[];
}

const english = "the ship left the harbour before the storm and we waited for it at the pier";

/** By id. What is at the edge of each: one less, one more, the mark without its content, the same in another case. */
const examples: Readonly<Record<string, readonly Example[]>> = {
  "change_case:capital_word_frequency": [
    {
      kwargs: { capital_frequency: 3, capital_relation: "at least" },
      follows: ["NASA and ESA met I think", "WELL-KNOWN U.S. A", "DON'T A", "(ONE) *TWO* THREE!"],
      breaks: ["NASA and ESA met", "WELL-KNOWN U.S. b", "Nasa Esa Jaxa", "CAN't A", "1 2 3"],
    },
    { kwargs: { capital_frequency: 1, capital_relation: "less than" }, follows: ["none here"], breaks: ["One OK"] },
  ],
  "change_case:english_capital": [
    {
      kwargs: {},
      follows: [english.toUpperCase(), `${english.toUpperCase()}! 42`],
      breaks: [english, `${english.toUpperCase()} a`, "42 7 9 11", "DAS SCHIFF VERLIESS DEN HAFEN VOR DEM STURM UND WIR WARTETEN"],
    },
  ],
  "change_case:english_lowercase": [
    {
      kwargs: {},
      follows: [english, `${english}, 42 times.`],
      breaks: [english.toUpperCase(), `${english} I`, "1234", "das schiff verließ den hafen vor dem sturm und wir haben auf es gewartet"],
    },
  ],
  "combination:repeat_prompt": [
    {
      kwargs: { prompt_to_repeat: "Name a river.\nThen stop." },
      follows: ["Name a river.\nThen stop.\n\nThe Elbe.", "  name a RIVER.\nthen stop. Elbe"],
      breaks: ["Sure: Name a river.\nThen stop.", "Name a river. Then stop. Elbe", "The Elbe."],
    },
  ],
  "combination:two_responses": [
    {
      kwargs: {},
      follows: ["one\n******\ntwo", "******one******two******", "one ****** two"],
      breaks: ["one", "one******one", "one\n******\n one ", "one************two", "a******b******c", "one *** two", "******"],
    },
  ],
  "detectable_content:number_placeholders": [
    {
      kwargs: { num_placeholders: 2 },
      follows: ["[name] of [town]", "[a][b]", "[[a] [b]", "[][]"],
      breaks: ["[name]", "[a\nb] [c]", "(a) (b)", "]a[ ]b["],
    },
  ],
  "detectable_content:postscript": [
    {
      kwargs: { postscript_marker: "P.S." },
      follows: ["Bye.\nP.S. call me", "p.s. x", "P. S. x"],
      breaks: ["Bye.", "PS: call me", "P.S call"],
    },
    { kwargs: { postscript_marker: "P.P.S" }, follows: ["P.P.S. x", "p.p.s x", "P. P. S x"], breaks: ["P.S. x", "PPS x"] },
    { kwargs: { postscript_marker: "N.B. (late)" }, follows: ["n.b. (late) x"], breaks: ["N.B. late"] },
  ],
  "detectable_format:constrained_response": [
    {
      kwargs: {},
      follows: ["My answer is yes.", "I thought. My answer is maybe."],
      breaks: ["My answer is yes", "my answer is no.", "Yes."],
    },
  ],
  "detectable_format:json_format": [
    {
      kwargs: {},
      follows: ['{"a": [1]}', '```json\n{"a": 1}\n```', "```\n[1]\n```", " 5 ", "```JSON\n{}```"],
      breaks: ["{a: 1}", 'Here: {"a": 1}', '{"a": 1,}', '```js\n{"a": 1}\n```', "", "```"],
    },
  ],
  "detectable_format:multiple_sections": [
    {
      kwargs: { section_spliter: "Section", num_sections: 2 },
      follows: ["Section 1\na\nSection 2\nb", "Section1 a Section 2 b Section 3"],
      breaks: ["Section 1\na", "SECTION 1\na\nSECTION 2\nb", "Section one\nSection two"],
    },
    { kwargs: { section_spliter: "Part (x)", num_sections: 1 }, follows: ["Part (x) 1"], breaks: ["Part x 1"] },
  ],
  "detectable_format:number_bullet_lists": [
    {
      kwargs: { num_bullets: 2 },
      follows: ["* a\n* b", "- a\n  - b", "intro\n\n* a\n- b\n\nend", "*a\n*b"],
      breaks: ["* a", "* a\n* b\n* c", "* a\n**b** is bold", "1. a\n2. b", "a * b\nc - d"],
    },
  ],
  "detectable_format:number_highlighted_sections": [
    {
      kwargs: { num_highlights: 2 },
      follows: ["*a* and *b*", "**a** and *b*", "**a** **b**"],
      breaks: ["*a*", "**a**", "** ** and * *", "*a\nb* and *c*", "a * b"],
    },
  ],
  "detectable_format:title": [
    {
      kwargs: {},
      follows: ["<<Sea>>\ntext", "a <<b>> c", "<<<x>>>"],
      breaks: ["<Sea>", "<<>>", "<< >>", "<<<>>>", "<<a\nb>>", ">>a<<", "Sea"],
    },
  ],
  "keywords:existence": [
    { kwargs: { keywords: ["sun", "c++"] }, follows: ["Sunny C++", "c++ under the SUN"], breaks: ["sun", "C++", "sun ccc", ""] },
  ],
  "keywords:forbidden_words": [
    {
      kwargs: { forbidden_words: ["rock", "über"] },
      follows: ["rocky shore", "süß", "überall"],
      breaks: ["a Rock.", "rock", "ÜBER alles", "hard-rock"],
    },
  ],
  "keywords:frequency": [
    {
      kwargs: { keyword: "tea", frequency: 2, relation: "at least" },
      follows: ["tea, Tea", "teatea", "steam tea"],
      breaks: ["tea", "coffee"],
    },
    { kwargs: { keyword: "tea", frequency: 2, relation: "less than" }, follows: ["tea", "none"], breaks: ["tea TEA", "tea tea tea"] },
  ],
  "keywords:letter_frequency": [
    { kwargs: { letter: "Q", let_frequency: 2, let_relation: "at least" }, follows: ["q Q"], breaks: ["q", "none"] },
    { kwargs: { letter: "!", let_frequency: 1, let_relation: "less than" }, follows: ["calm"], breaks: ["wow!"] },
  ],
  "language:response_language": [
    {
      kwargs: { language: "de" },
      follows: ["Das Schiff verließ den Hafen vor dem Sturm, und wir warteten am Kai."],
      breaks: [english, "Le bateau a quitté le port avant la tempête et nous avons attendu.", "123", "!"],
    },
    { kwargs: { language: "ko" }, follows: ["배가 항구를 떠났습니다."], breaks: ["船が港を出ました。", "the ship left the harbour"] },
  ],
  "length_constraints:nth_paragraph_first_word": [
    {
      kwargs: { num_paragraphs: 2, nth_paragraph: 2, first_word: "Well" },
      follows: ["One.\n\nWell, two.", 'One.\n\n\n\n"well" two', "One.\n\nWELL"],
      breaks: ["Well.\n\nTwo.", "One.\n\nWell.\n\nThree.", "One.\nWell", "One.\n\nWelling", "One."],
    },
  ],
  "length_constraints:number_paragraphs": [
    {
      kwargs: { num_paragraphs: 2 },
      follows: ["a\n***\nb", "***\na\n***\nb\n***", "a***b"],
      breaks: ["a", "a\n***\n***\nb", "a\n***\nb\n***\nc", "a\n\nb"],
    },
  ],
  "length_constraints:number_sentences": [
    {
      kwargs: { num_sections: null, num_sentences: 3, relation: "at least" },
      follows: ["One. Two! Three?", "Dr. Lee came. He sat. He left.", "它来了。它走了。好。"],
      breaks: ["One. Two.", "Mr. and Mrs. Lee met Dr. Wu at 3.5 miles, e.g. here. Bye.", "one, two, three"],
    },
    { kwargs: { num_sentences: 2, relation: "less than" }, follows: ["One only."], breaks: ["One. Two."] },
  ],
  "length_constraints:number_words": [
    {
      kwargs: { num_words: 4, relation: "at least" },
      follows: ["one two three four", "it's re-used", "ein zwei drei für"],
      breaks: ["one two three", "one, two; - three!"],
    },
    { kwargs: { num_words: 4, relation: "less than" }, follows: ["one two three"], breaks: ["one two three four"] },
  ],
  "punctuation:no_comma": [{ kwargs: {}, follows: ["one; two", "，"], breaks: ["one, two", "1,000"] }],
  "startend:end_checker": [
    {
      kwargs: { end_phrase: "That is all." },
      follows: ["Done. That is all.", "THAT IS ALL. \n", '"Done. That is all."'],
      breaks: ["That is all. Bye.", "That is all", "That is all.*"],
    },
  ],
  "startend:quotation": [{ kwargs: {}, follows: ['"All of it."', ' "a" and "b" '], breaks: ['"', '"a', 'a"', "'a'", "“a”"] }],
};

const one = (id: string, kwargs: Json, rest: Record<string, Json> = {}): Json => ({ instruction_id_list: [id], kwargs: [kwargs], ...rest });
const score = (reference: Json, answer: string) => scoreOf(instructions, { reference, answer });

describe("each instruction", () => {
  test("has examples here, and is one of the 25 that are published", () => {
    assert.deepEqual(Object.keys(examples), [...instructionTable.keys()]);
    assert.equal(instructionTable.size, 25);
  });

  for (const [id, list] of Object.entries(examples)) {
    test(`${id} tells what follows it from what does not`, async () => {
      for (const { kwargs, follows, breaks } of list) {
        for (const answer of follows) assert.equal(await score(one(id, kwargs), answer), 1, JSON.stringify({ kwargs, answer }));
        for (const answer of breaks) assert.equal(await score(one(id, kwargs), answer), 0, JSON.stringify({ kwargs, answer }));
      }
    });

    test(`${id} is not followed by a blank answer`, async () => {
      for (const { kwargs } of list) assert.equal(await score(one(id, kwargs), " \n"), 0);
    });
  }
});

describe("instructions", () => {
  const two = { instruction_id_list: ["punctuation:no_comma", "startend:quotation"], kwargs: [{}, {}] };

  test("asks for all instructions, or pays the share that is followed", async () => {
    assert.equal(await score(two, '"a b"'), 1);
    assert.equal(await score(two, '"a, b"'), 0);
    assert.equal(await score({ ...two, score: "share" }, '"a, b"'), 0.5);
  });

  test("reports each instruction by itself, twice the same id included", async () => {
    const keyword = (word: string) => ({ keyword: word, frequency: 1, relation: "at least" });
    const reference = { instruction_id_list: ["keywords:frequency", "keywords:frequency"], kwargs: [keyword("sun"), keyword("sea")] };
    const verdict = await verdictOf(instructions, { reference, answer: "the sea" });
    assert.deepEqual(verdict, {
      kind: "scored",
      score: 0,
      evidence: 'not keywords:frequency: 0 times "sun", asked for at least 1; keywords:frequency: 1 times "sea", asked for at least 1',
      components: { "keywords:frequency": 0, "keywords:frequency#2": 1 },
    });
  });

  for (const [what, id, kwargs, answer] of [
    ["without the first line", "startend:quotation", {}, 'Sure:\n"a"'],
    ["without the last line", "startend:quotation", {}, '"a"\nHope it helps'],
    ["without both", "startend:quotation", {}, 'Sure:\n"a"\nHope it helps'],
    ["without asterisks", "startend:end_checker", { end_phrase: "The end." }, "Well. **The end.**"],
    ["without the last line and asterisks", "startend:end_checker", { end_phrase: "The end." }, "Well. *The end.*\nbye"],
  ] as const) {
    test(`looks at the response ${what} when it is loose, not when it is strict`, async () => {
      assert.equal(await score(one(id, kwargs), answer), 0);
      assert.equal(await score(one(id, kwargs, { mode: "loose" }), answer), 1);
    });
  }

  test("lets each instruction have its own variant when it is loose", async () => {
    // Quoted only without its first line, which alone holds the keyword.
    const reference = {
      instruction_id_list: ["startend:quotation", "keywords:existence"],
      kwargs: [{}, { keywords: ["sure"] }],
      mode: "loose",
    };
    assert.equal(await score(reference, 'Sure:\n"a"'), 1);
  });

  test("does not call a variant that is blank followed", async () => {
    assert.equal(await score(one("punctuation:no_comma", {}, { mode: "loose" }), "a, b"), 0);
  });

  test("reads rows as they are published: key, prompt, and nulls for the arguments of other instructions", async () => {
    const row = {
      key: 12,
      prompt: "Write a line without commas.",
      instruction_id_list: ["punctuation:no_comma", "length_constraints:number_words"],
      kwargs: [
        { num_words: null, relation: null },
        { num_words: 2, relation: "at least", keywords: null },
      ],
    };
    assert.equal(await score(row, "two words"), 1);
  });

  test("repeats the row's prompt where no other is given", async () => {
    const reference = one("combination:repeat_prompt", {}, { prompt: "Name a sea." });
    assert.equal(await score(reference, "Name a sea. The Baltic."), 1);
    assert.equal(await score(reference, "The Baltic."), 0);
  });

  for (const [what, reference] of [
    ["an id that is not published", one("keywords:nothing", {})],
    ["an id that every object has", one("constructor", {})],
    ["__proto__ as an id", one("__proto__", {})],
    ["a missing argument", one("length_constraints:number_words", { num_words: 5 })],
    ["a null argument", one("length_constraints:number_words", { num_words: 5, relation: null })],
    ["an argument of another instruction", one("punctuation:no_comma", { num_words: 5 })],
    ["an unknown relation", one("length_constraints:number_words", { num_words: 5, relation: "at most" })],
    ["a count below 0", one("detectable_format:number_bullet_lists", { num_bullets: -1 })],
    ["no prompt to repeat", one("combination:repeat_prompt", {})],
    ["a blank prompt to repeat", one("combination:repeat_prompt", { prompt_to_repeat: " " })],
    ["no keywords", one("keywords:existence", { keywords: [] })],
    ["a blank keyword", one("keywords:existence", { keywords: [" "] })],
    ["two letters for one", one("keywords:letter_frequency", { letter: "ab", let_frequency: 1, let_relation: "at least" })],
    ["an unknown language", one("language:response_language", { language: "tlh" })],
    [
      "a paragraph beyond the last",
      one("length_constraints:nth_paragraph_first_word", { num_paragraphs: 1, nth_paragraph: 2, first_word: "a" }),
    ],
    ["fewer kwargs than ids", { instruction_id_list: ["punctuation:no_comma"], kwargs: [] }],
    ["no instructions", { instruction_id_list: [], kwargs: [] }],
  ] as const) {
    test(`cannot score against ${what}`, async () => assert.equal(await score(reference, "an answer"), "reference"));
  }

  test("scores 0 beyond its cap, and says so", async () => {
    const verdict = await verdictOf(instructions, { reference: one("punctuation:no_comma", {}), answer: "a".repeat(maxAnswerChars + 1) });
    assert.deepEqual(verdict, { kind: "scored", score: 0, evidence: `the answer is beyond the cap of ${maxAnswerChars} characters` });
  });

  test("is fast on hostile answers of the longest length, all instructions at once", async () => {
    const ids = Object.keys(examples);
    const kwargs = Object.values(examples).map(([first]) => first!.kwargs);
    for (const unit of ["[", "*", "<", ">", "<<a>>\n", "-\n", "a.", "* x\n", '"', "\n", "P.", "Section 1", "n't ", "的"]) {
      const answer = `${unit.repeat(maxAnswerChars / 8 / unit.length)}x`.padStart(maxAnswerChars, unit);
      const reference = { instruction_id_list: ids, kwargs, mode: "loose" };
      const verdict = await verdictOf(instructions, { reference, answer });
      assert.equal(verdict.kind, "scored", `${JSON.stringify(unit)}: ${JSON.stringify(verdict)}`);
    }
  });
});
