// Where sentences end, by the rules of Punkt (Kiss and Strunk 2006, "Unsupervised Multilingual Sentence Boundary Detection"), which IFEval
// counts with. Its trained model is replaced by the lists below: English abbreviations, and words that usually start a sentence
// after one. The full stops of Chinese, Japanese and Hindi end sentences too. Line ends do not: they are blanks.

/** Abbreviations, without their last full stop, in lower case. */
const abbreviations = new Set(
  (
    "mr mrs ms dr prof st sr jr rev hon gen col capt lt sgt maj gov sen rep pres messrs mme mlle " +
    "e.g i.e vs cf al approx dept est fig figs no nos vol pp ed eds " +
    "inc ltd co corp bros u.s u.k u.n e.u d.c u.s.a p.s p.p.s ph.d m.d b.a m.a b.c a.d a.m p.m " +
    "jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri ave blvd rd mt ft"
  ).split(" "),
);

/** Words that, with a capital after an abbreviation, begin a sentence: they are seldom written so elsewhere. */
const starters = new Set(
  (
    "the a an this that these those it he she we they you his her its our their there here in on at for from with by as to of " +
    "and but or so if when while after before since because however also then although though what who how why where which " +
    "is are was were do does did can could will would should may might not no yes all some many most each every both"
  ).split(" "),
);

/** A token may end a sentence where one of these stands before its end or before one of `after`. */
const enders = /[.?!](?=[)";}\]*:@'({[!?]|$)|[。！？।]/u;

/** The number of sentences in `text`; 0 when it is blank. */
export function countSentences(text: string): number {
  const tokens = text.match(/\S+/g) ?? [];
  return tokens.reduce((count, token, i) => count + (i === tokens.length - 1 ? lastPart(token) : endsIn(token, tokens[i + 1]!)), 0);
}

/** Sentences that end in the last token: the one it closes, and those that end before its last ideographic full stop. */
function lastPart(token: string): number {
  return token.split(/[。！？।]+/u).filter((part) => /[\p{L}\p{N}]/u.test(part)).length || 1;
}

/** Sentences that end in `token`, which `next` follows. */
function endsIn(token: string, next: string): number {
  const ideographic = token.match(/[。！？।]+/gu)?.length ?? 0;
  if (ideographic > 0) return ideographic;
  const end = enders.exec(token);
  if (end === null) return 0;
  if (end[0] !== ".") return 1;
  const word = token.slice(0, end.index).replace(/^[^\p{L}\p{N}]+/u, "");
  if (word.endsWith(".") || token[end.index - 1] === ".") return startsSentence(next) ? 1 : 0;
  if (abbreviations.has(word.toLowerCase()) || /^\p{L}$/u.test(word)) return startsSentence(next) ? 1 : 0;
  if (/^[\d,.]+$/.test(word)) return /^\p{Ll}/u.test(next) ? 0 : 1;
  return 1;
}

function startsSentence(next: string): boolean {
  const word = /^[^\p{L}\p{N}]*(\p{Lu}\p{L}*)/u.exec(next)?.[1];
  return word !== undefined && starters.has(word.toLowerCase());
}
