import type { PoolConfig, PoolLabel } from '../config/config.ts';
import type { StaticSlot, Unready } from '../driver/driver.ts';
import type { Logger } from '../log.ts';
import type { Node } from '../model/node.ts';
import { compareRequests, type NodeRequest } from '../model/request.ts';
import { addResources, NO_RESOURCES, type Resources } from '../model/resources.ts';
import type { Entry } from '../store/store.ts';
import { fitSlots } from './fit-slots.ts';
import { matchReady } from './match-ready.ts';
import { findShortage, type PoolFacts } from './plan.ts';
import type { ProviderRuntime } from './provider-runtime.ts';
import type { Sums } from './usage.ts';
import type { World } from './world.ts';

/** One configured pool at work. Its counters are the only scheduling state outside the store. */
export interface Pool {
  /** `<provider>/<pool>`: in decisions and logs. */
  readonly key: string;
  readonly launcherId: string;
  readonly config: PoolConfig;
  readonly runtime: ProviderRuntime;
  readonly log: Logger;
  draining: boolean;
  /** Unix seconds; undefined while it is healthy. */
  unhealthySinceS: number | undefined;
  /** Launches of this pool that run now. */
  launching: number;
  /** Why requests wait for room; undefined when none does. */
  blocked: string | undefined;
  lastError: { message: string; timeS: number } | undefined;
  /** A ready node is being marked for deletion, to make room. */
  evicting: boolean;
  /** False after the pool was removed or replaced: it finishes what it has and takes nothing more. */
  active: boolean;
}

/** Room promised to nodes that have no record yet, and ready nodes promised to a request, over all pools. */
export interface Promises {
  readonly reserved: Sums;
  /** Ids of ready nodes that a request is about to take. */
  readonly claimed: Set<string>;
}

/** Everything that a decision about this pool needs, as it is now. */
export function factsOf(
  pool: Pool,
  world: World,
  promises: Promises,
  request?: Entry<NodeRequest>,
): PoolFacts {
  const { config, runtime } = pool;
  return {
    launcherId: pool.launcherId,
    config,
    static: runtime.provider.launch === undefined,
    draining: pool.draining,
    unhealthySinceS: pool.unhealthySinceS,
    launching: runtime.launching,
    maxConcurrency: runtime.config.maxConcurrency,
    providerLimits: runtime.limits(),
    poolUse: addResources(
      world.usage.ofPool(config.provider, config.name),
      promises.reserved.ofPool(config.provider, config.name),
    ),
    providerUse: addResources(
      waitingBefore(pool, request),
      addResources(world.usage.ofProvider(config.provider), promises.reserved.ofProvider(config.provider)),
    ),
    fits: (labels) => fitSlots(labels, slotsOf(pool)),
    unready: (label) => withLabel(pool, label, (found) => unreadyOf(pool, found, world)),
    cost: (label) => costOfLabel(pool, label),
    matchReady: (labels) => matchReady(labels, (label) => freeNodes(pool, label, world, promises)),
  };
}

function slotsOf({ config, runtime }: Pool): readonly StaticSlot[] {
  const slots = runtime.provider.inventory?.slots() ?? [];
  return slots.filter(({ pool }) => pool.name === config.name);
}

/** Why the pool cannot make a node of the label now: the driver says so, or its image is still to be published. */
export function unreadyOf(
  { config, runtime }: Pick<Pool, 'config' | 'runtime'>,
  label: PoolLabel,
  world: World,
): Unready | undefined {
  const unready = runtime.provider.unready(config, label);
  const image = label.options['diskimage'];
  if (unready || typeof image !== 'string' || !runtime.provider.images) return unready;
  if (world.published.find(image, config.provider)) return undefined;
  return { reason: `no image ${image} is ready in ${config.provider} yet`, temporary: false };
}

/** What earlier requests wait for in other pools of the provider: spoken for, though not in use yet. */
function waitingBefore({ key, runtime }: Pool, request: Entry<NodeRequest> | undefined): Resources {
  let spokenFor = NO_RESOURCES;
  for (const [other, waiting] of runtime.waiting) {
    if (other === key || !request || compareRequests(waiting.request, request) > 0) continue;
    spokenFor = addResources(spokenFor, waiting.need);
  }
  return spokenFor;
}

/** Ready nodes that nobody has, the longest ready ones first. */
export function* freeNodes(
  pool: Pool,
  label: string,
  world: World,
  promises: Promises,
): Iterable<Entry<Node>> {
  for (const entry of world.readyNodes(pool.config.provider, pool.config.name, label)) {
    if (!entry.locked && !promises.claimed.has(entry.id)) yield entry;
  }
}

/** What a node of the label takes in this pool. */
export function costOfLabel(pool: Pool, label: string): Resources {
  return withLabel(pool, label, (found) => pool.runtime.provider.cost(pool.config, found)) ?? NO_RESOURCES;
}

/** Why the pool has no room for a node of the label now. */
export function shortageOf(pool: Pool, label: string, world: World, promises: Promises): string | undefined {
  return findShortage(factsOf(pool, world, promises), costOfLabel(pool, label));
}

function withLabel<R>(
  pool: Pool,
  label: string,
  use: (found: NonNullable<ReturnType<PoolConfig['labels']['get']>>) => R,
) {
  const found = pool.config.labels.get(label);
  return found === undefined ? undefined : use(found);
}
