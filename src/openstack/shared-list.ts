import type { Clock } from '../clock.ts';

/**
 * One list call an interval for everybody who waits for a change, however many they are.
 *
 * A list shows only what happened before its call began. So nobody is given one that began before they asked: who asks
 * while a call runs gets the answer of the one after it.
 */
export interface SharedList<T> {
  /** Rejects with the error of the call, or with the signal's reason. */
  next(signal: AbortSignal): Promise<readonly T[]>;
  /** Ends the call that runs; everybody who waits is told `reason`. */
  close(reason: Error): void;
}

interface Waiter<T> {
  give: (list: readonly T[]) => void;
  fail: (error: Error) => void;
}

export function createSharedList<T>(
  fetch: (signal: AbortSignal) => Promise<readonly T[]>,
  intervalMs: number,
  clock: Clock,
): SharedList<T> {
  let waiting = new Set<Waiter<T>>();
  let running = false;
  let startedMs = -Infinity;
  const closed = new AbortController();

  const run = async () => {
    running = true;
    while (waiting.size > 0) {
      try {
        await clock.sleep(Math.max(0, startedMs + intervalMs - clock.nowMs()), closed.signal);
      } catch (error) {
        for (const waiter of waiting) waiter.fail(error as Error);
        break;
      }
      const served = waiting;
      waiting = new Set();
      startedMs = clock.nowMs();
      try {
        const list = await fetch(closed.signal);
        for (const waiter of served) waiter.give(list);
      } catch (error) {
        for (const waiter of served) waiter.fail(error as Error);
      }
    }
    running = false;
  };

  return {
    next(signal) {
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      if (closed.signal.aborted) return Promise.reject(closed.signal.reason as Error);
      return new Promise((resolve, reject) => {
        const leave = () => {
          // It may stand in the set that is being served, or in the next one.
          waiting.delete(waiter);
          reject(signal.reason as Error);
        };
        const end = () => signal.removeEventListener('abort', leave);
        const waiter: Waiter<T> = {
          give: (list) => (end(), resolve(list)),
          fail: (error) => (end(), reject(error)),
        };
        signal.addEventListener('abort', leave, { once: true });
        waiting.add(waiter);
        if (!running) void run();
      });
    },
    close: (reason) => closed.abort(reason),
  };
}
