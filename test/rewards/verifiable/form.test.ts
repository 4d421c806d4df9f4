// The verifiers of form that measure text: length, repetition, language, and the pieces they count with.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { language, maxTextChars as maxLanguageChars } from "../../../src/rewards/verifiable/language.ts";
import { knownLanguages, languageOf } from "../../../src/rewards/verifiable/languageOf.ts";
import { length, maxTextChars as maxLengthChars } from "../../../src/rewards/verifiable/length.ts";
import { maxTextChars as maxRepetitionChars, repetition } from "../../../src/rewards/verifiable/repetition.ts";
import { countSentences } from "../../../src/rewards/verifiable/sentences.ts";
import { countPreTokens, countWords, piecesOf } from "../../../src/rewards/verifiable/words.ts";
import { cpuMsOf } from "../../support/cpuTime.ts";
import { scoreOf, verdictOf } from "./verdictOf.ts";

describe("countWords", () => {
  for (const [text, count] of [
    ["", 0],
    ["one, two; three.", 3],
    ["it's a well-known fact", 4],
    ["naïve café über", 3],
    ["हिन्दी भाषा", 2],
    ["我不知道", 4],
    ["3.5 km", 3],
    ["-- ' -", 0],
  ] as const) {
    test(`finds ${count} in ${JSON.stringify(text)}`, () => assert.equal(countWords(text), count));
  }
});

describe("countSentences", () => {
  for (const [text, count] of [
    ["", 0],
    [" \n", 0],
    ["No stop", 1],
    ["One. Two! Three?", 3],
    ["Dr. Lee met Mr. Wu at 5 p.m. on Monday.", 1],
    ["It was late, e.g. at 5 p.m. The shop was closed.", 2],
    ["It costs 3.50 euros. Cheap.", 2],
    ['He said "Go." Then he left.', 2],
    ["Really?! Yes... maybe.", 2],
    ["Wait... The end.", 2],
    ["J. R. Smith wrote it. We read it.", 2],
    ["See example.com for more. Or not.", 2],
    ["One line\nand its rest. Two.", 2],
    ["他来了。我走了！好吗？", 3],
  ] as const) {
    test(`finds ${count} in ${JSON.stringify(text)}`, () => assert.equal(countSentences(text), count));
  }
});

describe("piecesOf and countPreTokens", () => {
  test("take signs as pieces and a rule across the page as one", () => {
    assert.deepEqual(piecesOf("No, no!\n======="), ["no", ",", "no", "!", "======="]);
    assert.deepEqual(piecesOf("!!!"), ["!", "!", "!"]);
  });

  test("cut as byte-level tokenizers do: the blank goes with the word, digits by three", () => {
    assert.equal(countPreTokens("Hello world, 12345 it's"), 8); // Hello| world|,| |123|45| it|'s
  });
});

describe("length", () => {
  const score = (reference: object, answer: string, thinking = "") => scoreOf(length, { reference: reference as never, answer, thinking });

  test("holds both bounds, inclusive", async () => {
    const reference = { unit: "words", min: 2, max: 3 };
    const scores = ["a", "a b", "a b c", "a b c d"].map((answer) => score(reference, answer));
    assert.deepEqual(await Promise.all(scores), [0, 1, 1, 0]);
  });

  test("falls evenly over the margin, on both sides", async () => {
    const reference = { unit: "characters", min: 4, max: 5, margin: 3 };
    const scores = ["", "a", "aa", "aaa", "aaaa", "aaaaa", "aaaaaa", "aaaaaaa", "a".repeat(8), "a".repeat(9)].map((answer) =>
      score(reference, answer),
    );
    assert.deepEqual(await Promise.all(scores), [0, 0.25, 0.5, 0.75, 1, 1, 0.75, 0.5, 0.25, 0]);
  });

  test("measures thinking where it is asked to, and lets it be absent without a least", async () => {
    const reference = { unit: "words", max: 2, of: "thinking" };
    assert.deepEqual(
      await Promise.all([score(reference, "a b c", ""), score(reference, "a", "b c"), score(reference, "a", "b c d")]),
      [1, 1, 0],
    );
    assert.equal(await score({ unit: "words", min: 1, of: "thinking" }, "a", " "), 0);
  });

  test("scores 0 beyond its cap", async () => {
    const verdict = await verdictOf(length, { reference: { unit: "words", max: 2 }, answer: "a".repeat(maxLengthChars + 1) });
    assert.match(verdict.kind === "scored" && verdict.score === 0 ? verdict.evidence : "", /cap of 262144/);
  });
});

describe("repetition", () => {
  const components = async (reference: object, answer: string): Promise<Record<string, number>> => {
    const verdict = await verdictOf(repetition, { reference: reference as never, answer });
    assert.ok(verdict.kind === "scored");
    return { score: verdict.score, ...verdict.components };
  };

  test("matches the hand-worked measures", async () => {
    // a b a b a c: bigrams ab ba ab ba ac, 3 of 5 unique; "a b" follows itself twice, and "b a" too.
    assert.deepEqual(await components({ n: 2, maxShare: 0.4, maxRun: 2 }, "a b a b a c"), {
      score: 1,
      repeatedShare: 1 - 3 / 5,
      longestRun: 2,
    });
    assert.deepEqual(await components({ n: 2, maxShare: 0.39 }, "a b a b a c"), { score: 0, repeatedShare: 1 - 3 / 5, longestRun: 2 });
    assert.deepEqual(await components({ n: 2, score: "distinct" }, "a b a b a c"), {
      score: 3 / 5,
      repeatedShare: 1 - 3 / 5,
      longestRun: 2,
    });
  });

  test("sees a phrase that repeats, and a text that has just collapsed", async () => {
    assert.equal((await components({}, `${"so we wait and ".repeat(17)}`))["longestRun"], 17);
    assert.equal((await components({}, "Good start. ".concat("!".repeat(200))))["score"], 0);
    assert.equal((await components({}, `Title\n${"=".repeat(80)}\nWe went to the sea and swam.`))["score"], 1);
  });

  test("never calls a text of different words repetitive", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 50 }), async (words) => {
        assert.deepEqual(await components({ n: 1, maxShare: 0, maxRun: 1 }, words.join(" ")), {
          score: 1,
          repeatedShare: 0,
          longestRun: 1,
        });
      }),
      { seed: 2, numRuns: 100 },
    );
  });

  test("scores 0 beyond its cap, and is fast up to it", async () => {
    for (const unit of ["a ", "ab cd ", "!", "的"]) {
      const answer = unit.repeat(maxRepetitionChars / unit.length);
      const cpuMs = await cpuMsOf(async () => assert.equal(await scoreOf(repetition, { reference: {}, answer }), 0));
      assert.ok(cpuMs < 1500, unit);
    }
    assert.equal(await scoreOf(repetition, { reference: {}, answer: "a".repeat(maxRepetitionChars + 1) }), 0);
  });
});

/** One short text in each language that can be told. */
const texts: Readonly<Record<string, string>> = {
  af: "Ek weet nie wat om te doen nie, maar ons sal sien.",
  ar: "لا أعرف ماذا أفعل الآن ولكن سنرى",
  bg: "Не знам какво да правя сега, но ще видим.",
  bn: "আমি জানি না কি করতে হবে",
  ca: "No sé què he de fer amb això, però ja ho veurem.",
  cs: "Nevím, co mám dělat, ale uvidíme, jak to bude.",
  da: "Jeg ved ikke, hvad jeg skal gøre, men det bliver nok godt.",
  de: "Das Wetter ist heute schön.",
  el: "Δεν ξέρω τι να κάνω.",
  en: "I do not know what to do.",
  es: "¿Dónde está la biblioteca de la ciudad?",
  fa: "من نمی‌دانم چه کار کنم اما خواهیم دید",
  fi: "En tiedä mitä minun pitäisi tehdä.",
  fr: "Bonjour, comment allez-vous ?",
  gu: "મને ખબર નથી કે શું કરવું",
  he: "אני לא יודע מה לעשות",
  hi: "मुझे नहीं पता कि क्या करना है",
  hr: "Ne znam što da radim, ali vidjet ćemo kako će biti.",
  hu: "Nem tudom, mit tegyek, de majd meglátjuk.",
  id: "Saya tidak tahu harus berbuat apa.",
  it: "Buongiorno, come posso aiutarti oggi?",
  ja: "何をすればいいのかわかりません。",
  kn: "ನನಗೆ ಏನು ಮಾಡಬೇಕೆಂದು ತಿಳಿದಿಲ್ಲ",
  ko: "무엇을 해야 할지 모르겠어요.",
  lt: "Aš nežinau, ką daryti, bet pamatysime.",
  lv: "Es nezinu, ko darīt, bet mēs redzēsim.",
  mk: "Не знам што да правам сега, но ќе видиме.",
  ml: "എന്തു ചെയ്യണമെന്ന് എനിക്കറിയില്ല",
  mr: "मला काय करावे हे माहित नाही",
  ne: "मलाई के गर्ने थाहा छैन",
  nl: "Goedemorgen, hoe gaat het vandaag met je?",
  no: "Jeg vet ikke hva jeg skal gjøre, men det blir nok bra.",
  pa: "ਮੈਨੂੰ ਨਹੀਂ ਪਤਾ ਕੀ ਕਰਨਾ ਹੈ",
  pl: "Nie wiem, co mam robić, ale zobaczymy.",
  pt: "Não sei o que fazer agora, mas vamos ver.",
  ro: "Nu știu ce să fac, dar vom vedea.",
  ru: "Я не знаю, что делать.",
  sk: "Neviem, čo mám robiť, ale uvidíme, ako to bude.",
  sl: "Ne vem, kaj naj naredim, ampak bomo videli.",
  so: "Ma garanayo waxa aan sameeyo laakiin waan arki doonaa.",
  sq: "Nuk e di se çfarë të bëj, por do ta shohim.",
  sv: "Jag vet inte vad jag ska göra, men det blir nog bra.",
  sw: "Sijui la kufanya, lakini tutaona kesho asubuhi.",
  ta: "எனக்கு என்ன செய்வது என்று தெரியவில்லை",
  te: "ఏమి చేయాలో నాకు తెలియదు",
  th: "ฉันไม่รู้ว่าจะทำอย่างไร",
  tl: "Hindi ko alam kung ano ang gagawin ko.",
  tr: "Ne yapacağımı bilmiyorum ama bir yolunu bulacağız.",
  uk: "Я не знаю, що робити.",
  ur: "مجھے نہیں معلوم کہ کیا کروں لیکن دیکھیں گے",
  vi: "Tôi không biết phải làm gì.",
  zh: "我不知道该怎么办。",
};

describe("languageOf", () => {
  test("has a text here for each language", () => assert.deepEqual(Object.keys(texts), knownLanguages));

  for (const [code, text] of Object.entries(texts)) {
    test(`tells ${code}`, () => assert.deepEqual(languageOf(text), { kind: "language", language: code }));
  }

  test("does not depend on letter case", () => assert.deepEqual(languageOf(texts["en"]!.toUpperCase()), languageOf(texts["en"]!)));

  test("tells the language of most of a text, wherever the other stands", () => {
    const mostly = texts["de"]!.repeat(200);
    assert.deepEqual(languageOf(`${texts["en"]!.repeat(20)}${mostly}`), { kind: "language", language: "de" });
    assert.deepEqual(languageOf(`${mostly}${texts["en"]!.repeat(20)}`), { kind: "language", language: "de" });
  });

  test("does not guess from a few letters, digits or signs", () => {
    for (const text of ["", "ok", "12345", "!?", "中", "<<>>", "a.b.c"]) assert.equal(languageOf(text).kind, "unknown", text);
  });
});

describe("language", () => {
  const score = (of: string, answer: string, thinking: string) =>
    scoreOf(language, { reference: { language: "fr", of }, answer, thinking });

  test("looks at the part that is asked about", async () => {
    const [fr, en] = [texts["fr"]!, texts["en"]!];
    assert.deepEqual(await Promise.all([score("answer", fr, en), score("thinking", en, fr), score("both", fr, fr)]), [1, 1, 1]);
    assert.deepEqual(
      await Promise.all([score("answer", en, fr), score("thinking", fr, en), score("both", fr, en), score("both", en, fr)]),
      [0, 0, 0, 0],
    );
    assert.deepEqual(await Promise.all([score("both", fr, ""), score("thinking", en, " "), score("answer", "", fr)]), [1, 1, 0]);
  });

  test("scores 0 beyond its cap", async () => assert.equal(await score("answer", texts["fr"]!.repeat(maxLanguageChars / 20), ""), 0));
});
