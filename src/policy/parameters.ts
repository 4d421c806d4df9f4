// Parameters as graph inputs: one input for each tensor of the layout, and one for each expert's part of an expert tensor, so that
// no graph has to cut a weight out of a larger one. All are views of the flat vector.

import { input } from "../graph/ops.ts";
import { numElements } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ParameterLayout } from "./architecture.ts";

/** A contiguous piece of the flat vector that enters a graph by itself. */
export interface ParameterPiece {
  /** The tensor's name, and the expert's number where it is one expert's part: "layers.0.down.3". */
  readonly name: string;
  readonly shape: readonly number[];
  /** First float in the flat vector. */
  readonly offset: number;
}

/** The pieces of all tensors, in the order of the layout. */
export function parameterPieces({ entries }: ParameterLayout): readonly ParameterPiece[] {
  return entries.flatMap(({ name, shape, offset }): ParameterPiece[] => {
    if (shape.length < 3) return [{ name, shape, offset }];
    const [numExperts, ...rest] = shape as [number, ...number[]];
    return Array.from({ length: numExperts }, (_, expert) => ({
      name: `${name}.${expert}`,
      shape: rest,
      offset: offset + expert * numElements(rest),
    }));
  });
}

/** The graph's view of the parameters: the input for a piece's name, made at its first use. */
export interface ParameterInputs {
  readonly get: (name: string) => Tensor;
  /** The pieces that were used, with their inputs. */
  readonly used: () => readonly { readonly piece: ParameterPiece; readonly tensor: Tensor }[];
}

/** The parameters of one graph, as inputs named after their pieces. */
export function parameterInputs(pieces: readonly ParameterPiece[]): ParameterInputs {
  const byName = new Map(pieces.map((piece) => [piece.name, piece]));
  const made = new Map<string, { piece: ParameterPiece; tensor: Tensor }>();
  const get = (name: string): Tensor => {
    const known = made.get(name);
    if (known !== undefined) return known.tensor;
    const piece = byName.get(name);
    if (piece === undefined) throw new RangeError(`parameterInputs: no parameter is called "${name}"`);
    const tensor = input(name, piece.shape);
    made.set(name, { piece, tensor });
    return tensor;
  };
  return { get, used: () => [...made.values()] };
}
