import { nowS } from '../clock.ts';
import type { NodeRequest } from '../model/request.ts';
import type { Entry, Store, View } from '../store/store.ts';
import { formatSpan } from '../operator/cell.ts';
import { EXIT_NOT_RUN, EXIT_TIMEOUT, Failure } from './failure.ts';
import type { Progress } from './progress.ts';
import { readFacts } from '../operator/read-facts.ts';
import { advise, summarise } from '../operator/summary.ts';
import type { Tools } from './verb.ts';
import { askPools } from '../operator/why.ts';

/** A request that is answered quickly needs no explanation. */
const EXPLAIN_AFTER_MS = 300;
/** Launchers record their reasons a moment after they have decided. */
const REASON_DELAY_MS = 400;
/** Node's timers do not count further. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A live view of requests, and a way to wait for its next change. */
export interface RequestWatch {
  view: View<NodeRequest>;
  /** Resolves at the next change of any request; a change that was missed resolves it at once. */
  changed(): Promise<void>;
}

export async function watchRequests(store: Store): Promise<RequestWatch> {
  let wake = () => {};
  let next = new Promise<void>((resolve) => (wake = resolve));
  const view = await store.requests.watch(() => {
    wake();
    next = new Promise<void>((resolve) => (wake = resolve));
  });
  return { view, changed: () => next };
}

/**
 * Waits until the request has its nodes and returns their ids. Throws Failure when it failed, vanished or took too
 * long, and the reason of `signal`; the request is left as it is.
 */
export async function waitForNodes(
  tools: Tools,
  store: Store,
  watch: RequestWatch,
  { id, timeoutS, progress }: { id: string; timeoutS: number; progress: Progress },
): Promise<readonly string[]> {
  const ended = new AbortController();
  const timeout = AbortSignal.timeout(Math.min(timeoutS * 1000, MAX_TIMER_MS));
  const stopped = rejectOn(AbortSignal.any([tools.signal, timeout]), ended.signal);
  void tellReasons(tools, store, id, { watch, progress, signal: ended.signal });
  try {
    for (;;) {
      const next = watch.changed();
      const entry = watch.view.entries.get(id);
      if (!entry) throw new Failure(`request ${id} was removed by somebody else`, EXIT_NOT_RUN);
      if (entry.value.state === 'fulfilled') return entry.value.nodes;
      if (entry.value.state === 'failed') throw await explainFailure(tools, store, entry);
      await Promise.race([next, stopped]);
    }
  } catch (error) {
    if (!timeout.aborted || error !== timeout.reason) throw error;
    throw await explainTimeout(tools, store, watch.view.entries.get(id), timeoutS);
  } finally {
    ended.abort();
  }
}

/** Rejects when the first signal is aborted; the second one ends its life. */
function rejectOn(signal: AbortSignal, ended: AbortSignal): Promise<never> {
  const promise = new Promise<never>((_, reject) => {
    const fail = () => reject(signal.reason as Error);
    if (signal.aborted) return fail();
    signal.addEventListener('abort', fail, { signal: ended });
  });
  promise.catch(() => undefined);
  return promise;
}

/** Shows why the request waits, as far as launchers say, whenever that changes. */
async function tellReasons(
  tools: Tools,
  store: Store,
  id: string,
  { watch, progress, signal }: { watch: RequestWatch; progress: Progress; signal: AbortSignal },
): Promise<void> {
  const views: { close(): void }[] = [];
  try {
    await tools.clock.sleep(EXPLAIN_AFTER_MS, signal);
    const ended = new Promise<void>((resolve) =>
      signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    let due = true;
    let wake = () => {};
    const onChange = () => {
      due = true;
      wake();
    };
    views.push(await store.decisions.watch((change) => change.id === id && onChange()));
    views.push(await store.pools.watch(onChange));
    while (!signal.aborted) {
      const entry = watch.view.entries.get(id);
      if (due && entry && entry.value.state !== 'failed') {
        due = false;
        const facts = await readFacts(store);
        if (!signal.aborted) progress.show(summarise(entry, askPools(entry, facts), nowS(tools.clock)));
      }
      const changed = new Promise<void>((resolve) => (wake = resolve));
      if (!due) await Promise.race([changed, ended]);
      await tools.clock.sleep(EXPLAIN_AFTER_MS, signal);
    }
  } catch (error) {
    if (!signal.aborted) tools.log.debug('the reasons cannot be shown', { error });
  } finally {
    for (const view of views) view.close();
  }
}

async function explainFailure(tools: Tools, store: Store, entry: Entry<NodeRequest>): Promise<Failure> {
  let facts = await readFacts(store);
  if (facts.decisions.get(entry.id) === undefined) {
    await tools.clock.sleep(REASON_DELAY_MS, tools.signal);
    facts = await readFacts(store);
  }
  const now = nowS(tools.clock);
  const answers = askPools(entry, facts);
  const lines = [summarise(entry, answers, now), ...advise(entry, answers, facts, now)];
  return new Failure(`request ${entry.id} ${lines.join('; ')}`, EXIT_NOT_RUN);
}

async function explainTimeout(
  tools: Tools,
  store: Store,
  entry: Entry<NodeRequest> | undefined,
  timeoutS: number,
): Promise<Failure> {
  const waited = `no node within ${formatSpan(timeoutS)}`;
  if (!entry) return new Failure(waited, EXIT_TIMEOUT);
  const facts = await readFacts(store);
  const reason = summarise(entry, askPools(entry, facts), nowS(tools.clock));
  return new Failure(`${waited}: ${reason}`, EXIT_TIMEOUT);
}
