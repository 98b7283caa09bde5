import type { Clock } from '../clock.ts';
import { nowS } from '../clock.ts';
import { NotFoundError, reasonOf, StoreError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { PoolDecision, Verdict } from '../model/decision.ts';
import type { Store } from '../store/store.ts';

/** Records why requests wait, for `nodepool explain`. Requests that are served at once leave no trace. */
export interface DecisionLog {
  note(requestId: string, pool: string, verdict: Verdict, reason: string): void;
  /** Resolves when what was noted about the request is in the store, whether that worked or not. */
  settle(requestId: string): Promise<void>;
  /** The request is served or gone. */
  forget(requestId: string): void;
  /** Takes over what other processes have left behind: drops it when the request is gone, or later, when it goes. */
  sweep(isOpen: (requestId: string) => boolean): Promise<void>;
  close(): void;
}

const DELAY_MS = 150;

export function createDecisionLog(store: Store, deps: { log: Logger; clock: Clock }): DecisionLog {
  /** What is, or will be, in the store, by request and pool. */
  const known = new Map<string, Map<string, PoolDecision>>();
  const unwritten = new Set<string>();
  const written = new Set<string>();
  let cancelTimer: (() => void) | undefined;

  const write = async (requestId: string) => {
    const latest = Object.fromEntries(known.get(requestId) ?? []);
    try {
      await store.decisions.update(requestId, (record) => ({
        ...record,
        pools: { ...record.pools, ...latest },
      }));
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      await store.decisions.create({ pools: latest, unknown: {} }, { id: requestId });
    }
    // Forgotten while it was being written.
    if (!known.has(requestId)) await store.decisions.remove(requestId);
  };
  const settle = async (requestId: string) => {
    if (!unwritten.delete(requestId)) return;
    written.add(requestId);
    try {
      await write(requestId);
    } catch (error) {
      // Another launcher may have created the record in between; the next decision is written again.
      if (error instanceof StoreError) known.delete(requestId);
      deps.log.debug('a decision was not recorded', { requestId, error: reasonOf(error) });
    }
  };
  const flush = () => {
    cancelTimer = undefined;
    for (const requestId of [...unwritten]) void settle(requestId);
  };

  return {
    note(requestId, pool, verdict, reason) {
      let pools = known.get(requestId);
      if (!pools) known.set(requestId, (pools = new Map<string, PoolDecision>()));
      const before = pools.get(pool);
      if (before?.verdict === verdict && before.reason === reason) return;
      pools.set(pool, { verdict, reason, timeS: nowS(deps.clock) });
      unwritten.add(requestId);
      cancelTimer ??= deps.clock.after(DELAY_MS, flush);
    },
    settle,
    forget(requestId) {
      known.delete(requestId);
      unwritten.delete(requestId);
      if (!written.delete(requestId)) return;
      store.decisions.remove(requestId).catch((error: unknown) => {
        deps.log.debug('a decision was not removed', { requestId, error: reasonOf(error) });
      });
    },
    async sweep(isOpen) {
      for (const entry of await store.decisions.list()) {
        if (isOpen(entry.id)) written.add(entry.id);
        else if (!known.has(entry.id)) await store.decisions.remove(entry.id);
      }
    },
    close() {
      cancelTimer?.();
    },
  };
}
