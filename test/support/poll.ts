import { setTimeout as sleep } from 'node:timers/promises';

export interface PollOptions {
  /** Default 10 s. */
  timeoutMs?: number;
  /** Default 20 ms. */
  intervalMs?: number;
  /** For the error message: what is waited for. */
  what?: string;
}

/**
 * Repeats `check` until it gives something other than undefined, null or false, and returns that. Only for what sends
 * no event to this process: foreign processes, files, ports.
 */
export async function until<T>(
  check: () => T | Promise<T>,
  { timeoutMs = 10_000, intervalMs = 20, what = check.toString() }: PollOptions = {},
): Promise<NonNullable<T>> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const found = await check();
    if (found !== undefined && found !== null && found !== false) return found;
    if (performance.now() > endMs) throw new Error(`waited ${timeoutMs / 1000} s in vain for: ${what}`);
    await sleep(intervalMs);
  }
}
