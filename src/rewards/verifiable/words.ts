// Words and other pieces of text, for measures of length and repetition. A word is a run of letters, marks and digits, with
// apostrophes and hyphens inside; a sign of Han, kana or Thai, which are written without blanks, is a word of its own.

const unspaced = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}`;
const letter = String.raw`[[\p{L}\p{M}\p{N}_]--[${unspaced}]]`;
const word = new RegExp(`[${unspaced}]|${letter}+(?:['’\\-]${letter}+)*`, "gv");
/** Besides words, each other sign is a piece; a rule of equal signs across the page is one. */
const piece = new RegExp(String.raw`[${unspaced}]|${letter}+|[\-=_*#~]{2,120}|\S`, "gv");
/** How byte-level BPE tokenizers cut text before they merge (after GPT-4's pattern): a lower bound of their tokens, near it for English. */
const preToken = /'(?:[sdmt]|ll|ve|re)|[^\p{L}\p{N}\r\n]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+/giu;

export function countWords(text: string): number {
  return text.match(word)?.length ?? 0;
}

export function countPreTokens(text: string): number {
  return text.match(preToken)?.length ?? 0;
}

/** Words and signs, in lower case. */
export function piecesOf(text: string): string[] {
  return text.toLowerCase().match(piece) ?? [];
}
