// Where the parser stands. Rules that lie above the file that needs them are reached through the cursor, so that no two files import
// one another.

import { Beyond, maxNesting, Unreadable } from "./caps.ts";
import type { Form } from "./form.ts";
import type { Token } from "./tokens.ts";

export interface Cursor {
  readonly tokens: Token[];
  at: number;
  depth: number;
  /** Bars that are open: the next one closes. */
  bars: number;
  /** What a plus-or-minus sign stands for in this pass, and whether one was met. */
  choice: 1 | -1;
  choices: number;
  /** Terms joined by + and -. */
  readonly sum: (cursor: Cursor) => Form;
  /** A relation or a set, as it may stand between brackets. */
  readonly member: (cursor: Cursor) => Form;
  /** The same, as two where a plus-or-minus sign makes it two. */
  readonly members: (cursor: Cursor) => Form[];
  /** What stands between two members, and is passed; undefined when nothing does. */
  readonly separator: (cursor: Cursor) => "," | "and" | "or" | undefined;
}

const end: Token = { kind: "end", text: "", spaced: false };

export function peek(cursor: Cursor, ahead = 0): Token {
  return cursor.tokens[cursor.at + ahead] ?? end;
}

export function isSign(token: Token, text: string): boolean {
  return token.kind === "sign" && token.text === text;
}

/** Moves past the sign `text` if it is next. */
export function accept(cursor: Cursor, text: string): boolean {
  if (!isSign(peek(cursor), text)) return false;
  cursor.at++;
  return true;
}

export function expect(cursor: Cursor, text: string): void {
  if (!accept(cursor, text)) throw unexpected(cursor);
}

export function unexpected(cursor: Cursor): Unreadable {
  const { kind, text } = peek(cursor);
  return new Unreadable(kind === "end" ? "it ends too early" : `unexpected ${JSON.stringify(text)}`);
}

/** Calls `parse` one level deeper. */
export function nested<T>(cursor: Cursor, parse: () => T): T {
  if (cursor.depth >= maxNesting) throw new Beyond(`${maxNesting} levels of nesting`);
  cursor.depth++;
  const result = parse();
  cursor.depth--;
  return result;
}
