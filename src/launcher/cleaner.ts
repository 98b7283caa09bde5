import { nowS } from '../clock.ts';
import { NotFoundError, reasonOf } from '../errors.ts';
import type { Node } from '../model/node.ts';
import { inRequestState, type NodeRequest } from '../model/request.ts';
import type { Entry, Held } from '../store/store.ts';
import type { Context } from './context.ts';
import { freed } from './freed.ts';
import type { Providers } from './providers.ts';
import type { Reaper } from './reaper.ts';

/** The slow round: what no event announces. Each task is guarded by itself. */
export interface Cleaner {
  /** Nodes held or ready for too long. */
  checkAges(): Promise<void>;
  /** Requests whose launcher died while it worked on them. */
  resetLostRequests(): Promise<void>;
  /** Instances without a node (removed on the second sighting in a row), and nodes without an instance. */
  compareInstances(): Promise<void>;
  /** Records that nobody can read. */
  removeUnreadable(): Promise<void>;
}

const LIST_TIME_MS = 60_000;
const NODE_LOCK_WAIT_MS = 5_000;

export function createCleaner(context: Context, providers: Providers, reaper: Reaper): Cleaner {
  const { store, world, clock } = context;
  const log = context.log.named('CleanupWorker');
  /** `<provider> <external id>` of leaks seen in the last round. */
  let suspects = new Set<string>();

  /** Also one at a time: a slow provider must not be asked the same thing by several rounds. */
  const guarded = (task: string, work: () => Promise<void>) => {
    let running = false;
    return async () => {
      if (running) return;
      running = true;
      try {
        await work();
      } catch (error) {
        if (!context.closed.aborted) log.error('a clean-up task failed', { task, error: reasonOf(error) });
      } finally {
        running = false;
      }
    };
  };

  const checkAges = async () => {
    for (const entry of [...world.nodesInState('hold')])
      await expire(entry, holdLimitS, 'was held for its time');
    if (![...context.config().labels.values()].some((label) => label.maxReadyAgeS !== undefined)) return;
    for (const entry of [...world.nodesInState('ready')])
      await expire(entry, readyLimitS, 'was ready for max-ready-age');
  };
  const expire = async (entry: Entry<Node>, limitOf: (node: Node) => number | undefined, reason: string) => {
    const isOver = (node: Node): boolean => {
      const limitS = node.state === entry.value.state ? limitOf(node) : undefined;
      return limitS !== undefined && nowS(clock) - node.stateTimeS >= limitS;
    };
    if (!entry.locked && isOver(entry.value) && providers.forNode(entry.value)) {
      await reaper.markDeleting(entry.id, reason, isOver);
    }
  };
  const holdLimitS = (node: Node): number | undefined => {
    const limits = [context.config().maxHoldAgeS, node.holdExpirationS].filter(
      (limit) => !!limit && limit > 0,
    );
    return limits.length === 0 ? undefined : Math.min(...(limits as number[]));
  };
  const readyLimitS = (node: Node): number | undefined => {
    if (node.allocatedTo !== null) return undefined;
    const limits = node.type.flatMap((label) => context.config().labels.get(label)?.maxReadyAgeS ?? []);
    return limits.length === 0 ? undefined : Math.min(...limits);
  };

  const resetLostRequests = async () => {
    for (const entry of [...world.requests.values()]) {
      if (entry.value.state === 'pending' && !entry.locked && !context.serving.has(entry.id))
        await resetRequest(entry.id);
    }
  };
  const resetRequest = async (requestId: string) => {
    try {
      const held = await store.requests.lock(requestId);
      if (!held) return;
      try {
        if (held.entry.value.state === 'pending') await resetHeld(held);
      } finally {
        await held.release();
      }
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  };
  const resetHeld = async (held: Held<NodeRequest>) => {
    const { id, value } = held.entry;
    log.warning('a request was left pending by its launcher, starting over', {
      requestId: id,
      eventId: value.eventId,
    });
    for (const node of world.nodesOfRequest(id)) await takeFromRequest(node.id, id);
    await store.requests.update(held.entry, (request) => ({
      ...inRequestState(request, 'requested', nowS(clock)),
      nodes: [],
    }));
  };
  const takeFromRequest = async (nodeId: string, requestId: string) => {
    const node = await lockNode(nodeId);
    if (!node) return;
    await store.nodes.update(node.entry, (value) => {
      if (value.allocatedTo !== requestId) return undefined;
      const state = value.state === 'init' ? { state: 'deleting' as const, stateTimeS: nowS(clock) } : {};
      return { ...freed(value), ...state };
    });
    await node.release();
  };
  const lockNode = async (nodeId: string): Promise<Held<Node> | undefined> => {
    try {
      return await store.nodes.lock(nodeId, { waitMs: NODE_LOCK_WAIT_MS });
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  };

  const compareInstances = async () => {
    const seen = new Set<string>();
    await Promise.all(
      [...providers.all()].map(async (runtime) => {
        try {
          const found = await runtime.provider.list(AbortSignal.timeout(LIST_TIME_MS));
          runtime.reached = true;
          for (const instance of found) {
            const node = await store.nodes.get(instance.nodeId);
            const mark = `${runtime.config.name} ${instance.externalId}`;
            if (node?.value.externalId === instance.externalId) {
              if (instance.running === false) await dropDead(node);
              continue;
            }
            seen.add(mark);
            if (!suspects.has(mark)) continue;
            runtime.log.warning('removing an instance that belongs to no node', {
              externalId: instance.externalId,
            });
            await runtime.provider.destroy(instance.externalId, AbortSignal.timeout(LIST_TIME_MS));
            seen.delete(mark);
          }
          await runtime.provider.tidy?.(AbortSignal.timeout(LIST_TIME_MS));
        } catch (error) {
          runtime.log.debug('cannot compare instances', { error: reasonOf(error) });
        }
      }),
    );
    suspects = seen;
  };
  const dropDead = async ({ id, value }: Entry<Node>) => {
    if (value.state !== 'ready') return;
    await reaper.markDeleting(id, 'its instance is not running any more', (node) => node.state === 'ready');
  };

  const removeUnreadable = async () => {
    for (const record of (await store.nodes.listAll()).unreadable) {
      if (record.locked) continue;
      log.warning('removing a node record that cannot be read', { nodeId: record.id, reason: record.reason });
      await store.nodes.remove(record.id);
    }
  };

  return {
    checkAges: guarded('ages', checkAges),
    resetLostRequests: guarded('lost requests', resetLostRequests),
    compareInstances: guarded('leaks', compareInstances),
    removeUnreadable: guarded('unreadable records', removeUnreadable),
  };
}
