// Draws held-out accuracy over wall time as an SVG picture: one line for each run, supervised steps and reinforcement learning in
// one, from what the runs recorded. What docs/quickstart.svg was drawn with:
//
//     npx whetstone runs show ID --json > ID.json        (for each run)
//     npx node scripts/curves.ts ID.json ... > docs/quickstart.svg
//
// A run whose name ends in "control" is drawn dashed.

import { readFileSync } from "node:fs";

import { gridLine, palette, polyline, svgPicture, svgText } from "../src/base/svg.ts";
import { ShownRun } from "../src/runs/shown.ts";

const [width, height, margin] = [640, 320, 44];

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
  const captions = [
    label({ x: width / 2, y: height - 8, text: "minutes of work" }),
    label({
      x: width / 2,
      y: 20,
      text: "accuracy on held-out sums; dots: reinforcement learning begins; dashed: supervised training goes on instead",
    }),
  ];
  const title = "Accuracy on held-out sums over minutes of work";
  return svgPicture([...ticksY, ...ticksX, ...captions, ...lines], { width, height, title });
}

function curve(run: ShownRun, { x, y }: { x: (minute: number) => number; y: (share: number) => number }): string {
  const colour = palette[run.recipe.seed % palette.length]!;
  const measured = run.steps.filter(({ metrics }) => metrics["heldOut/accuracy"] !== undefined);
  const points = measured.map((step) => ({ x: x(minutes(run, step.finishedMs)), y: y(step.metrics["heldOut/accuracy"]!) }));
  const isControl = run.name.endsWith("control");
  const turn = measured.findLast(({ stage }) => stage === "sft");
  const dot =
    isControl || turn === undefined
      ? ""
      : `<circle cx="${x(minutes(run, turn.finishedMs)).toFixed(1)}" cy="${y(turn.metrics["heldOut/accuracy"]!).toFixed(1)}" r="4" fill="${colour}"/>`;
  return `${polyline(points, { colour, width: 1.8, ...(isControl ? { dashes: "5 4" } : {}) })}${dot}`;
}

function minutes(run: ShownRun, ms: number): number {
  return (ms - run.createdMs) / 60_000;
}

function tick({ x1, x2, y, text }: { x1: number; x2: number; y: number; text: string }): string {
  return gridLine({ x1, x2, y }) + svgText({ x: x1 - 6, y: y + 4, content: text, anchor: "end" });
}

function label({ x, y, text }: { x: number; y: number; text: string }): string {
  return svgText({ x, y, content: text });
}
