// Time as an argument: what measures or waits is given a `Clock`, so that a test can hand it another one.
// Only this file reads the machine's clock.

/** `nowMs` is wall-clock time since 1970; `elapsedMs` is monotonic and only good for differences. */
export interface Clock {
  nowMs(): number;
  elapsedMs(): number;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  elapsedMs: () => performance.now(),
};
