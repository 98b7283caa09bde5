import { NotFoundError, reasonOf } from '../errors.ts';
import { drainId } from '../model/drain.ts';
import type { PoolStatus } from '../model/pool-status.ts';
import { addResources, NO_RESOURCES, type Resources } from '../model/resources.ts';
import type { Context } from './context.ts';
import { factsOf, unreadyOf, type Pool } from './pool.ts';

const INTERVAL_MS = 1_000;

/** Publishes what this launcher knows about its pools; written when changed, at most once a second. */
export interface StatusWriter {
  changed(): void;
  /** A provider has become well or unwell: written at once, as commands tell people of it. */
  healthChanged(): void;
  registerAgain(): void;
  stop(): void;
}

export function createStatusWriter(context: Context, pools: () => Iterable<Pool>): StatusWriter {
  const { store, clock } = context;
  const written = new Map<string, string>();
  let cancelTimer: (() => void) | undefined;
  let dirty = false;
  let stopped = false;
  let isWriting = false;
  let isUrgent = false;

  const writeAll = async () => {
    const current = new Set<string>();
    for (const pool of pools()) {
      const status = statusOf(pool, context);
      const id = `${drainId(status.provider, status.pool)}~${pool.launcherId.slice(-8)}`;
      current.add(id);
      const text = JSON.stringify(status);
      if (written.get(id) === text) continue;
      written.set(id, text);
      await write(id, status);
    }
    for (const id of [...written.keys()]) {
      if (current.has(id)) continue;
      written.delete(id);
      await store.pools.remove(id);
    }
  };
  const write = async (id: string, status: PoolStatus) => {
    try {
      await store.pools.update(id, () => status);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      await store.pools.create(status, { id, ephemeral: true });
    }
  };
  const tick = () => {
    cancelTimer = undefined;
    dirty = false;
    isUrgent = false;
    isWriting = true;
    writeAll()
      .catch((error: unknown) =>
        context.log.debug('cannot write the pool status', { error: reasonOf(error) }),
      )
      .finally(() => {
        isWriting = false;
        if (stopped) return;
        if (isUrgent) return tick();
        cancelTimer = clock.after(INTERVAL_MS, () => {
          cancelTimer = undefined;
          if (dirty) tick();
        });
      });
  };

  return {
    changed() {
      if (stopped) return;
      dirty = true;
      if (!isWriting) cancelTimer ??= clock.after(0, tick);
    },
    healthChanged() {
      if (stopped) return;
      dirty = true;
      isUrgent = true;
      if (isWriting) return;
      cancelTimer?.();
      cancelTimer = clock.after(0, tick);
    },
    registerAgain() {
      written.clear();
      this.changed();
    },
    stop() {
      stopped = true;
      cancelTimer?.();
    },
  };
}

function statusOf(pool: Pool, context: Context): PoolStatus {
  const { config, runtime } = pool;
  const facts = factsOf(pool, context.world, context.promises);
  const unready = [...config.labels.values()].flatMap((label): [string, string][] => {
    const reason = unreadyOf(pool, label, context.world)?.reason;
    return reason === undefined ? [] : [[label.name, reason]];
  });
  const healthy = unready.length < config.labels.size;
  return {
    provider: config.provider,
    pool: config.name,
    launcherId: pool.launcherId,
    driver: runtime.config.driver,
    labels: [...config.labels.keys()].sort(),
    unhealthy: healthy ? sayQuotaTrouble(runtime) : (unready[0]?.[1] ?? null),
    unready: Object.fromEntries(unready),
    paused: pool.blocked ?? null,
    draining: pool.draining,
    launching: pool.launching,
    used: withoutZeros(facts.poolUse),
    limits: lowerOf(config.limits, facts.providerLimits ?? NO_RESOURCES),
    lastError: pool.lastError?.message ?? null,
    lastErrorTimeS: pool.lastError?.timeS ?? null,
    unknown: {},
  };
}

/** Without a quota nothing is launched, unless it is ignored. */
function sayQuotaTrouble({ quotaTrouble, config }: Pool['runtime']): string | null {
  const trouble = quotaTrouble();
  const needed = [...config.pools.values()].some(({ ignoreProviderQuota }) => !ignoreProviderQuota);
  return trouble === undefined || !needed ? null : `the quota cannot be read: ${trouble}`;
}

function lowerOf(a: Resources, b: Resources): Resources {
  const lower: Record<string, number> = { ...b };
  for (const [key, limit] of Object.entries(a)) lower[key] = Math.min(limit, lower[key] ?? limit);
  return lower;
}

function withoutZeros(use: Resources): Resources {
  return Object.fromEntries(
    Object.entries(addResources(use, NO_RESOURCES)).filter(([, amount]) => amount !== 0),
  );
}
