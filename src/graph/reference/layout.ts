// Float64 kernels of the ops that move elements without changing them.
// Written for plainness: they are what the engine is compared with.

import { numElements } from "../shape.ts";
import { type ArrayValue, at, checkIndex, generate, type Kernel, takeRows } from "./array.ts";

type None = Record<string, never>;

/** A symbol that has no size yet, if there is one, takes what is left. */
const reshape: Kernel<unknown> = ({ inputs: [x], shapes: [target], fail }) => {
  const known = numElements(target!.filter((size) => size !== -1));
  const shape = target!.map((size) => (size === -1 ? x!.data.length / known : size));
  if (numElements(shape) !== x!.data.length) fail(`[${shape}] does not hold ${x!.data.length} elements`);
  return [{ shape, data: x!.data }];
};

const transpose: Kernel<{ readonly order: readonly number[] }> = ({ inputs: [x], attributes: { order } }) => {
  const shape = order.map((axis) => x!.shape[axis]!);
  return [
    generate(shape, (index) =>
      at(
        x!,
        order.map((_, axis) => index[order.indexOf(axis)]!),
      ),
    ),
  ];
};

const split: Kernel<{ readonly axis: number; readonly sizes: readonly unknown[] }> = ({ inputs: [x, counts], attributes, fail }) => {
  const sizes = counts === undefined ? (attributes.sizes as readonly number[]) : [...counts.data];
  const total = sizes.reduce((a, b) => a + b, 0);
  if (total !== x!.shape[attributes.axis]) fail(`parts of ${sizes.join(" + ")} do not fill axis ${attributes.axis}`);
  return sizes.map((size, part) => {
    const start = sizes.slice(0, part).reduce((a, b) => a + b, 0);
    const shape = x!.shape.with(attributes.axis, size);
    return generate(shape, (index) => at(x!, index.with(attributes.axis, index[attributes.axis]! + start)));
  });
};

const concat: Kernel<{ readonly axis: number; readonly rows?: unknown }> = ({ inputs, attributes: { axis, rows }, fail }) => {
  const parts = rows === undefined ? inputs : inputs.slice(0, -1);
  const counts = rows === undefined ? undefined : inputs.at(-1);
  if (counts !== undefined && parts.some((part, i) => part.shape[0] !== counts.data[i])) {
    fail(`the parts must have ${[...counts.data].join(", ")} rows`);
  }
  return [join(parts, axis)];
};

const prefix: Kernel<{ readonly axis: number }> = ({ inputs: [x], attributes: { axis }, shapes: [shape], fail }) => {
  const size = shape![axis]!;
  if (!(size >= 0 && size <= x!.shape[axis]!)) fail(`axis ${axis} must have at least ${size} entries`);
  return [generate(x!.shape.with(axis, size), (index) => at(x!, index))];
};

const padLike: Kernel<{ readonly axis: number }> = ({ inputs: [x, like], attributes: { axis }, fail }) => {
  if (x!.shape[axis]! > like!.shape[axis]!) fail(`axis ${axis} must not be longer than that of the second`);
  return [generate(like!.shape, (index) => (index[axis]! < x!.shape[axis]! ? at(x!, index) : 0))];
};

const gatherRows: Kernel<unknown> = ({ inputs: [x, index], fail }) => [takeRows(x!, { index: index!, fail })];

const gatherParts: Kernel<None> = ({ inputs: [x, , ...indices], fail }) => indices.map((index) => takeRows(x!, { index, fail }));

const gatherJoined: Kernel<{ readonly numParts: number }> = ({ inputs, attributes: { numParts }, fail }) => [
  takeRows(join(inputs.slice(0, numParts), 0), { index: inputs[numParts]!, fail }),
];

const scatterRows: Kernel<{ readonly reduction: "add" | "none" }> = ({ inputs: [rows, index, like], attributes: { reduction }, fail }) => {
  const data = new Float64Array(like!.data.length);
  const width = numElements(like!.shape.slice(1));
  if (reduction === "none" && new Set(index!.data).size !== index!.data.length)
    fail(`no row may be named twice in ${index!.data.join(", ")}`);
  index!.data.forEach((target, row) => {
    checkIndex(target, { size: like!.shape[0]!, fail });
    for (let i = 0; i < width; i++) data[target * width + i]! += rows!.data[row * width + i]!;
  });
  return [{ shape: like!.shape, data }];
};

const oneHot: Kernel<{ readonly depth: number }> = ({ inputs: [index], attributes: { depth }, fail }) => {
  for (const target of index!.data) checkIndex(target, { size: depth, fail });
  return [generate([...index!.shape, depth], (position) => Number(at(index!, position.slice(0, -1)) === position.at(-1)))];
};

const pick: Kernel<None> = ({ inputs: [x, index], fail }) => {
  for (const target of index!.data) checkIndex(target, { size: x!.shape.at(-1)!, fail });
  return [generate(index!.shape, (position) => at(x!, position.with(-1, at(index!, position))))];
};

function join(parts: readonly ArrayValue[], axis: number): ArrayValue {
  const sizes = parts.map((part) => part.shape[axis]!);
  const shape = parts[0]!.shape.with(
    axis,
    sizes.reduce((a, b) => a + b, 0),
  );
  return generate(shape, (index) => {
    let along = index[axis]!;
    let part = 0;
    while (along >= sizes[part]!) along -= sizes[part++]!;
    return at(parts[part]!, index.with(axis, along));
  });
}

export const layoutKernels = {
  reshape,
  transpose,
  split,
  concat,
  joinRows: (({ inputs }) => [join(inputs, 0)]) satisfies Kernel<None>,
  prefix,
  padLike,
  gatherRows,
  gatherParts,
  gatherJoined,
  scatterRows,
  oneHot,
  pick,
};
