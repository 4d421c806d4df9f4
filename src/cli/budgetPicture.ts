// Accuracy over thinking budgets as an SVG picture: a line with confidence intervals for each set of tasks, and tokens per correct answer
// as numbers under the axis. Draws what was measured; computes nothing.

import type { Budget, BudgetPoint, BudgetReport } from "../eval/budgets.ts";
import { shortNumber } from "./output.ts";

const [width, height] = [640, 360];
const margin = { left: 52, right: 20, top: 40, bottom: 78 };
const colours = ["#1f6feb", "#d1242f", "#1a7f37", "#8250df"];

/** One picture of all sets. Budgets stand in the order in which they were measured, at equal distances: a doubling is a step. */
export function budgetPicture(reports: Readonly<Record<string, BudgetReport>>): string {
  const sets = Object.entries(reports);
  const budgets = sets[0]![1].points.map(({ budget }) => budget);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    "<title>Accuracy over thinking budgets</title>",
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...[0, 0.2, 0.4, 0.6, 0.8, 1].map(shareLine),
    ...budgets.map((budget) => text({ x: x(budget, budgets), y: height - margin.bottom + 18, content: String(budget) })),
    text({ x: width / 2, y: height - margin.bottom + 34, content: "thinking budget, tokens (auto: the policy decides)" }),
    ...sets.flatMap(([name, { points }], i) => curve({ name, points, budgets, place: i })),
    "</svg>",
    "",
  ].join("\n");
}

interface Curve {
  readonly name: string;
  readonly points: readonly BudgetPoint[];
  readonly budgets: readonly Budget[];
  /** Among the sets; gives colour and line of the legend. */
  readonly place: number;
}

function curve({ name, points, budgets, place }: Curve): string[] {
  const colour = colours[place % colours.length]!;
  const measured = points.flatMap(({ budget, accuracy }) => (accuracy === undefined ? [] : [{ at: x(budget, budgets), accuracy }]));
  const line = measured.map(({ at, accuracy }) => `${at.toFixed(1)},${y(accuracy.value).toFixed(1)}`).join(" ");
  const costs = points.map(({ budget, tokensPerCorrect }) =>
    text({
      x: x(budget, budgets),
      y: height - 26 + 14 * place,
      content: tokensPerCorrect === undefined ? "-" : shortNumber(tokensPerCorrect.value),
      colour,
    }),
  );
  return [
    `<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="1.8"/>`,
    ...measured.flatMap(({ at, accuracy: { value, low, high } }) => [
      `<line x1="${at.toFixed(1)}" x2="${at.toFixed(1)}" y1="${y(low).toFixed(1)}" y2="${y(high).toFixed(1)}" stroke="${colour}"/>`,
      `<circle cx="${at.toFixed(1)}" cy="${y(value).toFixed(1)}" r="3" fill="${colour}"/>`,
    ]),
    text({
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
  const at = y(share).toFixed(1);
  const name = text({ x: margin.left - 6, y: y(share) + 4, content: `${Math.round(share * 100)} %`, anchor: "end" });
  return `<line x1="${margin.left}" x2="${width - margin.right}" y1="${at}" y2="${at}" stroke="#ddd"/>${name}`;
}

function text({
  x,
  y,
  content,
  colour = "black",
  anchor = "middle",
}: {
  readonly x: number;
  readonly y: number;
  readonly content: string;
  readonly colour?: string;
  readonly anchor?: "start" | "middle" | "end";
}): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${colour}">${escaped(content)}</text>`;
}

/** Names of sets may be names of files. */
function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
