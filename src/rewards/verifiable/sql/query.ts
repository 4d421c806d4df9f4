// The query in an answer, and what can be said of one from its text alone: whether it may be tried, and whether it orders its rows.
// Tokens are SQLite's (https://www.sqlite.org/lang.html); what the query means is left to SQLite.

/** Longer answers, and longer queries in them, score 0. */
export const maxAnswerChars = 32_768;
export const maxQueryChars = 10_000;

/** One statement that may read, or why there is none to try. */
export type FoundQuery = { readonly kind: "query"; readonly query: string } | { readonly kind: "none"; readonly why: string };

/** From the last fence that says SQL, else the last fence, else the whole answer. */
export function queryIn(answer: string): FoundQuery {
  const none = (why: string): FoundQuery => ({ kind: "none", why });
  if (answer.length > maxAnswerChars) return none(`the answer is beyond the cap of ${maxAnswerChars} characters`);
  const fences = [...answer.matchAll(/^[ \t]{0,3}```[^\n`]*$/gm)];
  if (fences.length % 2 === 1) return none("the last code fence is never closed");
  const blocks = fences.flatMap((open, i) => {
    const close = i % 2 === 0 ? fences[i + 1] : undefined;
    if (close === undefined) return [];
    return [{ isSql: /```\s*sql(?:ite3?)?\s*$/i.test(open[0]), text: answer.slice(open.index + open[0].length, close.index) }];
  });
  return oneStatement((blocks.findLast(({ isSql }) => isSql) ?? blocks.at(-1))?.text ?? answer);
}

/** The text without semicolons at its end, if it is one statement of a kind that reads. */
export function oneStatement(text: string): FoundQuery {
  const none = (why: string): FoundQuery => ({ kind: "none", why });
  if (text.trim() === "") return none("the query is empty");
  if (text.length > maxQueryChars) return none(`the query is beyond the cap of ${maxQueryChars} characters`);
  const tokens = tokensOf(text);
  const last = tokens.findLastIndex(({ text: sign }) => sign !== ";");
  const own = tokens.slice(0, last + 1);
  if (own.some(({ text: sign }) => sign === ";")) return none("the query is more than one statement");
  if (!/^(?:select|with|values)$/i.test(own[0]?.text ?? "")) return none("a query that reads starts with SELECT, WITH or VALUES");
  return { kind: "query", query: text.slice(own[0]!.start, own.at(-1)!.end) };
}

interface Token {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** How many brackets are open around it. */
  readonly depth: number;
}

/** Comments and blanks are left out. What is no token of SQLite becomes one of a single character. */
const pattern =
  /(?<skip>\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|'[^']*(?:''[^']*)*'|"[^"]*(?:""[^"]*)*"|`[^`]*(?:``[^`]*)*`|\[[^\]]*\]|[\w$\x80-\uffff]+|[\s\S]/gy;

function tokensOf(query: string): Token[] {
  const tokens: Token[] = [];
  let depth = 0;
  for (const { 0: text, index, groups } of query.matchAll(pattern)) {
    if (groups?.["skip"] !== undefined) continue;
    if (text === ")") depth--;
    tokens.push({ text, start: index, end: index + text.length, depth });
    if (text === "(") depth++;
  }
  return tokens;
}

/** The terms of the ORDER BY that orders a query's rows, as they are written; undefined where there is none. */
export function orderTerms(query: string): string[] | undefined {
  return orderingOf(query)?.terms;
}

interface Ordering {
  readonly tokens: readonly Token[];
  /** Place of ORDER among the tokens. */
  readonly at: number;
  /** Without direction and place of NULLs, which make no two rows differ. */
  readonly terms: string[];
}

function orderingOf(query: string): Ordering | undefined {
  const tokens = tokensOf(query);
  const is = (i: number, word: string) => tokens[i]?.depth === 0 && tokens[i].text.toLowerCase() === word;
  const at = tokens.findLastIndex((_, i) => is(i, "order") && is(i + 1, "by"));
  if (at === -1) return undefined;
  const end = tokens.findIndex((_, i) => i > at && is(i, "limit"));
  const terms: Token[][] = [[]];
  for (const token of tokens.slice(at + 2, end === -1 ? undefined : end)) {
    if (token.depth === 0 && token.text === ",") terms.push([]);
    else terms.at(-1)!.push(token);
  }
  return { tokens, at, terms: terms.map((term) => textOf(query, term)) };
}

function textOf(query: string, term: readonly Token[]): string {
  const words = term.map(({ text }) => text.toLowerCase());
  let end = term.length;
  if (words[end - 2] === "nulls") end -= 2;
  if (words[end - 1] === "asc" || words[end - 1] === "desc") end--;
  return end <= 0 ? "" : query.slice(term[0]!.start, term[end - 1]!.end);
}

/**
 * The query with more columns at the end, by which it orders its rows; undefined where a column more would change its rows, as in
 * SELECT DISTINCT and in compounds.
 */
export function withColumns(query: string, columns: readonly string[]): string | undefined {
  const ordering = orderingOf(query);
  if (ordering === undefined) return undefined;
  const outer = ordering.tokens.filter(({ depth }) => depth === 0);
  const words = outer.map(({ text }) => text.toLowerCase());
  const select = words.indexOf("select");
  const isPlain = select !== -1 && words[select + 1] !== "distinct" && words.lastIndexOf("select") === select && !words.includes("values");
  if (!isPlain) return undefined;
  const next = words.findIndex((word, i) => i > select && (word === "from" || (word === "order" && words[i + 1] === "by")));
  const place = outer[next]!.start;
  return `${query.slice(0, place)}, ${columns.map((column) => `(${column})`).join(", ")} ${query.slice(place)}`;
}
