// What thinking budgets do to a checkpoint, as a person reads it: a table and a chart of accuracy over budgets.
// Computes nothing.

import type { BudgetPoint, BudgetReport } from "../eval/budgets.ts";
import type { Estimate } from "../eval/intervals.ts";
import { shortNumber, table } from "./output.ts";

/** The table, the chart, and how thinking follows difficulty. */
export function budgetText(name: string, { points, rankCorrelation }: BudgetReport): string {
  const rank =
    rankCorrelation === undefined
      ? []
      : ["", `thinking tokens follow difficulty under auto: rank correlation ${interval(rankCorrelation, shortNumber)}`];
  return [
    `${name}: ${points[0]!.tasks} tasks, with 95 % confidence intervals`,
    table([head, ...points.map(row)]),
    "",
    chart(points),
    ...withRoom(points),
    ...rank,
  ].join("\n");
}

const head = ["budget", "accuracy", "closed in time", "thinking tokens", "spread", "escapes", "tokens per correct"];

function row({ budget, accuracy, closedInTime, thinkingTokens: { mean, spread }, forcedCloses, escapes, tokensPerCorrect }: BudgetPoint) {
  return [
    String(budget),
    percent(accuracy),
    percent(closedInTime),
    interval(mean, shortNumber),
    interval(spread, shortNumber),
    escapes === undefined ? "-" : `${percent(escapes)} of ${forcedCloses}`,
    interval(tokensPerCorrect, shortNumber),
  ];
}

/** Of the tasks that a budget leaves room for; of auto it would say what the first table says. */
function withRoom(points: readonly BudgetPoint[]): string[] {
  const rows = points.flatMap(({ budget, withRoom: room }) =>
    room === undefined || budget === "auto"
      ? []
      : [[String(budget), String(room.tasks), percent(room.closedInTime), percent(room.accuracy), percent(room.accuracyUnforced)]],
  );
  if (rows.length === 0) return [];
  const title = "tasks that have at least half of the tokens that are thought on them under auto:";
  return ["", title, table([["budget", "tasks", "closed in time", "accuracy", "accuracy under auto"], ...rows])];
}

const chartWidth = 50;

/** A bar for each budget up to its accuracy; the interval is drawn over it, from "[" to "]". */
function chart(points: readonly BudgetPoint[]): string {
  return table(points.map(({ budget, accuracy }) => [String(budget), accuracy === undefined ? "-" : bar(accuracy), percent(accuracy)]));
}

function bar({ value, low, high }: Estimate): string {
  const at = (share: number): number => Math.min(chartWidth - 1, Math.floor(share * chartWidth));
  return Array.from({ length: chartWidth }, (_, i) => {
    if (i === at(low)) return "[";
    if (i === at(high)) return "]";
    return i < at(value) ? "#" : ".";
  }).join("");
}

function percent(share: Estimate | undefined): string {
  return share === undefined ? "-" : `${interval(share, (value) => (100 * value).toFixed(1))} %`;
}

/** "87.5 (81.0..92.0)" */
function interval(estimate: Estimate | undefined, text: (value: number) => string): string {
  return estimate === undefined ? "-" : `${text(estimate.value)} (${text(estimate.low)}..${text(estimate.high)})`;
}
