import type { Clock } from '../clock.ts';

/** Keeps calls of one service apart: the option `rate` is the least time between the starts of two. */
export interface Pace {
  /** Resolves when it is the caller's turn, in the order of asking. Rejects with the signal's reason. */
  turn(signal: AbortSignal): Promise<void>;
}

export function createPace(intervalMs: number, clock: Clock): Pace {
  let nextMs = 0;
  return {
    async turn(signal) {
      signal.throwIfAborted();
      if (intervalMs <= 0) return;
      const nowMs = clock.nowMs();
      const startMs = Math.max(nowMs, nextMs);
      nextMs = startMs + intervalMs;
      if (startMs > nowMs) await clock.sleep(startMs - nowMs, signal);
    },
  };
}
