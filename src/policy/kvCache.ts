// Keys and values of the sequences that are being sampled, in arrays that enter the graphs without a copy. Slots 0..n-1 are in
// use, so that the graphs see a dense prefix. Positions grow in blocks; a longer cache does not change any bit of a result.
//
// Dimension key:  B slots, C key/value heads, S positions, K head width.

import type { NDArray } from "../runtime/session.ts";
import { hiddenScore } from "./sequenceFeeds.ts";

/** What a cache has room for, but for the number of positions, which grows. */
export interface CacheShape {
  readonly numLayers: number;
  readonly numKvHeads: number;
  readonly headWidth: number;
  readonly numSlots: number;
}

/** Keys and values of one prompt: for each layer [C, positions, K]. */
export interface CachedPrompt {
  readonly numPositions: number;
  /** Where its positions were sent, [positions, L, k]; absent where nobody asked. */
  readonly experts?: Uint16Array;
  readonly layers: readonly { readonly keys: Float32Array; readonly values: Float32Array }[];
}

const blockPositions = 64;

/** Keys and values of all slots; `visible` hides what a slot does not hold. */
export class KvCache {
  readonly #shape: CacheShape;
  #numPositions: number;
  #layers: { keys: Float32Array; values: Float32Array }[];
  #visible: Float32Array;

  constructor(shape: CacheShape) {
    this.#shape = shape;
    this.#numPositions = blockPositions;
    this.#layers = Array.from({ length: shape.numLayers }, () => this.#emptyLayer());
    this.#visible = this.#hiddenRows();
  }

  /** Makes room for `positions` positions in every slot. */
  reserve(positions: number): void {
    if (positions <= this.#numPositions) return;
    const before = { layers: this.#layers, visible: this.#visible, numPositions: this.#numPositions };
    this.#numPositions = Math.ceil(positions / blockPositions) * blockPositions;
    const { numSlots, numKvHeads, headWidth } = this.#shape;
    const copy = (from: Float32Array, to: Float32Array, { rows, width }: { rows: number; width: number }): void => {
      const [short, long] = [before.numPositions * width, this.#numPositions * width];
      for (let row = 0; row < rows; row++) to.set(from.subarray(row * short, (row + 1) * short), row * long);
    };
    this.#layers = before.layers.map(({ keys, values }) => {
      const grown = this.#emptyLayer();
      copy(keys, grown.keys, { rows: numSlots * numKvHeads, width: headWidth });
      copy(values, grown.values, { rows: numSlots * numKvHeads, width: headWidth });
      return grown;
    });
    this.#visible = this.#hiddenRows();
    copy(before.visible, this.#visible, { rows: numSlots, width: 1 });
  }

  /** Starts a slot with a prompt's keys and values; whatever was in it is hidden. */
  fill(slot: number, prompt: CachedPrompt): void {
    this.reserve(prompt.numPositions);
    const { numKvHeads, headWidth } = this.#shape;
    const length = prompt.numPositions * headWidth;
    prompt.layers.forEach(({ keys, values }, layer) => {
      for (let head = 0; head < numKvHeads; head++) {
        const to = (slot * numKvHeads + head) * this.#numPositions * headWidth;
        this.#layers[layer]!.keys.set(keys.subarray(head * length, (head + 1) * length), to);
        this.#layers[layer]!.values.set(values.subarray(head * length, (head + 1) * length), to);
      }
    });
    const row = slot * this.#numPositions;
    this.#visible.fill(0, row, row + prompt.numPositions);
    this.#visible.fill(hiddenScore, row + prompt.numPositions, row + this.#numPositions);
  }

  /** Writes one layer's new keys and values [B, C, 1, K], slot b at `positions[b]`. */
  write(layer: number, { keys, values, positions }: { keys: Float32Array; values: Float32Array; positions: readonly number[] }): void {
    const { numKvHeads, headWidth } = this.#shape;
    const cache = this.#layers[layer]!;
    positions.forEach((position, slot) => {
      for (let head = 0; head < numKvHeads; head++) {
        const from = (slot * numKvHeads + head) * headWidth;
        const to = ((slot * numKvHeads + head) * this.#numPositions + position) * headWidth;
        for (let i = 0; i < headWidth; i++) {
          cache.keys[to + i] = keys[from + i]!;
          cache.values[to + i] = values[from + i]!;
        }
      }
    });
  }

  /** Lets later queries of a slot see `position`. */
  show(slot: number, position: number): void {
    this.#visible[slot * this.#numPositions + position] = 0;
  }

  /** Moves a slot's content to another slot. */
  move(from: number, to: number): void {
    const stride = this.#shape.numKvHeads * this.#numPositions * this.#shape.headWidth;
    for (const { keys, values } of this.#layers) {
      keys.copyWithin(to * stride, from * stride, (from + 1) * stride);
      values.copyWithin(to * stride, from * stride, (from + 1) * stride);
    }
    this.#visible.copyWithin(to * this.#numPositions, from * this.#numPositions, (from + 1) * this.#numPositions);
  }

  /** The first `numSlots` slots of a layer, as graph inputs. */
  feeds(layer: number, numSlots: number): Record<"cachedKeys" | "cachedValues" | "visible", NDArray> {
    const { numKvHeads, headWidth } = this.#shape;
    const shape = [numSlots, numKvHeads, this.#numPositions, headWidth];
    const size = numSlots * numKvHeads * this.#numPositions * headWidth;
    const { keys, values } = this.#layers[layer]!;
    return {
      cachedKeys: { shape, data: keys.subarray(0, size) },
      cachedValues: { shape, data: values.subarray(0, size) },
      visible: { shape: [numSlots, 1, 1, this.#numPositions], data: this.#visible.subarray(0, numSlots * this.#numPositions) },
    };
  }

  #emptyLayer(): { keys: Float32Array; values: Float32Array } {
    const { numSlots, numKvHeads, headWidth } = this.#shape;
    const size = numSlots * numKvHeads * this.#numPositions * headWidth;
    return { keys: new Float32Array(size), values: new Float32Array(size) };
  }

  #hiddenRows(): Float32Array {
    return new Float32Array(this.#shape.numSlots * this.#numPositions).fill(hiddenScore);
  }
}
