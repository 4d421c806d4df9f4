// From LaTeX or plain notation to tokens: numbers, names, functions, words of text, and signs. Dressing (spaces, sizes, \left) is dropped.
// Commas between digits group thousands where LaTeX says so ({,} and ,\!), and also plain ones outside brackets when `commas` is "group".

import { parseNumber } from "../number.ts";
import type { Rational } from "../rational.ts";
import { Beyond, maxDigits, maxExponent, maxExpressionChars, maxNodes, Unreadable } from "./caps.ts";
import { functionWords, greekLetters, ignoredCommands, nameWords, plainCharacters, signCommands, textCommands } from "./commands.ts";
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

const special = new RegExp(`[${Object.keys(plainCharacters).join("")}]`, "g");

export function tokenize(source: string, { commas }: Reading): Token[] {
  if (source.length > maxExpressionChars) throw new Beyond(`${maxExpressionChars} characters for a final answer`);
  const text = source.replace(special, (character) => plainCharacters[character]!);
  const lexer: Lexer = { text, at: 0, tokens: [], depth: 0, spaced: false, commas };
  while (lexer.at < text.length) {
    for (const token of scan(lexer)) push(lexer, token);
    if (lexer.tokens.length > maxNodes) throw new Beyond(`${maxNodes} tokens`);
  }
  return lexer.tokens;
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

const blank = /[\s~$]+|\\[,;:! >]|\\(?:left|right)\s*\.|\\\$(?!\s*\d)/y;
const circle = /\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![a-zA-Z]))/y;
const command = /\\([a-zA-Z]+)\*?/y;
const longSign = /\\\\|\\\{|\\\}|<=|>=|!=|==|\*\*/y;
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

const strongComma = String.raw`(?:,\\[!,]\s*|\{,\}\s*|\\,|\\!,|\\ )`;
const anyComma = String.raw`(?:,\\[!,]\s*|\{,\}\s*|\\,|\\!,|\\ |,)`;
const numeral = (comma: string): RegExp => new RegExp(String.raw`(?:\d{1,3}(?:${comma}\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+`, "y");
const strongNumeral = numeral(strongComma);
const anyNumeral = numeral(anyComma);
const exponent = /[eE]([+-]?\d+)(?![\d.]*[a-zA-Z])/y;
const repetend = /\\overline\s*\{\s*(\d+)\s*\}/y;

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
  const plain = content.trim();
  if (plain === "") {
    lexer.spaced = true;
    return [];
  }
  // Numbers and letters that are set upright are no words.
  if (/^[-+\d.,/\s]+$/.test(plain) || (/^\w$/.test(plain) && name !== "text" && name !== "mbox") || functionWords[plain] !== undefined) {
    return tokenize(plain, { commas: lexer.commas });
  }
  const words = plain.split(/(\^\d|[/,;])|[\s~]+/).filter((word) => word !== undefined && word !== "");
  return words.map((text) => ({ kind: /^[,;]$/.test(text) ? "sign" : "word", text }));
}

const knownWords = [...Object.keys(functionWords), ...Object.keys(nameWords)].sort((a, b) => b.length - a.length);
const knownStart = new RegExp(`^(?:${knownWords.join("|")})`);
const joiningWord = /^(?:or|and|in|per)$/;

/** Letters without a backslash: a known name, a word, or a product of one-letter variables. */
function lettersAs(letters: string): readonly NewToken[] {
  if (letters === "") return [];
  const known = namedToken(letters);
  if (known !== undefined) return [known];
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
