import type { Clock } from '../clock.ts';

/**
 * One list call an interval for everybody who waits for a change, however many they are.
 *
 * A list shows only what happened before its call began. So nobody is given one that began before they asked: who asks
 * while a call runs is shown the answer of the one after it.
 */
export interface SharedList<T> {
  /** The list itself. Rejects with the error of the call, or with the signal's reason. */
  next(signal: AbortSignal): Promise<T>;
  /**
   * What `find` finds, in the first list in which it finds anything. Rejects with what `find` throws, with the signal's reason,
   * or with the error of a call; trouble that passes is waited out.
   */
  until<R>(find: (list: T) => R | undefined, wait: Wait): Promise<R>;
  /** Ends the call that runs; everybody who waits is told `reason`. */
  close(reason: Error): void;
}

export interface Wait {
  signal: AbortSignal;
  /**
   * Since when this has been waited for, in milliseconds; from now on if not given. Who has waited for long can wait a little
   * longer for each list: a twentieth of that time, so that what takes ten minutes is not asked for six hundred times.
   */
  sinceMs?: number;
  /** A list of what has changed is enough, where there are such lists. */
  changesOnly?: boolean;
}

export interface SharedListOptions<T> {
  /** `isWhole`: somebody needs more than changes. */
  fetch: (signal: AbortSignal, isWhole: boolean) => Promise<T>;
  intervalMs: number;
  clock: Clock;
  /** Whether trouble is worth waiting for its end. */
  isPassing?: (error: unknown) => boolean;
}

interface Waiter<T> {
  sinceMs: number;
  isWhole: boolean;
  /** The first call that may answer. */
  from: number;
  /** True when that is all. */
  take: (list: T) => boolean;
  fail: (error: Error) => void;
  isPatient: boolean;
}

const SHARE = 1 / 20;
const MOST_PAUSE_MS = 10_000;
/** After trouble. */
const RETRY_MS = 2_000;

export function createSharedList<T>({
  fetch,
  intervalMs,
  clock,
  isPassing = () => false,
}: SharedListOptions<T>): SharedList<T> {
  const waiting = new Set<Waiter<T>>();
  let running = false;
  let calls = 0;
  let startedMs = -Infinity;
  let leastPauseMs = intervalMs;
  /** While nobody is due: until when, and how to look again. */
  let pause: { untilMs: number; end: AbortController } | undefined;
  const closed = new AbortController();

  const dueMs = ({ sinceMs }: Waiter<T>): number =>
    startedMs + Math.max(leastPauseMs, Math.min(MOST_PAUSE_MS, (startedMs - sinceMs) * SHARE));

  /** Until the first of those who wait is due; who comes meanwhile may be due earlier. */
  const untilDue = async () => {
    while (waiting.size > 0 && !closed.signal.aborted) {
      let untilMs = Infinity;
      for (const waiter of waiting) untilMs = Math.min(untilMs, dueMs(waiter));
      if (untilMs <= clock.nowMs()) return;
      pause = { untilMs, end: new AbortController() };
      await clock.sleep(untilMs - clock.nowMs(), pause.end.signal).catch(() => undefined);
      pause = undefined;
    }
  };

  const call = async () => {
    const number = (calls += 1);
    const served = [...waiting];
    startedMs = clock.nowMs();
    leastPauseMs = intervalMs;
    try {
      const list = await fetch(
        closed.signal,
        served.some(({ isWhole }) => isWhole),
      );
      for (const waiter of waiting) if (waiter.from <= number && waiter.take(list)) waiting.delete(waiter);
    } catch (error) {
      const passes = !closed.signal.aborted && isPassing(error);
      startedMs = clock.nowMs();
      if (passes) leastPauseMs = Math.max(intervalMs, RETRY_MS);
      for (const waiter of waiting) {
        if (waiter.from > number || (passes && waiter.isPatient)) continue;
        waiting.delete(waiter);
        waiter.fail(error as Error);
      }
    }
  };

  const run = async () => {
    running = true;
    while (waiting.size > 0) {
      await untilDue();
      if (closed.signal.aborted) break;
      if (waiting.size > 0) await call();
    }
    running = false;
    for (const waiter of waiting) waiter.fail(closed.signal.reason as Error);
    waiting.clear();
  };

  const wait = <R>(
    find: (list: T) => R | undefined,
    { signal, sinceMs, changesOnly }: Wait,
    isPatient: boolean,
  ) => {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    if (closed.signal.aborted) return Promise.reject(closed.signal.reason as Error);
    return new Promise<R>((resolve, reject) => {
      const end = () => signal.removeEventListener('abort', leave);
      const waiter: Waiter<T> = {
        sinceMs: sinceMs ?? clock.nowMs(),
        isWhole: changesOnly !== true,
        from: calls + 1,
        take(list) {
          let found: R | undefined;
          try {
            found = find(list);
          } catch (error) {
            waiter.fail(error as Error);
            return true;
          }
          if (found === undefined) return false;
          end();
          resolve(found);
          return true;
        },
        fail: (error) => (end(), reject(error)),
        isPatient,
      };
      const leave = () => {
        waiting.delete(waiter);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', leave, { once: true });
      waiting.add(waiter);
      if (!running) void run();
      else if (pause !== undefined && dueMs(waiter) < pause.untilMs) pause.end.abort();
    });
  };

  return {
    next: (signal) => wait((list) => list ?? undefined, { signal }, false),
    until: (find, how) => wait(find, how, true),
    close(reason) {
      closed.abort(reason);
      pause?.end.abort();
    },
  };
}
