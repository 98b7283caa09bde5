/**
 * Why does a request wait? One answer for each registered pool, from what launchers have recorded. Pure: `explain`
 * and the last column of `request-list` read the store and ask here.
 */
import type { Component } from '../model/component.ts';
import type { DecisionRecord } from '../model/decision.ts';
import type { Drain } from '../model/drain.ts';
import type { Node } from '../model/node.ts';
import type { PoolStatus } from '../model/pool-status.ts';
import type { NodeRequest } from '../model/request.ts';
import { NO_RESOURCES, type Resources } from '../model/resources.ts';
import type { Entry } from '../store/store.ts';

export type Status =
  | 'served'
  | 'not needed'
  | 'launching'
  | 'at quota'
  | 'paused'
  | 'deferred'
  | 'unhealthy'
  | 'draining'
  | 'undecided'
  | 'declined'
  | 'no label';

export interface PoolAnswer {
  provider: string;
  pool: string;
  launcherId: string | null;
  status: Status;
  /** For people, with the figures. */
  reason: string;
  /** Requested labels that the pool does not have. */
  missing: readonly string[];
  used: Resources;
  limits: Resources;
  /** Nodes of the pool that are being made, for whomever. */
  launching: number;
  lastError: string | null;
  lastErrorTimeS: number | null;
  /** When the pool decided; null when it has not. */
  decidedTimeS: number | null;
}

/** What the store knows at one moment. */
export interface Facts {
  components: readonly Component[];
  pools: readonly PoolStatus[];
  drains: readonly Drain[];
  decisions: Lookup<DecisionRecord>;
  /** Nodes by the request that they are for. */
  allocated: Lookup<readonly Entry<Node>[]>;
}

/** The part of a Map that is needed here. */
export interface Lookup<T> {
  get(id: string): T | undefined;
}

/** A pool as far as it is registered, in either registry. */
export interface RegisteredPool {
  provider: string;
  pool: string;
  launcherId: string | null;
  labels: readonly string[];
  status: PoolStatus | undefined;
}

/** Pools of all launchers that run, ordered by provider and name. */
export function registeredPools({
  components,
  pools,
}: Pick<Facts, 'components' | 'pools'>): RegisteredPool[] {
  const found = new Map<string, RegisteredPool>();
  for (const component of components) {
    if (component.kind !== 'pool' || component.launcherId === null) continue;
    found.set(component.launcherId, {
      provider: component.providerName ?? '',
      pool: component.poolName ?? '',
      launcherId: component.launcherId,
      labels: component.supportedLabels,
      status: undefined,
    });
  }
  for (const status of pools) {
    const { provider, pool, launcherId } = status;
    const labels = found.get(launcherId)?.labels ?? status.labels;
    found.set(launcherId, { provider, pool, launcherId, labels, status });
  }
  return [...found.values()].sort((a, b) => (poolKey(a) < poolKey(b) ? -1 : 1));
}

export function poolKey({ provider, pool }: { provider: string; pool: string }): string {
  return `${provider}/${pool}`;
}

/** What each registered pool does about the request. */
export function askPools(request: Entry<NodeRequest>, facts: Facts): PoolAnswer[] {
  return registeredPools(facts).map((pool) => {
    const decision = facts.decisions.get(request.id)?.pools[poolKey(pool)];
    const missing = [...new Set(request.value.nodeTypes)].filter((label) => !pool.labels.includes(label));
    const [status, reason] = judge(request, pool, missing, facts);
    return {
      provider: pool.provider,
      pool: pool.pool,
      launcherId: pool.launcherId,
      status,
      reason,
      missing,
      used: pool.status?.used ?? NO_RESOURCES,
      limits: pool.status?.limits ?? NO_RESOURCES,
      launching: pool.status?.launching ?? 0,
      lastError: pool.status?.lastError ?? null,
      lastErrorTimeS: pool.status?.lastErrorTimeS ?? null,
      decidedTimeS: decision?.timeS ?? null,
    };
  });
}

/** The most telling fact first: what is being done, what can never be done, what is in the way. */
function judge(
  request: Entry<NodeRequest>,
  pool: RegisteredPool,
  missing: readonly string[],
  facts: Facts,
): [Status, string] {
  const decision = facts.decisions.get(request.id)?.pools[poolKey(pool)];
  const { status } = pool;

  const making = (facts.allocated.get(request.id) ?? []).filter(
    ({ value }) => value.provider === pool.provider && value.pool === pool.pool,
  );
  if (request.value.state === 'fulfilled') {
    const ids = making.map(({ id }) => id);
    return ids.length > 0
      ? ['served', `gave ${ids.join(', ')}`]
      : ['not needed', 'another pool served the request'];
  }
  if (making.length > 0) return ['launching', describeMaking(making)];

  if (missing.length > 0) return ['no label', `has no label ${missing.join(', ')}`];
  if (pool.launcherId !== null && request.value.declinedBy.includes(pool.launcherId)) {
    return ['declined', decision?.reason ?? status?.lastError ?? 'declined without a recorded reason'];
  }
  if (status?.draining || drainsOf(pool, facts.drains).length > 0)
    return ['draining', 'is being drained: it takes no new nodes'];
  const unready = whyUnready(request.value.nodeTypes, status);
  if (unready) return ['unhealthy', unready];
  if (decision?.verdict === 'launching') return ['launching', decision.reason];
  if (decision)
    return [isQuota(decision.reason) ? 'at quota' : verdictStatus(decision.verdict), decision.reason];
  if (status?.paused) {
    return [
      isQuota(status.paused) ? 'at quota' : 'paused',
      `an earlier request waits for room: ${status.paused}`,
    ];
  }
  return ['undecided', 'has not looked at this request yet'];
}

/** A pool that lacks something for one label serves the others. */
function whyUnready(labels: readonly string[], status: PoolStatus | undefined): string | undefined {
  if (!status) return undefined;
  const label = labels.find((name) => status.unready[name] !== undefined);
  return (label === undefined ? undefined : status.unready[label]) ?? status.unhealthy ?? undefined;
}

/** Reasons are written for people; this is the one distinction that operators ask for by name. */
function isQuota(reason: string): boolean {
  return /\bat (quota|its limit)\b/.test(reason);
}

function verdictStatus(verdict: 'declined' | 'deferred' | 'paused' | 'launching' | 'failed'): Status {
  return verdict === 'failed' ? 'declined' : verdict;
}

/** `'2 of 3 nodes ready, 0000000007 building'` */
function describeMaking(nodes: readonly Entry<Node>[]): string {
  const ready = nodes.filter(({ value }) => value.state === 'ready').length;
  const rest = nodes
    .filter(({ value }) => value.state !== 'ready')
    .map(({ id, value }) => `${id} ${value.state}`);
  return [`${ready} of ${nodes.length} nodes ready`, ...rest].join(', ');
}

/** The drains in force for a pool: its own, and that of its whole provider. */
export function drainsOf(pool: { provider: string; pool: string }, drains: readonly Drain[]): Drain[] {
  return drains.filter(
    (drain) => drain.provider === pool.provider && (drain.pool === null || drain.pool === pool.pool),
  );
}
