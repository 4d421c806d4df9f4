// Which language a text is in, always the same for the same text. The script of most letters decides where one language uses it;
// within a script that several share, trigram statistics (franc, after Cavnar and Trenkle 1994) and how many words are
// function words of a language. Languages are those that both franc and langdetect know, which IFEval checks with, by ISO 639-1 code.

import { francAll } from "franc";

import { functionWords } from "./functionWords.ts";

/** Below it nothing is said: a name or an interjection is at home in many languages. */
const minLetters = 8;
/** Of a script in which one sign is a syllable or a word, so few will do. */
const minSigns = 2;
/** Trigram statistics look at so much at a time, and at so many places, evenly spread. */
const maxWindowChars = 2000;
const maxWindows = 16;
/** What a text of nothing but function words adds to a likeness, which is at most 1. Of 0.5, 1, 1.5 and 2 the best on English sentences. */
const functionWordWeight = 1.5;

/** The language of a text, or why it cannot be told. */
export type Detected = { readonly kind: "language"; readonly language: string } | { readonly kind: "unknown"; readonly why: string };

/** ISO 639-1 code to franc's, by script. One language in a script needs no statistics. */
const scripts: Readonly<Record<string, { readonly letters: RegExp; readonly languages: Readonly<Record<string, string>> }>> = {
  Latin: {
    letters: /\p{Script=Latin}/gu,
    languages: {
      ...{ af: "afr", ca: "cat", cs: "ces", da: "dan", de: "deu", en: "eng", es: "spa", fi: "fin", fr: "fra" },
      ...{ hr: "hrv", hu: "hun", id: "ind", it: "ita", lt: "lit", lv: "lvs", nl: "nld", no: "nob", pl: "pol", pt: "por", ro: "ron" },
      ...{ sk: "slk", sl: "slv", so: "som", sq: "als", sv: "swe", sw: "swh", tl: "tgl", tr: "tur", vi: "vie" },
    },
  },
  Cyrillic: { letters: /\p{Script=Cyrillic}/gu, languages: { bg: "bul", mk: "mkd", ru: "rus", uk: "ukr" } },
  Arabic: { letters: /\p{Script=Arabic}/gu, languages: { ar: "arb", fa: "pes", ur: "urd" } },
  Devanagari: { letters: /\p{Script=Devanagari}/gu, languages: { hi: "hin", mr: "mar", ne: "npi" } },
  Hebrew: { letters: /\p{Script=Hebrew}/gu, languages: { he: "heb" } },
  Greek: { letters: /\p{Script=Greek}/gu, languages: { el: "ell" } },
  Bengali: { letters: /\p{Script=Bengali}/gu, languages: { bn: "ben" } },
  Gujarati: { letters: /\p{Script=Gujarati}/gu, languages: { gu: "guj" } },
  Gurmukhi: { letters: /\p{Script=Gurmukhi}/gu, languages: { pa: "pan" } },
  Tamil: { letters: /\p{Script=Tamil}/gu, languages: { ta: "tam" } },
  Telugu: { letters: /\p{Script=Telugu}/gu, languages: { te: "tel" } },
  Kannada: { letters: /\p{Script=Kannada}/gu, languages: { kn: "kan" } },
  Malayalam: { letters: /\p{Script=Malayalam}/gu, languages: { ml: "mal" } },
  Thai: { letters: /\p{Script=Thai}/gu, languages: { th: "tha" } },
  Hangul: { letters: /\p{Script=Hangul}/gu, languages: { ko: "kor" } },
  "Han and Kana": { letters: /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu, languages: { ja: "jpn", zh: "cmn" } },
};

/** ISO 639-1 codes of the languages that can be told apart. */
export const knownLanguages: readonly string[] = Object.values(scripts)
  .flatMap(({ languages }) => Object.keys(languages))
  .sort();

/** The language of `text`, in time proportional to its length. */
export function languageOf(text: string): Detected {
  const counts = Object.entries(scripts).map(([script, { letters }]) => ({ script, count: text.match(letters)?.length ?? 0 }));
  const { script, count } = counts.reduce((most, each) => (each.count > most.count ? each : most));
  const enough = script === "Han and Kana" || script === "Hangul" ? minSigns : minLetters;
  if (count < enough) return { kind: "unknown", why: `${count} letters of one script are too few to tell a language by` };
  if (script === "Han and Kana") return { kind: "language", language: isJapanese(text, count) ? "ja" : "zh" };
  const { languages } = scripts[script]!;
  const codes = Object.keys(languages);
  return { kind: "language", language: codes.length === 1 ? codes[0]! : mostLikely(text, languages) };
}

/** Japanese mixes kana into every sentence; a Chinese text may quote a few. */
function isJapanese(text: string, signs: number): boolean {
  const kana = text.match(/[\p{Script=Hiragana}\p{Script=Katakana}]/gu)?.length ?? 0;
  return kana / signs > 0.1;
}

/** The language that wins most of the windows, weighed by how clearly. Ties go to the first in order of code. */
function mostLikely(text: string, languages: Readonly<Record<string, string>>): string {
  const only = Object.values(languages);
  const scores = new Map(Object.keys(languages).map((code) => [code, 0]));
  for (const window of windowsOf(text)) {
    const likeness = new Map(francAll(window, { only, minLength: 1 }));
    for (const [code, name] of Object.entries(languages)) scores.set(code, scores.get(code)! + (likeness.get(name) ?? 0));
  }
  const words =
    text
      .slice(0, maxWindowChars * maxWindows)
      .toLowerCase()
      .match(/[\p{L}\p{M}]+/gu) ?? [];
  for (const [code, own] of Object.entries(functionWords)) {
    if (!scores.has(code) || words.length === 0) continue;
    const share = words.filter((word) => own.has(word)).length / words.length;
    scores.set(code, scores.get(code)! + functionWordWeight * share * windowsOf(text).length);
  }
  return [...scores].sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1))[0]![0];
}

function windowsOf(text: string): string[] {
  const count = Math.min(maxWindows, Math.ceil(text.length / maxWindowChars));
  return Array.from({ length: count }, (_, i) => {
    const start = Math.floor((i * text.length) / count);
    return text.slice(start, start + maxWindowChars);
  });
}
