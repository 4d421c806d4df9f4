// The Euclidean norm of a flat gradient and the factor that clips it. The optimizer multiplies by the factor as it reads the
// gradient, so clipping writes nothing.

/**
 * Euclidean norm of `gradient`, summed in float64 in a fixed order. It is finite exactly when every element is: the square of a
 * float32 cannot overflow a float64, so a NaN or an infinity here is one in the gradient.
 */
export function gradientNorm(gradient: Float32Array): number {
  return Math.sqrt(sumOfSquares(gradient));
}

/** Of its elements, in float64 and in a fixed order. */
export function sumOfSquares(gradient: Float32Array): number {
  // Four sums side by side, since one would wait for the addition before it; the order is part of the result's bits.
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  const whole = gradient.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    const g0 = gradient[i]!;
    const g1 = gradient[i + 1]!;
    const g2 = gradient[i + 2]!;
    const g3 = gradient[i + 3]!;
    s0 += g0 * g0;
    s1 += g1 * g1;
    s2 += g2 * g2;
    s3 += g3 * g3;
  }
  for (let i = whole; i < gradient.length; i++) s0 += gradient[i]! ** 2;
  return s0 + s1 + (s2 + s3);
}

/** What to multiply a gradient of this norm with so that its norm is at most `maxNorm`. 1 where it already is. */
export function clipScale(norm: number, maxNorm: number): number {
  return norm > maxNorm ? maxNorm / norm : 1;
}
