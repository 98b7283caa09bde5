import { randomUUID } from 'node:crypto';
import { nowS } from '../clock.ts';
import { NotFoundError, reasonOf } from '../errors.ts';
import { makeRequest, type NodeRequest } from '../model/request.ts';
import type { Change, Entry } from '../store/store.ts';
import type { Context } from './context.ts';
import { freed } from './freed.ts';
import { MIN_READY_REQUESTOR } from './plan.ts';

/** The lowest priority there is. */
const PREFIX = '900-';
const BACKOFF_FIRST_MS = 5_000;
const BACKOFF_MOST_MS = 300_000;

/** Keeps the wanted number of spare nodes of every label by asking for them, as anybody would, at lowest priority. */
export interface MinReady {
  /** A node or request changed, or the configuration. Many calls in a row cost one check. */
  wake(): void;
  requestChanged(change: Change<NodeRequest>): void;
  stop(): void;
}

export function createMinReady(
  context: Context,
  deps: { ownPools: () => ReadonlySet<string>; hasRoom: (label: string) => boolean },
): MinReady {
  const { store, world, clock } = context;
  const log = context.log.named('MinReady');
  const backoff = new Map<string, { delayMs: number; untilMs: number }>();
  /** Open spare-node requests of everybody, by label. */
  const open = new Map<string, Set<string>>();
  /** Requests being created, by label: not visible in the view yet. */
  const creating = new Map<string, number>();
  let woken = false;
  let stopped = false;

  const check = () => {
    woken = false;
    if (stopped) return;
    for (const { name, minReady } of context.config().labels.values()) {
      if (minReady <= 0 || isBackingOff(name) || !isResponsible(name)) continue;
      if (!deps.hasRoom(name)) continue;
      const coming = (open.get(name)?.size ?? 0) + (creating.get(name) ?? 0);
      for (let missing = minReady - world.countReady(name) - coming; missing > 0; missing -= 1)
        void ask(name);
    }
  };

  /**
   * One launcher asks for all: the one that owns the lowest pool id among those which have the label. Otherwise several
   * launchers would each fill up the same gap.
   */
  const isResponsible = (label: string): boolean => {
    let lowest: string | undefined;
    for (const { launcherId, supportedLabels } of world.registeredPools()) {
      if (launcherId === null || !supportedLabels.includes(label)) continue;
      if (lowest === undefined || launcherId < lowest) lowest = launcherId;
    }
    return lowest !== undefined && deps.ownPools().has(lowest);
  };
  const isBackingOff = (label: string): boolean => (backoff.get(label)?.untilMs ?? 0) > clock.nowMs();

  const ask = async (label: string) => {
    creating.set(label, (creating.get(label) ?? 0) + 1);
    const timeS = nowS(clock);
    try {
      await store.requests.create(
        makeRequest({
          state: 'requested',
          stateTimeS: timeS,
          createdTimeS: timeS,
          nodeTypes: [label],
          reuse: false,
          requestor: MIN_READY_REQUESTOR,
          eventId: randomUUID().replaceAll('-', ''),
        }),
        { prefix: PREFIX, ephemeral: true },
      );
    } catch (error) {
      log.warning('cannot ask for a spare node', { label, error: reasonOf(error) });
    } finally {
      creating.set(label, (creating.get(label) ?? 1) - 1);
    }
  };

  const finish = async ({ id, value }: Entry<NodeRequest>) => {
    const label = value.nodeTypes[0] ?? '';
    if (value.state === 'failed') delay(label);
    else backoff.delete(label);
    try {
      const freeing = value.nodes.map((nodeId) =>
        store.nodes.update(nodeId, (node) => (node.allocatedTo === id ? freed(node) : undefined)),
      );
      // In this order: a request that is gone before its nodes are free looks like a gap to be filled.
      await Promise.allSettled(freeing);
      await store.requests.remove(id);
    } catch (error) {
      if (!(error instanceof NotFoundError))
        log.debug('cannot finish a spare-node request', { requestId: id, error: reasonOf(error) });
    }
  };
  const delay = (label: string) => {
    const delayMs = Math.min(BACKOFF_MOST_MS, (backoff.get(label)?.delayMs ?? BACKOFF_FIRST_MS / 2) * 2);
    backoff.set(label, { delayMs, untilMs: clock.nowMs() + delayMs });
    clock.after(delayMs, minReady.wake);
  };

  const minReady: MinReady = {
    wake() {
      if (woken || stopped) return;
      woken = true;
      setImmediate(check);
    },
    requestChanged({ id, entry, previous }) {
      const request = entry ?? previous;
      if (request?.value.requestor !== MIN_READY_REQUESTOR) return;
      const label = request.value.nodeTypes[0] ?? '';
      const ids = open.get(label) ?? new Set();
      open.set(label, ids);
      if (entry) ids.add(id);
      else ids.delete(id);
      const isOver = entry?.value.state === 'fulfilled' || entry?.value.state === 'failed';
      if (isOver && entry.value.state !== previous?.value.state) void finish(entry);
      minReady.wake();
    },
    stop() {
      stopped = true;
    },
  };
  return minReady;
}
