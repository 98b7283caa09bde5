import type { Clock } from '../../src/clock.ts';

/** A clock whose sleeps end at once, at the time they were to end. */
export function quickClock(): Clock {
  let nowMs = 1_000_000;
  return {
    nowMs: () => nowMs,
    sleep: async (delayMs, signal) => {
      signal?.throwIfAborted();
      nowMs += delayMs;
    },
    after: () => () => undefined,
  };
}
