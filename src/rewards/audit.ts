// Two verifiers on the same answers: how often each says what while the other says what, and the answers on which they differ. They
// differ where the scores do, or where only one could tell; different words for the same score are no difference.

import { inOrder } from "../base/inOrder.ts";
import type { Verdict } from "../data/verdict.ts";
import { quoteExcerpt } from "./excerpt.ts";
import type { PooledVerifier, VerifierPool } from "./pool.ts";
import type { VerifierDescription } from "./protocol.ts";
import { type AnswerRow, askAbout } from "./scoreRows.ts";

/** What a verdict comes to. */
export const outcomes = ["right", "partly", "wrong", "unscorable"] as const;
export type Outcome = (typeof outcomes)[number];

/** An answer on which the two differ. */
export interface AuditedRow {
  readonly place: string;
  readonly id?: string | number;
  /** The start of it, quoted. */
  readonly answer: string;
  readonly a: Verdict;
  readonly b: Verdict;
}

/** What a comparison came to. */
export interface Audit {
  readonly a: VerifierDescription;
  readonly b: VerifierDescription;
  readonly rows: number;
  readonly differ: number;
  /** Rows by what A said, then by what B said. */
  readonly table: Readonly<Record<Outcome, Readonly<Record<Outcome, number>>>>;
  /** In the order of the rows, at most `limit`. */
  readonly differing: readonly AuditedRow[];
}

/** Rows whose answers are being checked at the same time. */
const numAhead = 16;

/** Each pool holds one verifier. */
export async function audit(
  rows: AsyncIterable<AnswerRow>,
  { a, b, limit }: { readonly a: VerifierPool; readonly b: VerifierPool; readonly limit: number },
  signal: AbortSignal,
): Promise<Audit> {
  const [ofA, ofB] = [only(a), only(b)];
  const work = async (row: AnswerRow) => {
    const [saidA, saidB] = await Promise.all([
      askAbout(row, { pool: a, verifier: ofA.id }, signal),
      askAbout(row, { pool: b, verifier: ofB.id }, signal),
    ]);
    return { row, a: saidA, b: saidB };
  };
  const table = emptyTable();
  const differing: AuditedRow[] = [];
  let [numRows, differ] = [0, 0];
  for await (const { row, ...said } of inOrder(rows, { work, numAhead })) {
    numRows++;
    table[outcomeOf(said.a)][outcomeOf(said.b)]++;
    if (sameScore(said.a, said.b)) continue;
    differ++;
    const { place, id, answer } = row;
    if (differing.length < limit) differing.push({ place, ...(id === undefined ? {} : { id }), answer: quoteExcerpt(answer), ...said });
  }
  return { a: described(ofA), b: described(ofB), rows: numRows, differ, table, differing };
}

/** Whether two verdicts are worth the same. Two that could not be given are, whatever the reasons. */
export function sameScore(a: Verdict, b: Verdict): boolean {
  if (a.kind === "unscorable" || b.kind === "unscorable") return a.kind === b.kind;
  return a.score === b.score;
}

function only({ verifiers }: VerifierPool): PooledVerifier {
  const [verifier] = verifiers.values();
  return verifier!;
}

function described({ file, id, version, checks, runsPrograms }: PooledVerifier): VerifierDescription {
  return { file, id, version, checks, runsPrograms };
}

function outcomeOf(verdict: Verdict): Outcome {
  if (verdict.kind === "unscorable") return "unscorable";
  return verdict.score === 1 ? "right" : verdict.score === 0 ? "wrong" : "partly";
}

function emptyTable(): Record<Outcome, Record<Outcome, number>> {
  const row = () => ({ right: 0, partly: 0, wrong: 0, unscorable: 0 });
  return { right: row(), partly: row(), wrong: row(), unscorable: row() };
}
