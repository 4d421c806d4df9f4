// From LaTeX or plain notation to tokens: numbers, names, functions, words of text, and signs. Dressing (spaces, sizes, \left) is dropped.
// Commas between digits group thousands where LaTeX says so ({,} and ,\!), and also plain ones outside brackets when `commas` is "group".

import { parseNumber } from "../number.ts";
import type { Rational } from "../rational.ts";
import { Beyond, maxDigits, maxExponent, maxExpressionChars, maxNodes, Unreadable } from "./caps.ts";
import { functionWords, greekLetters, ignoredCommands, inAscii, nameWords, signCommands, textCommands } from "./commands.ts";
import { shortUnits } from "./units.ts";

export interface Token {
  readonly kind: "number" | "name" | "function" | "word" | "sign" | "end";
  readonly text: string;
  /** Of a number. */
  readonly value?: Rational;
  /** Whether a blank stood before it. */
  readonly spaced: boolean;
}

export interface Reading {
  readonly commas: "group" | "separate";
}

export function tokenize(source: string, { commas }: Reading): Token[] {
  if (source.length > maxExpressionChars) throw new Beyond(`${maxExpressionChars} characters for a final answer`);
  const lexer: Lexer = { text: respelled(inAscii(source)), at: 0, tokens: [], depth: 0, spaced: false, commas };
  while (lexer.at < lexer.text.length) {
    for (const token of scan(lexer)) push(lexer, token);
    if (lexer.tokens.length > maxNodes) throw new Beyond(`${maxNodes} tokens`);
  }
  return lexer.tokens;
}

/** Spellings that a tokenizer cannot tell by one token, in the usual notation. */
function respelled(text: string): string {
  return text
    .replace(/\{([^{}\\]*)\\over(?![a-zA-Z])([^{}\\]*)\}/g, "\\frac{$1}{$2}")
    .replace(/\{([^{}\\]*)\\choose(?![a-zA-Z])([^{}\\]*)\}/g, "\\binom{$1}{$2}")
    .replace(/(?:\{\})?[_^](?:\{(\d+)\}|(\d))C_(?:\{(\d+)\}|(\d))/g, "\\binom{$1$2}{$3$4}")
    .replace(/\\root\s*\{?\s*(\d+)\s*\}?\s*\\of(?![a-zA-Z])/g, "\\sqrt[$1]")
    .replace(/\\([ij])math(?![a-zA-Z])/g, "$1")
    .replace(/(?<![a-zA-Z\\])(USD|EUR|GBP)(?=[\s~]*-?[\d.])/g, "\\text{$1}")
    .replace(/\{\\rm(?![a-zA-Z])([^{}]*)\}/g, "\\text{$1}")
    .replace(/(?<=[)\]}]\s?)U(?=\s?(?:[([{]|\\\{|\\left))/g, "\\cup ")
    .replace(/(?<=\\R |\\mathbb\{R\})\s*\\\s+(?=\\?\{|[([])/g, "\\setminus ");
}

interface Lexer {
  readonly text: string;
  readonly tokens: Token[];
  readonly commas: Reading["commas"];
  at: number;
  depth: number;
  spaced: boolean;
}

type NewToken = Omit<Token, "spaced">;

function push(lexer: Lexer, token: NewToken): void {
  lexer.tokens.push({ ...token, spaced: lexer.spaced });
  lexer.spaced = false;
  if (token.kind !== "sign") return;
  if ("([⟨".includes(token.text) || token.text === "\\{") lexer.depth++;
  else if (")]⟩".includes(token.text) || token.text === "\\}") lexer.depth = Math.max(0, lexer.depth - 1);
}

const sign = (text: string): NewToken => ({ kind: "sign", text });

/** What `pattern` matches here; the lexer moves past it. The pattern is sticky. */
function take(lexer: Lexer, pattern: RegExp): RegExpExecArray | undefined {
  pattern.lastIndex = lexer.at;
  const match = pattern.exec(lexer.text);
  if (match === null) return undefined;
  lexer.at += match[0].length;
  return match;
}

const blank = /[\s~$]+|\\[,;:! >]|\\(?:left|right)\s*\.|\\[hv]space\*?\s*\{[^{}]*\}|\\\$(?!\s*\d)/y;
const circle = /\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![a-zA-Z])|(?<=\d\^)o(?![a-zA-Z\d]))/y;
/** Angular brackets that are written as signs of comparison. */
const angle = /\\left\s*<|\\right\s*>/y;
/** The end of a row, perhaps with a distance to the next. */
const rowEnd = /\\\\(?:\s*\[\s*-?[\d.]+\s*(?:pt|em|ex|mm|cm)\s*\])?/y;
const command = /\\([a-zA-Z]+)\*?/y;
const longSign = /\\\{|\\\}|<=|>=|!=|==|\*\*/y;
const currency = /\\?\$|[€£¥]/y;

/** The tokens that begin here: none for a blank, several for a word of one-letter variables. */
function scan(lexer: Lexer): readonly NewToken[] {
  if (take(lexer, blank) !== undefined) {
    lexer.spaced = true;
    return [];
  }
  const number = takeNumber(lexer);
  if (number !== undefined) return [number];
  if (take(lexer, circle) !== undefined) return [sign("°")];
  const bracket = take(lexer, angle)?.[0];
  if (bracket !== undefined) return [sign(bracket.endsWith("<") ? "⟨" : "⟩")];
  if (take(lexer, rowEnd) !== undefined) return [sign("\\\\")];
  const name = take(lexer, command)?.[1];
  if (name !== undefined) return takeCommand(lexer, name);
  const letters = take(lexer, /[a-zA-Z]+/y)?.[0];
  if (letters !== undefined) return lettersAs(letters);
  const foreign = take(lexer, /(?:(?![a-zA-Z])\p{L})+/uy)?.[0];
  if (foreign !== undefined) return [{ kind: "word", text: foreign }];
  const money = take(lexer, currency)?.[0];
  if (money !== undefined) return [{ kind: "word", text: money.endsWith("$") ? "dollar" : money }];
  const long = take(lexer, longSign)?.[0];
  if (long !== undefined) return [sign({ "==": "=", "**": "^" }[long] ?? long)];
  if (take(lexer, /\\?%/y) !== undefined) return [sign("%")];
  const short = take(lexer, /\\?[#&_]|[-+*/^!|=<>(){}[\],;:.'"?]/y)?.[0];
  if (short === undefined) throw new Unreadable(`unexpected ${JSON.stringify(lexer.text.slice(lexer.at, lexer.at + 8))}`);
  return [sign(short)];
}

const strongComma = String.raw`,\\[!,]\s*|\{,\}\s*|\\text\{,\}|\\[,;:]|\\!,|\\ `;
/** Blanks group too, but not in 1 234/567, which is a mixed number. */
const numeral = (comma: string, grouped = ""): RegExp =>
  new RegExp(String.raw`(?:\d{1,3}(?:(?:${comma})\d{3})+(?!\d)${grouped}|\d+)(?:\.\d+)?|\.\d+`, "y");
const strongNumeral = numeral(strongComma);
const anyNumeral = numeral(`${strongComma}|,`, String.raw`|\d{1,3}(?:[ ~]\d{3})+(?!\d|\s*\/)`);
const exponent = /[eE]([+-]?\d+)(?![\d.]*[a-zA-Z])/y;
const repetend = /\\(?:overline|bar|dot)\s*\{\s*(\d+)\s*\}/y;

function takeNumber(lexer: Lexer): NewToken | undefined {
  const written = take(lexer, lexer.commas === "group" && lexer.depth === 0 ? anyNumeral : strongNumeral)?.[0];
  if (written === undefined) return undefined;
  const digits = written.replace(/[^\d.]/g, "");
  if (digits.length > maxDigits) throw new Beyond(`${maxDigits} digits`);
  const power = take(lexer, exponent)?.[1] ?? "0";
  if (!(Math.abs(Number(power)) <= maxDigits)) throw new Beyond(`${maxExponent} for exponents`);
  const again = digits.includes(".") || lexer.text[lexer.at] === "." ? takeRepetend(lexer, digits) : undefined;
  const parsed = parseNumber(`${digits}e${power}`);
  if (parsed.kind !== "number") throw new Beyond(`${maxDigits} digits`);
  return { kind: "number", text: digits, value: again ?? parsed.value };
}

/** 0.1\overline{6}: a repetend of k digits after n others is worth itself over (10^k - 1) 10^n. */
function takeRepetend(lexer: Lexer, digits: string): Rational | undefined {
  const from = lexer.at;
  if (lexer.text[lexer.at] === ".") lexer.at++;
  const repeated = take(lexer, repetend)?.[1];
  if (repeated === undefined) {
    lexer.at = from;
    return undefined;
  }
  if (repeated.length > maxDigits) throw new Beyond(`${maxDigits} digits`);
  const decimals = digits.split(".")[1] ?? "";
  const nines = 10n ** BigInt(repeated.length) - 1n;
  const head = BigInt(digits.replace(".", ""));
  return { numerator: head * nines + BigInt(repeated), denominator: nines * 10n ** BigInt(decimals.length) };
}

function takeCommand(lexer: Lexer, name: string): readonly NewToken[] {
  if (ignoredCommands.has(name)) return [];
  const signText = signCommands[name];
  if (signText !== undefined) return [sign(signText)];
  if (functionWords[name] !== undefined) return [{ kind: "function", text: functionWords[name] }];
  if (name === "pi" || greekLetters.has(name)) return [{ kind: "name", text: name }];
  if (textCommands.has(name)) return takeText(lexer, name);
  if (name === "mathbb") {
    const set = take(lexer, /\s*\{?\s*([A-Z])\s*\}?/y)?.[1];
    return [sign(set === "R" ? "ℝ" : `mathbb ${set}`)];
  }
  if (name === "begin" || name === "end") {
    const environment = take(lexer, /\s*\{([a-zA-Z]+)\*?\}(?:\s*\{[clr|\s]*\})?/y)?.[1];
    return [sign(`${name} ${environment}`)];
  }
  throw new Unreadable(`the command \\${name} is not read`);
}

function takeText(lexer: Lexer, name: string): readonly NewToken[] {
  const content = take(lexer, /\s*\{([^{}]*)\}/y)?.[1];
  if (content === undefined) throw new Unreadable(`\\${name} without its text`);
  const plain = content.replace(/\\(?=[$%])/g, "").trim();
  if (plain === "") {
    lexer.spaced = true;
    return [];
  }
  // Numbers and letters that are set upright are no words.
  if (
    /^[-+\d.,/\s]+$/.test(plain) ||
    /^[$€£¥%]$/.test(plain) ||
    (/^\w$/.test(plain) && name !== "text" && name !== "mbox") ||
    known.has(plain.toLowerCase())
  ) {
    return tokenize(known.has(plain.toLowerCase()) ? plain.toLowerCase() : plain, { commas: lexer.commas });
  }
  const [, amount, unit] = /^([-+]?[$€£¥]?[\d.,]*\d)\s*(%|°|[a-z][a-z./^\d\s]*)$/i.exec(plain) ?? [];
  if (amount !== undefined && unit !== undefined) return tokenize(`${amount} \\text{${unit}}`, { commas: lexer.commas });
  const words = plain.split(/(\^\d|[/,;])|[\s~]+/).filter((word) => word !== undefined && word !== "");
  return words.map((text) => ({ kind: /^[,;]$/.test(text) ? "sign" : "word", text }));
}

/** Functions and infinity, which mean the same when set as text. */
const known = new Set([...Object.keys(functionWords), "infinity"]);
const knownWords = [...Object.keys(functionWords), ...Object.keys(nameWords)].sort((a, b) => b.length - a.length);
const knownStart = new RegExp(`^(?:${knownWords.join("|")})`);
const joiningWord = /^(?:or|and|in|per)$/;

/** Letters without a backslash: a known name, a word, or a product of one-letter variables. */
function lettersAs(letters: string): readonly NewToken[] {
  if (letters === "") return [];
  const named = namedToken(letters);
  if (named !== undefined) return [named];
  const start = knownStart.exec(letters)?.[0] ?? "";
  if (isWord(letters, start)) return [{ kind: "word", text: letters }];
  const first: NewToken = namedToken(start) ?? { kind: "name", text: letters[0]! };
  return [first, ...lettersAs(letters.slice(Math.max(1, start.length)))];
}

function namedToken(letters: string): NewToken | undefined {
  if (functionWords[letters] !== undefined) return { kind: "function", text: functionWords[letters] };
  const name = nameWords[letters];
  return name === undefined ? undefined : { kind: name === "∞" ? "sign" : "name", text: name };
}

function isWord(letters: string, start: string): boolean {
  if (joiningWord.test(letters) || shortUnits.has(letters)) return true;
  return start === "" ? letters.length >= 4 : letters.length > start.length + 2;
}
