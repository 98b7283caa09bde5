import { nowS } from '../clock.ts';
import { NotFoundError, reasonOf } from '../errors.ts';
import { inState, type Node, type NodeState } from '../model/node.ts';
import type { Change, Entry, Held } from '../store/store.ts';
import type { Context } from './context.ts';
import { freed } from './freed.ts';
import { linkSignal } from './linked-signal.ts';
import { logFailure } from './log-failure.ts';
import type { ProviderRuntime } from './provider-runtime.ts';
import type { Providers } from './providers.ts';

/** An unlocked node in one of these states belongs to nobody any more and is deleted. */
const DELETABLE: ReadonlySet<NodeState> = new Set([
  'used',
  'in-use',
  'building',
  'failed',
  'aborted',
  'deleting',
  'deleted',
]);

/** A node that never got past `init` has been forgotten by its launcher after this time. */
const INIT_AGE_S = 300;
const DELETE_TIME_MS = 600_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_MOST_MS = 60_000;

/**
 * Deletes the nodes that are to go and frees those whose request is gone. Woken by the change of the record; `sweep`
 * looks again at everything that may have been missed while somebody else held a lock.
 */
export interface Reaper {
  nodeChanged(change: Change<Node>): void;
  requestGone(requestId: string): void;
  sweep(): void;
  /** Marks a node for deletion if its lock is free and `stillWanted` holds when read again. */
  markDeleting(nodeId: string, reason: string, stillWanted: (node: Node) => boolean): Promise<boolean>;
  /** Resolves when no deletion is running. */
  idle(): Promise<void>;
}

export function createReaper(context: Context, providers: Providers): Reaper {
  const { store, world, clock } = context;
  const log = context.log.named('NodeDeleter');
  /** Nodes being deleted or freed. */
  const handling = new Set<string>();
  const retries = new Map<string, { delayMs: number; dueMs: number; reason: string }>();
  const running = new Set<Promise<void>>();
  /** Providers of nodes to delete that no launcher has. */
  const nobodys = new Set<string>();
  /** Nodes whose record changed while they were being handled. */
  const changedMeanwhile = new Set<string>();

  const consider = (entry: Entry<Node>) => {
    if (handling.has(entry.id)) changedMeanwhile.add(entry.id);
    if (entry.locked || handling.has(entry.id) || context.closed.aborted) return;
    if (clock.nowMs() < (retries.get(entry.id)?.dueMs ?? 0)) return;
    if (isDeletable(entry.value)) run(entry.id, () => deleteNode(entry));
    else if (isAbandoned(entry.value)) run(entry.id, () => freeNode(entry));
  };
  const isDeletable = (node: Node): boolean =>
    DELETABLE.has(node.state) || (node.state === 'init' && nowS(clock) - node.stateTimeS > INIT_AGE_S);
  const isAbandoned = (node: Node): boolean =>
    node.state === 'ready' && node.allocatedTo !== null && !world.requests.has(node.allocatedTo);

  const run = (nodeId: string, work: () => Promise<void>) => {
    handling.add(nodeId);
    const done = work()
      .catch((error: unknown) => {
        logFailure(log, 'node handling failed', { nodeId }, error);
      })
      .finally(() => {
        handling.delete(nodeId);
        running.delete(done);
        const entry = world.nodes.get(nodeId);
        if (changedMeanwhile.delete(nodeId) && entry && !retries.has(nodeId)) consider(entry);
      });
    running.add(done);
  };

  const deleteNode = async (entry: Entry<Node>) => {
    const { provider } = entry.value;
    const runtime = providers.forNode(entry.value);
    if (provider !== null && !runtime) return tellIfNobodys(provider); // Its own launcher deletes it.
    const held = await store.nodes.lock(entry.id);
    if (!held) return;
    try {
      if (isDeletable(held.entry.value)) await destroyAndRemove(held, runtime);
      else retries.delete(entry.id);
    } finally {
      await held.release();
    }
  };

  /** Once for each provider: no launcher may ever have it again. */
  const tellIfNobodys = (provider: string) => {
    if (nobodys.has(provider) || world.registeredPools().some((pool) => pool.providerName === provider))
      return;
    nobodys.add(provider);
    log.warning(
      `no running launcher has the provider ${provider}: its nodes stay until one has it again, or until ` +
        `\`nodepool erase ${provider}\` drops their records`,
    );
  };

  const destroyAndRemove = async (held: Held<Node>, runtime: ProviderRuntime | undefined) => {
    const { id, value } = held.entry;
    const { externalId } = value;
    const destroys = runtime && externalId !== null && value.state !== 'deleted';
    try {
      if (destroys) {
        const marked = value.state === 'deleting' ? undefined : store.nodes.update(held.entry, toDeleting);
        await marked;
        await destroyInTime(runtime, externalId, held);
      }
      await store.nodes.remove(id);
      retries.delete(id);
      log.info('node deleted', { nodeId: id, externalId, provider: value.provider });
    } catch (error) {
      if (!context.closed.aborted) retryLater(id, reasonOf(error), runtime);
    }
  };
  const destroyInTime = async (runtime: ProviderRuntime, externalId: string, { entry, lost }: Held<Node>) => {
    const { pool, driverData } = entry.value;
    const cancel = linkSignal([lost, context.closed]);
    const cancelTimer = clock.after(DELETE_TIME_MS, () => {
      cancel.abort(new Error(`not deleted after ${DELETE_TIME_MS / 1000} s`));
    });
    try {
      await runtime.provider.destroy(externalId, cancel.signal, { pool, driverData });
    } finally {
      cancelTimer();
      cancel.end();
    }
  };
  const toDeleting = (node: Node) => inState(node, 'deleting', nowS(clock));

  const retryLater = (nodeId: string, reason: string, runtime: ProviderRuntime | undefined) => {
    const before = retries.get(nodeId);
    const delayMs = Math.min(RETRY_MOST_MS, before ? before.delayMs * 2 : RETRY_FIRST_MS);
    if (before?.reason !== reason) {
      (runtime?.log ?? log).warning('node not deleted, trying again', { nodeId, error: reason });
    }
    const jitteredMs = delayMs * (0.8 + 0.4 * Math.random());
    retries.set(nodeId, { delayMs, dueMs: clock.nowMs() + jitteredMs, reason });
    clock.after(jitteredMs + 1, () => {
      const entry = world.nodes.get(nodeId);
      if (entry) consider(entry);
      else retries.delete(nodeId);
    });
  };

  const freeNode = async (entry: Entry<Node>) => {
    const held = await store.nodes.lock(entry.id);
    if (!held) return;
    try {
      const { value } = held.entry;
      if (value.state !== 'ready' || value.allocatedTo === null) return;
      if (await store.requests.get(value.allocatedTo)) return;
      await store.nodes.update(held.entry, freed);
      log.debug('node is free again: its request is gone', {
        nodeId: entry.id,
        requestId: value.allocatedTo,
      });
    } finally {
      await held.release();
    }
  };

  return {
    nodeChanged({ entry }) {
      if (entry) consider(entry);
    },
    requestGone(requestId) {
      for (const entry of world.nodesOfRequest(requestId)) consider(entry);
    },
    sweep() {
      for (const state of DELETABLE) for (const entry of world.nodesInState(state)) consider(entry);
      for (const entry of world.nodesInState('init')) consider(entry);
      for (const entry of world.nodesInState('ready')) if (entry.value.allocatedTo !== null) consider(entry);
    },
    async markDeleting(nodeId, reason, stillWanted) {
      const { claimed } = context.promises;
      if (handling.has(nodeId) || claimed.has(nodeId)) return false;
      claimed.add(nodeId);
      try {
        const held = await store.nodes.lock(nodeId);
        if (!held) return false;
        if (!stillWanted(held.entry.value)) {
          await held.release();
          return false;
        }
        log.info('deleting a node', { nodeId, reason });
        await Promise.all([store.nodes.update(held.entry, toDeleting), held.release()]);
        return true;
      } catch (error) {
        if (error instanceof NotFoundError) return false;
        throw error;
      } finally {
        claimed.delete(nodeId);
      }
    },
    async idle() {
      while (running.size > 0) await Promise.allSettled(running);
    },
  };
}
