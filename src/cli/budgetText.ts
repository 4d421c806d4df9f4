// What thinking budgets do to a checkpoint, as a person reads it: a table and a chart of accuracy over budgets.
// Computes nothing.

import type { BudgetPoint, BudgetReport } from "../eval/budgets.ts";
import type { Estimate } from "../eval/intervals.ts";
import { shortNumber, table } from "./output.ts";

/** The table, the chart, and how thinking follows difficulty. */
export function budgetText(name: string, { points, rankCorrelation }: BudgetReport): string {
  const rank =
    rankCorrelation === undefined ? [] : [`thinking tokens follow difficulty: rank correlation ${between(rankCorrelation, shortNumber)}`];
  return [
    `${name}: ${points[0]!.tasks} tasks, with 95 % confidence intervals`,
    table([head, ...points.map(row)]),
    "",
    chart(points),
    ...rank,
  ].join("\n");
}

const head = ["budget", "accuracy", "closed in time", "thinking tokens", "spread", "escapes", "tokens per correct answer"];

function row({
  budget,
  accuracy,
  closedInTime,
  thinkingTokens: { mean, spread },
  forcedCloses,
  escapes,
  tokensPerCorrect,
}: BudgetPoint): string[] {
  return [
    String(budget),
    shown(accuracy, percent),
    shown(closedInTime, percent),
    shown(mean, shortNumber),
    shown(spread, shortNumber),
    escapes === undefined ? "-" : `${between(escapes, percent)} of ${forcedCloses}`,
    shown(tokensPerCorrect, shortNumber),
  ];
}

const chartWidth = 50;

/** A bar for each budget up to its accuracy; the interval is drawn over it, from "[" to "]". */
function chart(points: readonly BudgetPoint[]): string {
  return table(
    points.map(({ budget, accuracy }) => [String(budget), accuracy === undefined ? "-" : bar(accuracy), shown(accuracy, percent)]),
  );
}

function bar({ value, low, high }: Estimate): string {
  const at = (share: number): number => Math.min(chartWidth - 1, Math.floor(share * chartWidth));
  return Array.from({ length: chartWidth }, (_, i) => {
    if (i === at(low)) return "[";
    if (i === at(high)) return "]";
    return i < at(value) ? "#" : ".";
  }).join("");
}

function shown(estimate: Estimate | undefined, text: (value: number) => string): string {
  return estimate === undefined ? "-" : between(estimate, text);
}

function between({ value, low, high }: Estimate, text: (value: number) => string): string {
  return `${text(value)} (${text(low)} to ${text(high)})`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
