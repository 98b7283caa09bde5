import type { Clock } from '../clock.ts';

/**
 * One list call an interval for everybody who waits for a change, however many they are.
 *
 * A list shows only what happened before its call began. So nobody is given one that began before they asked: who asks
 * while a call runs gets the answer of the one after it.
 */
export interface SharedList<T> {
  /**
   * Rejects with the error of the call, or with the signal's reason. Who has waited for long, since `sinceMs`, can wait a
   * little longer for each list: a twentieth of that time, so that what takes ten minutes is not asked for six hundred times.
   */
  next(signal: AbortSignal, sinceMs?: number): Promise<readonly T[]>;
  /** Ends the call that runs; everybody who waits is told `reason`. */
  close(reason: Error): void;
}

interface Waiter<T> {
  sinceMs: number;
  give: (list: readonly T[]) => void;
  fail: (error: Error) => void;
}

const SHARE = 1 / 20;
const MOST_PAUSE_MS = 10_000;

export function createSharedList<T>(
  fetch: (signal: AbortSignal) => Promise<readonly T[]>,
  intervalMs: number,
  clock: Clock,
): SharedList<T> {
  let waiting = new Set<Waiter<T>>();
  let running = false;
  let startedMs = -Infinity;
  /** While nobody is due: until when, and how to look again. */
  let pause: { untilMs: number; end: AbortController } | undefined;
  const closed = new AbortController();

  const dueMs = ({ sinceMs }: Waiter<T>): number =>
    startedMs + Math.max(intervalMs, Math.min(MOST_PAUSE_MS, (startedMs - sinceMs) * SHARE));

  /** Until the first of those who wait is due; who comes meanwhile may be due earlier. Rejects when all ends. */
  const untilDue = async () => {
    while (waiting.size > 0) {
      closed.signal.throwIfAborted();
      const untilMs = Math.min(...[...waiting].map(dueMs));
      if (untilMs <= clock.nowMs()) return;
      pause = { untilMs, end: new AbortController() };
      await clock.sleep(untilMs - clock.nowMs(), pause.end.signal).catch(() => undefined);
      pause = undefined;
    }
  };

  const run = async () => {
    running = true;
    while (waiting.size > 0) {
      try {
        await untilDue();
      } catch (error) {
        for (const waiter of waiting) waiter.fail(error as Error);
        break;
      }
      const served = waiting;
      waiting = new Set();
      if (served.size === 0) break;
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
    next(signal, sinceMs = Infinity) {
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
          sinceMs,
          give: (list) => (end(), resolve(list)),
          fail: (error) => (end(), reject(error)),
        };
        signal.addEventListener('abort', leave, { once: true });
        waiting.add(waiter);
        if (!running) void run();
        else if (pause !== undefined && dueMs(waiter) < pause.untilMs) pause.end.abort();
      });
    },
    close(reason) {
      closed.abort(reason);
      pause?.end.abort();
    },
  };
}
