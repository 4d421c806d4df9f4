// What the reference query gives, and in which order its rows may stand. It runs in a program of its own, and what it gave stays in this
// process: no program that runs an answer's query holds it. Results are kept, since a group's answers share their reference.

import { createHash } from "node:crypto";

import { oneStatement, orderTerms, withColumns } from "./query.ts";
import { type Job, type Result, type Row, runQuery, type Unscorable, type Where } from "./run.ts";

/** Text of the results that one process keeps. */
const maxKeptChars = 16 << 20;

/** The rows of one database, in blocks of rows that may stand in any order among themselves. */
export interface Expected extends Result {
  readonly blocks: readonly number[];
}

export interface ExpectedRows {
  readonly kind: "expected";
  readonly databases: readonly Expected[];
  readonly ordered: boolean;
}

/** "auto": ordered where the query says ORDER BY, and rows that it leaves tied may change places. */
export type Ordered = "auto" | boolean;

const kept = new Map<string, { readonly result: ExpectedRows; readonly numChars: number }>();

export async function referenceResult(
  job: Job,
  { ordered, where }: { readonly ordered: Ordered; readonly where: Where },
): Promise<ExpectedRows | Unscorable> {
  const key = createHash("sha256")
    .update(JSON.stringify([job, ordered]))
    .digest("base64");
  const known = kept.get(key);
  if (known !== undefined) return known.result;
  const result = await compute(job, { ordered, where });
  if (result.kind === "expected") keep(key, result);
  return result;
}

/** The oldest make room. */
function keep(key: string, result: ExpectedRows): void {
  const numChars = JSON.stringify(result.databases).length;
  kept.set(key, { result, numChars });
  let total = [...kept.values()].reduce((sum, { numChars: own }) => sum + own, 0);
  for (const [old, { numChars: own }] of kept) {
    if (total <= maxKeptChars) break;
    kept.delete(old);
    total -= own;
  }
}

async function compute(
  job: Job,
  { ordered, where }: { readonly ordered: Ordered; readonly where: Where },
): Promise<ExpectedRows | Unscorable> {
  const found = oneStatement(job.query);
  if (found.kind === "none") return broken(found.why);
  const ownJob = { ...job, query: found.query };
  const ran = await resultsOf(ownJob, where);
  if (ran.kind !== "results") return ran;
  const { results } = ran;
  const terms = orderTerms(found.query);
  if (ordered === false || (ordered === "auto" && terms === undefined)) return expected(results, { ordered: false, blocksOf: inOneBlock });
  if (ordered === true || terms === undefined) return expected(results, { ordered: true, blocksOf: inTheirPlaces });
  const keys = await sortKeys(results, { job: ownJob, terms, where });
  return expected(results, {
    ordered: true,
    blocksOf: (result, i) => (keys === undefined ? inTheirPlaces(result) : blocksOfTies(keys[i]!)),
  });
}

function broken(reason: string): Unscorable {
  return { kind: "unscorable", failure: "reference", reason };
}

function expected(
  results: readonly Result[],
  { ordered, blocksOf }: { readonly ordered: boolean; readonly blocksOf: (result: Result, i: number) => number[] },
): ExpectedRows {
  return { kind: "expected", ordered, databases: results.map((result, i) => ({ ...result, blocks: blocksOf(result, i) })) };
}

const inOneBlock = ({ rows }: Result): number[] => (rows.length === 0 ? [] : [rows.length]);
const inTheirPlaces = ({ rows }: Result): number[] => rows.map(() => 1);

/** Lengths of runs of equal keys. */
function blocksOfTies(keys: readonly Row[]): number[] {
  const blocks: number[] = [];
  let last: string | undefined;
  for (const key of keys) {
    const text = JSON.stringify(key);
    if (text === last) blocks[blocks.length - 1]!++;
    else blocks.push(1);
    last = text;
  }
  return blocks;
}

interface Results {
  readonly kind: "results";
  readonly results: readonly Result[];
}

async function resultsOf(job: Job, where: Where): Promise<Results | Unscorable> {
  const ran = await runQuery(job, where);
  if (ran.kind === "unscorable") return ran;
  const results: Result[] = [];
  for (const outcome of ran.outcomes) {
    if (outcome.kind === "failed") return broken(`the reference query fails: ${outcome.why}`);
    results.push(outcome);
  }
  return { kind: "results", results };
}

/** What each row of each database is ordered by; undefined where it cannot be told, so that every row has one place. */
async function sortKeys(
  results: readonly Result[],
  { job, terms, where }: { readonly job: Job; readonly terms: readonly string[]; readonly where: Where },
): Promise<readonly (readonly Row[])[] | undefined> {
  const names = results[0]!.names;
  const places = terms.map((term) => columnOf(term, names));
  const others = terms.filter((_, i) => places[i] === undefined);
  const keys = (of: readonly Result[]) => {
    const pick = (row: Row) => [...places.flatMap((place) => (place === undefined ? [] : [row[place]!])), ...row.slice(names.length)];
    return of.map(({ rows }) => rows.map(pick));
  };
  if (others.length === 0) return keys(results);
  const query = withColumns(job.query, others);
  if (query === undefined) return undefined;
  const wider = await resultsOf({ ...job, query }, where);
  const isSame = wider.kind === "results" && wider.results.every(({ rows }, i) => sameRows(rows, results[i]!));
  return isSame ? keys(wider.results) : undefined;
}

/** The column of the result that a term of ORDER BY stands for: by number, by name, or as the same expression. */
function columnOf(term: string, names: readonly string[]): number | undefined {
  if (/^\d+$/.test(term)) return Number(term) - 1;
  const name = /^(?:"[^"]*"|`[^`]*`|\[[^\]]*\])$/.test(term) ? term.slice(1, -1) : term;
  const place = names.findIndex((own) => own.toLowerCase() === name.toLowerCase());
  return place === -1 ? undefined : place;
}

function sameRows(wide: readonly Row[], { names, rows }: Result): boolean {
  return JSON.stringify(wide.map((row) => row.slice(0, names.length))) === JSON.stringify(rows);
}
