// Draws held-out accuracy over wall time as an SVG picture: one line for each run, supervised steps and reinforcement learning in
// one, from what the runs recorded. What docs/quickstart.svg was drawn with:
//
//     npx whetstone runs show ID --json > ID.json        (for each run)
//     node scripts/curves.ts ID.json ... > docs/quickstart.svg
//
// A run whose name ends in "control" is drawn dashed.

import { readFileSync } from "node:fs";

import { ShownRun } from "../src/runs/shown.ts";

const [width, height, margin] = [640, 320, 44];
const colours = ["#1f6feb", "#d1242f", "#1a7f37", "#8250df"];

const runs = process.argv.slice(2).map((file) => ShownRun.parse(JSON.parse(readFileSync(file, "utf8"))));
if (runs.length === 0) {
  console.error("curves: name at least one file that `whetstone runs show ID --json` wrote");
  process.exit(2);
}
process.stdout.write(picture(runs));

function picture(all: readonly ShownRun[]): string {
  const lastMinute = Math.max(...all.map((run) => minutes(run, run.steps.at(-1)!.finishedMs)));
  const x = (minute: number): number => margin + (minute / lastMinute) * (width - 2 * margin);
  const y = (share: number): number => height - margin - share * (height - 2 * margin);
  const lines = all.map((run) => curve(run, { x, y }));
  const ticksY = [0, 0.2, 0.4, 0.6, 0.8, 1].map((share) => tick({ x1: margin, x2: width - margin, y: y(share), text: `${share * 100} %` }));
  const ticksX = Array.from({ length: Math.floor(lastMinute) + 1 }, (_, minute) =>
    label({ x: x(minute), y: height - margin + 18, text: `${minute}` }),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    "<title>Accuracy on held-out sums over minutes of work</title>",
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...ticksY,
    ...ticksX,
    label({ x: width / 2, y: height - 8, text: "minutes of work" }),
    label({
      x: width / 2,
      y: 20,
      text: "accuracy on held-out sums; dots: reinforcement learning begins; dashed: supervised training goes on instead",
    }),
    ...lines,
    "</svg>",
    "",
  ].join("\n");
}

function curve(run: ShownRun, { x, y }: { x: (minute: number) => number; y: (share: number) => number }): string {
  const colour = colours[run.recipe.seed % colours.length]!;
  const measured = run.steps.filter(({ metrics }) => metrics["heldOut/accuracy"] !== undefined);
  const points = measured.map(
    (step) => `${x(minutes(run, step.finishedMs)).toFixed(1)},${y(step.metrics["heldOut/accuracy"]!).toFixed(1)}`,
  );
  const dash = run.name.endsWith("control") ? ' stroke-dasharray="5 4"' : "";
  const turn = measured.findLast(({ stage }) => stage === "sft");
  const dot =
    run.name.endsWith("control") || turn === undefined
      ? ""
      : `<circle cx="${x(minutes(run, turn.finishedMs)).toFixed(1)}" cy="${y(turn.metrics["heldOut/accuracy"]!).toFixed(1)}" r="4" fill="${colour}"/>`;
  return `<polyline points="${points.join(" ")}" fill="none" stroke="${colour}" stroke-width="1.8"${dash}/>${dot}`;
}

function minutes(run: ShownRun, ms: number): number {
  return (ms - run.createdMs) / 60_000;
}

function tick({ x1, x2, y, text }: { x1: number; x2: number; y: number; text: string }): string {
  return `<line x1="${x1}" x2="${x2}" y1="${y}" y2="${y}" stroke="#ddd"/><text x="${x1 - 6}" y="${y + 4}" text-anchor="end">${text}</text>`;
}

function label({ x, y, text }: { x: number; y: number; text: string }): string {
  return `<text x="${x.toFixed(1)}" y="${y}" text-anchor="middle">${text}</text>`;
}
