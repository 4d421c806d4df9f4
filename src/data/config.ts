// What a recipe says about its data: generated families, or a file.
// What is read or drawn from it is the business of `source.ts`.

import { z } from "zod";

import { BudgetMix } from "./budgets.ts";
import { Columns } from "./columns.ts";
import { MixtureEntry } from "./families.ts";

const FamiliesSource = z.strictObject({
  kind: z
    .literal("families")
    .describe("Tasks made by procedural families; training and evaluation draw from different sides of a fixed split"),
  families: z.array(MixtureEntry).min(1).describe("The mixture; one family may stand in it several times, with different settings"),
});

const FileSource = z.strictObject({
  kind: z.literal("file").describe("Tasks from a file"),
  path: z.string().min(1).describe("File in JSON Lines (.jsonl, .ndjson) or Parquet (.parquet) format"),
  columns: Columns.optional().describe("How the columns of a foreign file become tasks; absent: the file is in this project's own form"),
  rows: z
    .enum(["all", "split"])
    .default("all")
    .describe(
      '"all": every row is used; "split": only the rows on the side of the split that is asked for, so that one file can serve for training and evaluation',
    ),
});

/** All are drawn before a run starts. */
const maxPoolTasks = 1_000_000;

/** Where tasks to practise come from. */
export const TrainingSource = z.discriminatedUnion("kind", [
  FamiliesSource.extend({
    poolTasks: z.int().positive().max(maxPoolTasks).exactOptional().meta({
      description: "Draw so many tasks once and practise only those, in epochs, as those of a file. Absent: new tasks in every step.",
      unit: "tasks",
    }),
  }),
  FileSource,
]);
export type TrainingSource = z.output<typeof TrainingSource>;

/** Where tasks come from. */
export const DataSource = z.discriminatedUnion("kind", [FamiliesSource, FileSource]);
export type DataSource = z.output<typeof DataSource>;

/** Where demonstrations come from. */
export const DemonstrationSource = z.discriminatedUnion("kind", [
  FamiliesSource.extend({
    budgets: BudgetMix.refine(({ autonomousShare }) => autonomousShare < 1, {
      path: ["autonomousShare"],
      error: "must be less than 1, or no demonstration gets a budget; leave budgets out for that",
    })
      .exactOptional()
      .describe(
        "Thinking budgets that are demonstrated: under a budget the thinking is in the most detailed style that fits, or cut where none does. Absent: none",
      ),
  }),
  FileSource,
]);
export type DemonstrationSource = z.output<typeof DemonstrationSource>;
