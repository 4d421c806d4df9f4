// Shapes whose dimensions are numbers or products of named symbols ("N", "2*B*T"). A symbol stands for a size that is known
// only when the graph runs; two dimensions are equal when they are the same product.

/** A size: a number, or a product of a number and symbols such as "2*B*T", in the normal form of `mulDims`. */
export type Dim = number | string;
/** Sizes of the axes, outermost first; a scalar has none. */
export type Shape = readonly Dim[];

/** Product of dimensions in normal form: the number first, then the symbols in alphabetical order. */
export function mulDims(...dims: readonly Dim[]): Dim {
  let factor = 1;
  const symbols: string[] = [];
  for (const dim of dims) {
    for (const part of typeof dim === "number" ? [dim] : dim.split("*")) {
      const value = Number(part);
      if (Number.isNaN(value)) symbols.push(part as string);
      else factor *= value;
    }
  }
  if (symbols.length === 0 || factor === 0) return factor;
  const product = symbols.sort().join("*");
  return factor === 1 ? product : `${factor}*${product}`;
}

/** Number of elements of a tensor of this shape. */
export function numElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Number of elements. */
export function sizeOf(shape: Shape): Dim {
  return mulDims(1, ...shape);
}

/** Whether two shapes are equal for all sizes of their symbols. */
export function sameDims(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** As messages show it: "[4,2*N]". */
export function formatShape(shape: Shape): string {
  return `[${shape.join(",")}]`;
}

/** Numpy broadcasting. Undefined where two dimensions differ and neither is 1. */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const result: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const left = a[a.length - rank + i] ?? 1;
    const right = b[b.length - rank + i] ?? 1;
    if (left !== right && left !== 1 && right !== 1) return undefined;
    result.push(left === 1 ? right : left);
  }
  return result;
}

/** Values of symbols, for shapes of real arrays. */
export type Bindings = ReadonlyMap<string, number>;

/** The number that `dim` is under `bindings`. */
export function resolveDim(dim: Dim, bindings: Bindings): number {
  if (typeof dim === "number") return dim;
  return dim.split("*").reduce((product, part) => {
    const value = bindings.get(part) ?? Number(part);
    if (Number.isNaN(value)) throw new RangeError(`resolveDim: symbol "${part}" has no value`);
    return product * value;
  }, 1);
}

/** Axis counted from the front; negative ones count from the back. Undefined when out of range. */
export function normalAxis(axis: number, rank: number): number | undefined {
  const front = axis < 0 ? axis + rank : axis;
  return Number.isInteger(front) && front >= 0 && front < rank ? front : undefined;
}
