// Accuracy over thinking budgets as an SVG picture: a line with confidence intervals for each set of tasks, and tokens per correct answer
// as numbers under the axis. Draws what was measured; computes nothing.

import { gridLine, palette, polyline, svgPicture, svgText } from "../base/svg.ts";
import type { Budget, BudgetPoint, BudgetReport } from "../eval/budgets.ts";
import { shortNumber } from "./output.ts";

const [width, height] = [640, 360];
const margin = { left: 52, right: 20, top: 40, bottom: 78 };

/** One picture of all sets. Budgets stand in the order in which they were measured, at equal distances: a doubling is a step. */
export function budgetPicture(reports: Readonly<Record<string, BudgetReport>>): string {
  const sets = Object.entries(reports);
  const budgets = sets[0]![1].points.map(({ budget }) => budget);
  const parts = [
    ...[0, 0.2, 0.4, 0.6, 0.8, 1].map(shareLine),
    ...budgets.map((budget) => svgText({ x: x(budget, budgets), y: height - margin.bottom + 18, content: String(budget) })),
    svgText({
      x: width / 2,
      y: height - margin.bottom + 34,
      content: "thinking budget, tokens (auto: the policy decides)",
    }),
    ...sets.flatMap(([name, { points }], i) => curve({ name, points, budgets, place: i })),
  ];
  return svgPicture(parts, { width, height, title: "Accuracy over thinking budgets" });
}

interface Curve {
  readonly name: string;
  readonly points: readonly BudgetPoint[];
  readonly budgets: readonly Budget[];
  /** Among the sets; gives colour and line of the legend. */
  readonly place: number;
}

function curve({ name, points, budgets, place }: Curve): string[] {
  const colour = palette[place % palette.length]!;
  const measured = points.flatMap(({ budget, accuracy }) => (accuracy === undefined ? [] : [{ at: x(budget, budgets), accuracy }]));
  const costs = points.map(({ budget, tokensPerCorrect }) =>
    svgText({
      x: x(budget, budgets),
      y: height - 26 + 14 * place,
      content: tokensPerCorrect === undefined ? "-" : shortNumber(tokensPerCorrect.value),
      colour,
    }),
  );
  return [
    polyline(
      measured.map(({ at, accuracy }) => ({ x: at, y: y(accuracy.value) })),
      { colour, width: 1.8 },
    ),
    ...measured.flatMap(({ at, accuracy: { value, low, high } }) => [
      `<line x1="${at.toFixed(1)}" x2="${at.toFixed(1)}" y1="${y(low).toFixed(1)}" y2="${y(high).toFixed(1)}" stroke="${colour}"/>`,
      `<circle cx="${at.toFixed(1)}" cy="${y(value).toFixed(1)}" r="3" fill="${colour}"/>`,
    ]),
    svgText({
      x: margin.left,
      y: 14 + 14 * place,
      content: `${name}: accuracy; below the axis, tokens per correct answer`,
      colour,
      anchor: "start",
    }),
    ...costs,
  ];
}

function x(budget: Budget, budgets: readonly Budget[]): number {
  const room = width - margin.left - margin.right;
  return margin.left + ((budgets.indexOf(budget) + 0.5) / budgets.length) * room;
}

function y(share: number): number {
  return height - margin.bottom - share * (height - margin.top - margin.bottom);
}

function shareLine(share: number): string {
  const name = svgText({ x: margin.left - 6, y: y(share) + 4, content: `${Math.round(share * 100)} %`, anchor: "end" });
  return gridLine({ x1: margin.left, x2: width - margin.right, y: y(share) }) + name;
}
