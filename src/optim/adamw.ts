// AdamW over one flat parameter vector, updated in place. The state is two vectors of the same length and a counter, so that a
// checkpoint holds them as they are. Arithmetic is float64 between a float32 load and a float32 store, element by element, so the
// result depends on nothing but the inputs. Not here: clipping and schedules, which are numbers computed before.

/** Moments of the gradient. `meanOfGradient` and `meanOfSquare` are as long as the parameters and are updated in place. */
export interface AdamWState {
  /** Updates applied so far. */
  readonly numUpdates: number;
  readonly meanOfGradient: Float32Array;
  readonly meanOfSquare: Float32Array;
}

/** AdamW's constants and the rate of this update, by the names of `updateAdamW`'s formula. */
export interface AdamWSettings {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** Elements `from` to `to` (exclusive) of the parameter vector, and whether weight decay applies to them. */
export interface DecayRange {
  readonly from: number;
  readonly to: number;
  readonly decays: boolean;
}

/** One update. Gradients are read as `gradientScale * gradient`, so that clipping costs no pass of its own. */
export interface AdamWUpdate {
  readonly parameters: Float32Array;
  readonly gradient: Float32Array;
  readonly gradientScale: number;
  /** Must cover the vector from 0 to its end without gap or overlap. */
  readonly ranges: readonly DecayRange[];
  readonly settings: AdamWSettings;
}

/** AdamW as a pair: a fresh state, and one update. */
export const adamW = { init: initAdamW, update: updateAdamW };

function initAdamW(numParameters: number): AdamWState {
  return { numUpdates: 0, meanOfGradient: new Float32Array(numParameters), meanOfSquare: new Float32Array(numParameters) };
}

/**
 * One step of AdamW; `parameters` and the state's vectors change in place, the returned state shares them.
 *
 *     m = beta1 m + (1 - beta1) g
 *     v = beta2 v + (1 - beta2) g^2
 *     theta = theta - lr [ (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon) + weightDecay theta ]
 *
 * Algorithm 2 of Loshchilov and Hutter (arXiv:1711.05101), with the schedule multiplier in `lr` and decay scaled by it, as
 * implementations do.
 */
function updateAdamW(state: AdamWState, { parameters, gradient, gradientScale, ranges, settings }: AdamWUpdate): AdamWState {
  checkLengths(state, { parameters, gradient, ranges });
  const t = state.numUpdates + 1;
  // Both bias corrections are moved out of the loop:
  //   (m / c1) / (sqrt(v / c2) + epsilon) = m (sqrt(c2) / c1) / (sqrt(v) + epsilon sqrt(c2))
  const rootOfC2 = Math.sqrt(1 - settings.beta2 ** t);
  const rate = (settings.learningRate * rootOfC2) / (1 - settings.beta1 ** t);
  for (const { from, to, decays } of ranges) {
    updateRange(parameters.subarray(from, to), {
      gradient: gradient.subarray(from, to),
      m: state.meanOfGradient.subarray(from, to),
      v: state.meanOfSquare.subarray(from, to),
      gradientScale,
      beta1: settings.beta1,
      beta2: settings.beta2,
      rate,
      epsilon: settings.epsilon * rootOfC2,
      keep: decays ? 1 - settings.learningRate * settings.weightDecay : 1,
    });
  }
  return { ...state, numUpdates: t };
}

interface RangeInputs {
  readonly gradient: Float32Array;
  readonly m: Float32Array;
  readonly v: Float32Array;
  readonly gradientScale: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly rate: number;
  readonly epsilon: number;
  /** What is left of a parameter after weight decay. */
  readonly keep: number;
}

/** The loop that a training step waits for: no calls, no allocation, four streams of float32. */
function updateRange(theta: Float32Array, { gradient, m, v, gradientScale, beta1, beta2, rate, epsilon, keep }: RangeInputs): void {
  const gain1 = (1 - beta1) * gradientScale;
  const gain2 = (1 - beta2) * gradientScale * gradientScale;
  const length = theta.length;
  for (let i = 0; i < length; i++) {
    const g = gradient[i]!;
    const mean = beta1 * m[i]! + gain1 * g;
    const square = beta2 * v[i]! + gain2 * g * g;
    m[i] = mean;
    v[i] = square;
    theta[i] = keep * theta[i]! - (rate * mean) / (Math.sqrt(square) + epsilon);
  }
}

function checkLengths(state: AdamWState, { parameters, gradient, ranges }: Pick<AdamWUpdate, "parameters" | "gradient" | "ranges">): void {
  const numParameters = state.meanOfGradient.length;
  if (parameters.length !== numParameters || gradient.length !== numParameters) {
    throw new RangeError(
      `adamW: vectors must be as long as the state, got ${parameters.length} parameters and ${gradient.length} gradients for a state of ${numParameters}`,
    );
  }
  let covered = 0;
  for (const { from, to } of ranges) {
    if (from !== covered || to < from)
      throw new RangeError(`adamW: ranges must follow one another from 0, got ${from}..${to} after ${covered}`);
    covered = to;
  }
  if (covered !== numParameters) throw new RangeError(`adamW: ranges must cover all parameters, got ${covered} of ${numParameters}`);
}
