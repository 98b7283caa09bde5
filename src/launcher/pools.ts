import { randomUUID } from 'node:crypto';
import { nowS } from '../clock.ts';
import type { Config, PoolConfig } from '../config/config.ts';
import { reasonOf } from '../errors.ts';
import { drainId } from '../model/drain.ts';
import type { Node } from '../model/node.ts';
import type { Context } from './context.ts';
import { evictReady } from './evict.ts';
import { makeLauncherId } from './launch-node.ts';
import { shortageOf, type Pool, unreadyOf } from './pool.ts';
import { createPoolWorker, type PoolWorker } from './pool-worker.ts';
import type { ProviderRuntime } from './provider-runtime.ts';
import type { Providers } from './providers.ts';
import type { Reaper } from './reaper.ts';
import type { Registry } from './registry.ts';
import type { StatusWriter } from './status.ts';

/** The pools at work: one worker each, started, stopped and woken here. */
export interface Pools {
  all(): Iterable<Pool>;
  launcherIds(): ReadonlySet<string>;
  /** Is there room for a spare node of the label, here or with another launcher? */
  canMake(label: string): boolean;
  /** Starts the pools of providers that changed, ends those of earlier ones. */
  apply(config: Config, changed: ReadonlySet<string>): void;
  wakeAll(): void;
  /** Room came back in a pool; others of the provider are woken too if they share a limit with it. */
  wakeForRoom(provider: string, pool: string | null): void;
  wakeProvider(provider: string): void;
  /** A request was cancelled or taken; whoever waited behind it may go on. */
  requestLeft(requestId: string): void;
  /** Health or quota of the provider changed. */
  providerChanged(provider: string): void;
  /** Something went wrong in a pool, for people to see. */
  noteError(provider: string, pool: string, message: string): void;
  /** Removes ready nodes that have become useless since, and looks at the open requests. */
  sweep(): void;
  /** An operator began or ended a drain. */
  drainsChanged(): void;
  stopAll(): void;
}

export function createPools(
  context: Context,
  parts: { providers: Providers; reaper: Reaper; registry: Registry; status: StatusWriter },
): Pools {
  const { world, log } = context;
  const { providers, reaper, registry, status } = parts;
  const workers = new Map<string, PoolWorker>();
  let complete = false;
  let seenRegistry: unknown;
  let seenWorkers = 0;
  const launcherIds = new Set<string>();

  const start = (config: PoolConfig, runtime: ProviderRuntime) => {
    const pool: Pool = {
      key: keyOf(config.provider, config.name),
      launcherId: makeLauncherId(config.provider, config.name, randomUUID().replaceAll('-', '')),
      config,
      runtime,
      log: log.named(`PoolWorker.${config.provider}-${config.name}`),
      draining: isDraining(config),
      unhealthySinceS: undefined,
      launching: 0,
      blocked: undefined,
      lastError: undefined,
      evicting: false,
      active: true,
    };
    const worker = createPoolWorker(pool, context, {
      evictReady: () => evictReady(pool, context, reaper),
      blockedChanged: () => register(pool),
      isRegistered,
    });
    workers.set(pool.key, worker);
    launcherIds.add(pool.launcherId);
    seenRegistry = undefined;
    register(pool);
    worker.wake();
  };

  /**
   * Whether the registry shows all pools of this process. Until then a request may seem to have been declined by every
   * pool when it was not.
   */
  const isRegistered = (): boolean => {
    const shown = world.registeredPools();
    if (shown !== seenRegistry || workers.size !== seenWorkers) {
      const ids = new Set(shown.map(({ launcherId }) => launcherId));
      complete = [...workers.values()].every(({ pool }) => ids.has(pool.launcherId));
      seenRegistry = shown;
      seenWorkers = workers.size;
    }
    return complete;
  };

  const stop = (key: string) => {
    const worker = workers.get(key);
    if (worker) launcherIds.delete(worker.pool.launcherId);
    worker?.stop();
    workers.delete(key);
    registry.remove(key);
  };

  const register = (pool: Pool) => {
    if (!pool.active) return;
    const { config, runtime } = pool;
    const sick = [...config.labels.values()].some(
      (label) => unreadyOf({ config, runtime }, label, world)?.temporary,
    );
    registry.put(pool.key, {
      kind: 'pool',
      state: 'running',
      launcherId: pool.launcherId,
      poolName: config.name,
      providerName: config.provider,
      supportedLabels: [...config.labels.keys()].sort(),
      priority: config.priority,
      paused: pool.blocked !== undefined || pool.draining || sick || isUnknown(pool),
    });
    status.changed();
  };

  const isDraining = (config: PoolConfig): boolean =>
    world.drains.has(drainId(config.provider, null)) ||
    world.drains.has(drainId(config.provider, config.name));

  /** Ready nodes that nobody can ask for any more go, and their instances with them. */
  const dropUseless = (config: Config) => {
    for (const { id, value } of [...world.nodesInState('ready')]) {
      if (value.allocatedTo !== null || !providers.forNode(value)?.provider.launch) continue;
      const { provider, pool } = { provider: value.provider ?? '', pool: value.pool ?? '' };
      const labels = config.providers.get(provider)?.pools.get(pool)?.labels;
      if (!value.type.some((label) => labels?.has(label)))
        dropIdle(id, 'its label is not configured in its pool any more');
      else if (workers.get(keyOf(provider, pool))?.pool.draining) dropIdle(id, 'the pool is being drained');
    }
  };
  const dropIdle = (nodeId: string, reason: string) => {
    reaper.markDeleting(nodeId, reason, isIdle).catch((error: unknown) => {
      log.warning('cannot delete an idle node', { nodeId, error: reasonOf(error) });
    });
  };

  /** Could this pool make a node of the label now? */
  const canMake = (pool: Pool, label: string): boolean => {
    const found = pool.config.labels.get(label);
    if (!found || pool.draining || pool.blocked !== undefined) return false;
    if (unreadyOf(pool, found, world)) return false;
    return shortageOf(pool, label, world, context.promises) === undefined;
  };

  return {
    *all() {
      for (const worker of workers.values()) yield worker.pool;
    },
    canMake(label) {
      const own = this.launcherIds();
      const elsewhere = world
        .registeredPools()
        .some(
          ({ launcherId, supportedLabels, paused }) =>
            !paused && supportedLabels.includes(label) && !own.has(launcherId ?? ''),
        );
      return elsewhere || [...this.all()].some((pool) => canMake(pool, label));
    },
    launcherIds: () => launcherIds,
    apply(config, changed) {
      for (const [key, { pool }] of workers) if (changed.has(pool.config.provider)) stop(key);
      for (const name of changed) {
        const runtime = providers.current(name);
        for (const pool of runtime?.config.pools.values() ?? []) start(pool, runtime as ProviderRuntime);
      }
      dropUseless(config);
      this.wakeAll();
    },
    wakeAll() {
      for (const worker of workers.values()) worker.wake();
    },
    wakeForRoom(provider, pool) {
      const runtime = providers.current(provider);
      const shares = pool === null || (runtime !== undefined && hasSharedLimit(runtime));
      if (shares) this.wakeProvider(provider);
      else workers.get(keyOf(provider, pool))?.wake();
      status.changed();
    },
    wakeProvider(provider) {
      for (const worker of workers.values()) if (worker.pool.config.provider === provider) worker.wake();
    },
    requestLeft(requestId) {
      for (const { pool } of workers.values()) {
        if (pool.runtime.waiting.get(pool.key)?.request.id === requestId)
          this.wakeProvider(pool.config.provider);
      }
    },
    providerChanged(provider) {
      for (const { pool } of workers.values()) if (pool.config.provider === provider) register(pool);
      status.healthChanged();
      this.wakeProvider(provider);
    },
    noteError(provider, pool, message) {
      const found = workers.get(keyOf(provider, pool))?.pool;
      if (found) found.lastError = { message, timeS: nowS(context.clock) };
      status.changed();
    },
    drainsChanged() {
      for (const { pool } of workers.values()) {
        const draining = isDraining(pool.config);
        if (draining === pool.draining) continue;
        pool.draining = draining;
        log.info(draining ? 'draining a pool' : 'a pool takes nodes again', { pool: pool.key });
        register(pool);
      }
      dropUseless(context.config());
      this.wakeAll();
    },
    sweep() {
      dropUseless(context.config());
      this.wakeAll();
    },
    stopAll() {
      for (const key of [...workers.keys()]) stop(key);
    },
  };
}

function isIdle(node: Node): boolean {
  return node.state === 'ready' && node.allocatedTo === null;
}

/** Until the provider has told its quota, the pool takes nothing; others need not hold back for it. */
function isUnknown({ config, runtime }: Pool): boolean {
  return (
    !config.ignoreProviderQuota && runtime.provider.launch !== undefined && runtime.limits() === undefined
  );
}

function hasSharedLimit(runtime: ProviderRuntime): boolean {
  return runtime.config.maxConcurrency !== undefined || Object.keys(runtime.limits() ?? {}).length > 0;
}

function keyOf(provider: string, pool: string): string {
  return `${provider}/${pool}`;
}
