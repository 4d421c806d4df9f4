// Draws metrics over the steps of reinforcement learning as one SVG picture: a panel for each metric, a line for each run. What
// docs/long-run.svg was drawn with:
//
//     npx whetstone runs show long-run-1 --json > run.json        (for each run)
//     npx node scripts/stepCurves.ts heldOut/accuracy,entropy,log:gradNorm,rssMiB "examples/long-run.ts=run.json" > docs/long-run.svg
//
// docs/stabilisers.svg has reward,entropy,log:gradNorm,log:kl/last of the forks that `npm run bench -- long-run --ablate --hard` names.
// Lines are means over a few steps, of what was recorded in them; `log:` gives a panel a logarithmic scale.

import { readFileSync } from "node:fs";

import { mean } from "../src/base/statistics.ts";
import { gridLine, palette, polyline, svgPicture, svgText } from "../src/base/svg.ts";
import { ShownRun } from "../src/runs/shown.ts";

interface Line {
  readonly label: string;
  readonly colour: string;
  readonly steps: readonly { readonly step: number; readonly metrics: Readonly<Record<string, number>> }[];
}

interface Point {
  readonly step: number;
  readonly value: number;
}

const panel = { width: 320, height: 200, left: 52, right: 12, top: 26, bottom: 30 };
const legendLine = 16;
/** Points of a line at most; as many steps are averaged as that takes. */
const numPoints = 60;

const [metrics = "", ...files] = process.argv.slice(2);
if (metrics === "" || files.length === 0) {
  console.error(
    'stepCurves: name metrics and runs, such as reward,log:gradNorm "all on=a.json"; whetstone runs show ID --json writes such files',
  );
  process.exit(2);
}
const lines = files.map((file, place): Line => {
  const [label, path] = file.includes("=") ? file.split("=", 2) : [file, file];
  const { steps } = ShownRun.parse(JSON.parse(readFileSync(path!, "utf8")));
  return { label: label!, colour: palette[place % palette.length]!, steps: steps.filter(({ stage }) => stage === "rl") };
});
process.stdout.write(picture(metrics.split(","), lines));

function picture(names: readonly string[], all: readonly Line[]): string {
  const [columns, rows] = [Math.min(2, names.length), Math.ceil(names.length / 2)];
  const [width, height] = [columns * panel.width, rows * panel.height + Math.ceil(all.length / columns) * legendLine + 10];
  const legend = all.map(({ label, colour }, place) =>
    svgText({
      x: panel.left + (place % columns) * panel.width,
      y: rows * panel.height + legendLine * (1 + Math.floor(place / columns)),
      content: `— ${label}`,
      anchor: "start",
      colour,
    }),
  );
  const panels = names.map((name, i) => {
    const [x, y] = [(i % columns) * panel.width, Math.floor(i / columns) * panel.height];
    return `<g transform="translate(${x} ${y})">${panelOf(name, all).join("")}</g>`;
  });
  return svgPicture([...panels, ...legend], { width, height, title: `${names.join(", ")} over steps of reinforcement learning` });
}

function panelOf(asked: string, all: readonly Line[]): string[] {
  const isLog = asked.startsWith("log:");
  const name = isLog ? asked.slice("log:".length) : asked;
  const scaled = (value: number): number => (isLog ? Math.log10(Math.max(value, 1e-12)) : value);
  const drawn = all.map((line) => ({ ...line, points: smoothed(line, name).map(({ step, value }) => ({ step, value: scaled(value) })) }));
  const points = drawn.flatMap((line) => line.points);
  const range = { low: Math.min(...points.map(({ value }) => value)), high: Math.max(...points.map(({ value }) => value)) };
  const lastStep = Math.max(...points.map(({ step }) => step));
  const x = (step: number): number => panel.left + (step / lastStep) * (panel.width - panel.left - panel.right);
  const y = (value: number): number =>
    panel.height - panel.bottom - ((value - range.low) / (range.high - range.low || 1)) * (panel.height - panel.top - panel.bottom);
  const ticks = [0, 1 / 3, 2 / 3, 1].map((share) => range.low + share * (range.high - range.low));
  return [
    svgText({ x: panel.left, y: 14, content: isLog ? `${name}, logarithmic` : name, anchor: "start" }),
    ...ticks.flatMap((value) => [
      gridLine({ x1: panel.left, x2: panel.width - panel.right, y: y(value) }),
      svgText({ x: panel.left - 5, y: y(value) + 4, content: short(isLog ? 10 ** value : value), anchor: "end" }),
    ]),
    ...[0, lastStep].map((step) =>
      svgText({
        x: x(step),
        y: panel.height - panel.bottom + 16,
        content: `${step}`,
        anchor: step === 0 ? "start" : "end",
      }),
    ),
    ...drawn.map(({ colour, points: own }) =>
      polyline(
        own.map(({ step, value }) => ({ x: x(step), y: y(value) })),
        { colour, width: 1.5 },
      ),
    ),
  ];
}

/** Means over stretches of steps, at their last step. Steps that did not record the metric, or NaN, are left out. */
function smoothed({ steps }: Line, name: string): Point[] {
  const recorded = steps.flatMap(({ step, metrics: { [name]: value } }) =>
    value !== undefined && Number.isFinite(value) ? [{ step, value }] : [],
  );
  const stretch = Math.max(1, Math.ceil(recorded.length / numPoints));
  return Array.from({ length: Math.ceil(recorded.length / stretch) }, (_, i) => {
    const own = recorded.slice(i * stretch, (i + 1) * stretch);
    return { step: own.at(-1)!.step, value: mean(own.map(({ value }) => value)) };
  });
}

function short(value: number): string {
  const rounded = Number(value.toPrecision(3));
  return rounded !== 0 && Math.abs(rounded) < 0.001 ? rounded.toExponential() : String(rounded);
}
