// A query gives the same rows as the reference query, on databases that the task describes. Both run in the jail, each in a program of
// its own that can only read (sql/program.ts), and rows are compared here (sql/compare.ts): the rows that are expected never enter the
// process that runs the answer's query. A query that runs out of a cap scores 0.

import { z } from "zod";

import type { Verdict } from "../../data/verdict.ts";
import { quoteExcerpt } from "../excerpt.ts";
import { defineVerifier } from "../verifier.ts";
import { differenceOf } from "./sql/compare.ts";
import { queryIn } from "./sql/query.ts";
import { type Expected, referenceResult } from "./sql/reference.ts";
import { maxDatabases, type Result, runQuery } from "./sql/run.ts";

const maxShownQueryChars = 300;

const Value = z.union([z.null(), z.boolean(), z.number(), z.string()]);
const Rows = z.record(z.string(), z.array(z.union([z.array(Value), z.record(z.string(), Value)])));

const Reference = z.strictObject({
  schema: z.string().describe("Statements of SQLite that make the tables, and may fill them"),
  rows: Rows.default({}).describe("Entries of each table, as lists in order of its columns or as objects by column"),
  query: z.string().describe("A query that is right"),
  moreRows: z
    .array(Rows)
    .max(maxDatabases - 1)
    .default([])
    .describe("Other entries on which the query must be right too, each a database of its own"),
  ordered: z
    .union([z.literal("auto"), z.boolean()])
    .default("auto")
    .describe("Whether the order of the rows counts"),
  columnNames: z.enum(["ignore", "match"]).default("ignore").describe("Whether columns must have the reference's names"),
  tolerance: z.number().nonnegative().default(0).describe("Largest difference of a real that still counts"),
  relativeTolerance: z.number().nonnegative().max(1).default(1e-12).describe("The same as a share of the right number"),
  now: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}(?: \d{2}:\d{2}:\d{2})?$/, "must be a moment such as 2025-01-01 00:00:00")
    .default("2025-01-01 00:00:00")
    .describe("The moment that now and CURRENT_TIMESTAMP stand for"),
});

export const sql = defineVerifier({
  id: "sql",
  version: 2,
  checks: "correctness",
  runsPrograms: true,
  reference: Reference,
  async verify({ reference, answer }, { sandbox: open, signal }) {
    const { schema, rows, moreRows, now, ordered, columnNames } = reference;
    const found = queryIn(answer);
    const sandbox = await open();
    const where = { sandbox, signal };
    const job = { schema, databases: [rows, ...moreRows], now };
    const right = await referenceResult({ ...job, query: reference.query }, { ordered, where });
    if (right.kind === "unscorable") return right;
    if (found.kind === "none") return wrong(found.why);

    const note = `; query ${quoteExcerpt(found.query, maxShownQueryChars)}${sandbox.containment === "weak" ? "; run in weak containment" : ""}`;
    const ran = await runQuery({ ...job, query: found.query }, where);
    if (ran.kind === "unscorable") return ran;
    const tolerance = { absolute: reference.tolerance, relative: reference.relativeTolerance };
    for (const [i, outcome] of ran.outcomes.entries()) {
      const place = i === 0 ? "" : `on database ${i} of moreRows: `;
      if (outcome.kind === "failed") return wrong(`${place}the query fails: ${outcome.why}${note}`);
      const expected = right.databases[i]!;
      const difference = columnDifference(expected, outcome, columnNames) ?? rowDifference(expected, outcome, tolerance);
      if (difference !== undefined) return wrong(`${place}${difference}${note}`);
    }
    const counts = right.databases.map((database) => database.rows.length).join(", ");
    return { kind: "scored", score: 1, evidence: `the same rows${right.ordered ? " in the same order" : ""} (${counts})${note}` };
  },
});

function wrong(evidence: string): Verdict {
  return { kind: "scored", score: 0, evidence };
}

function columnDifference(expected: Expected, actual: Result, columnNames: "ignore" | "match"): string | undefined {
  const [wanted, got] = [expected.names, actual.names];
  if (wanted.length !== got.length) return `${got.length === 1 ? "1 column" : `${got.length} columns`}, expected ${wanted.length}`;
  if (columnNames === "ignore") return undefined;
  const differs = wanted.findIndex((name, i) => name.toLowerCase() !== got[i]!.toLowerCase());
  if (differs === -1) return undefined;
  return `column ${differs + 1} is named ${quoteExcerpt(got[differs]!)}, expected ${quoteExcerpt(wanted[differs]!)}`;
}

function rowDifference(expected: Expected, actual: Result, tolerance: Parameters<typeof differenceOf>[1]): string | undefined {
  return differenceOf({ expected: expected.rows, actual: actual.rows, blocks: expected.blocks }, tolerance);
}
