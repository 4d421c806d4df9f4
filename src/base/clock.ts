// Time as an argument. Only this file reads the machine's clock.

/** `nowMs` is wall-clock time since 1970; `elapsedMs` is monotonic and only good for differences. */
export interface Clock {
  nowMs(): number;
  elapsedMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  elapsedMs: () => performance.now(),
};
