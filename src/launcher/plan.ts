/**
 * The policy: what a pool does about a request. A pure function of what the launcher knows; every answer carries a
 * reason for people. Rules and their order: the order of Nodepool's assignment loop, with two differences that keep
 * requests moving: a pool without room leaves the request to others instead of taking it and waiting, and a pool that
 * is unhealthy for a moment lets the request wait instead of refusing it.
 */
import type { PoolConfig } from '../config/config.ts';
import type { Unready } from '../driver/driver.ts';
import type { Component } from '../model/component.ts';
import type { NodeRequest } from '../model/request.ts';
import { addResources, findExceeded, NO_RESOURCES, type Resources } from '../model/resources.ts';

/** For so long a request waits for a pool to recover; then the pool declines it. */
export const UNHEALTHY_PATIENCE_S = 60;

export const MIN_READY_REQUESTOR = 'NodePool:min-ready';

export type Plan =
  /** Not for this pool, or not now, and nothing that a person need know. */
  | { action: 'skip' }
  /** This pool cannot serve it, also later. */
  | { action: 'decline'; reason: string }
  /** Left as it is; other pools, and later requests in this pool, go on. */
  | { action: 'defer'; reason: string }
  /** Next in line, but there is no room for `need`: later requests of this pool have to wait behind it. */
  | { action: 'wait'; reason: string; need: Resources }
  /** To be served now: for each label the id of the ready node to use, or undefined; these labels are launched. */
  | { action: 'serve'; reuse: Reuse; launch: readonly string[] };

/** In the order of the request's labels: `['0000000017', undefined]`. */
export type Reuse = readonly (string | undefined)[];

export interface PlanInput {
  request: NodeRequest;
  pool: PoolFacts;
  /** Pools of all launchers, this one included. */
  registry: readonly Component[];
  tenant: { limits: Resources; used: Resources } | undefined;
  nowS: number;
}

/** What there is to know about one pool at this moment. */
export interface PoolFacts {
  launcherId: string;
  config: PoolConfig;
  /** True: its nodes are registered machines, it launches nothing. */
  static: boolean;
  draining: boolean;
  /** Unix seconds; undefined while it is healthy. */
  unhealthySinceS: number | undefined;
  /** Launches running in the provider, and how many may. */
  launching: number;
  maxConcurrency: number | undefined;
  /** The provider's own limits; undefined: not known yet. */
  providerLimits: Resources | undefined;
  /** In use or promised. */
  poolUse: Resources;
  providerUse: Resources;
  /** Its registered machines, all of them free, would have a node for each of these labels. */
  fits(labels: readonly string[]): boolean;
  unready(label: string): Unready | undefined;
  cost(label: string): Resources;
  /** The ready nodes that can be had for these labels, each for one. */
  matchReady(labels: readonly string[]): Reuse;
}

export function planRequest(input: PlanInput): Plan {
  const { request, pool } = input;
  if (request.declinedBy.includes(pool.launcherId)) return SKIP;

  const missing = request.nodeTypes.filter((label) => !pool.config.labels.has(label));
  if (isLeftToOthers(input, missing.length === 0)) return SKIP;
  if (missing.length > 0) return decline(`has no label ${unique(missing).join(', ')}`);

  return declineForGood(input) ?? deferForNow(input) ?? withRoom(input);
}

/** Another pool is the better one for this request; if it fails, it says so by declining. */
function isLeftToOthers({ request, pool, registry }: PlanInput, covered: boolean): boolean {
  const others = registry.filter(
    (other) =>
      other.launcherId !== pool.launcherId &&
      !request.declinedBy.includes(other.launcherId ?? '') &&
      request.nodeTypes.every((label) => other.supportedLabels.includes(label)),
  );
  if (others.length === 0) return false;
  if (!covered) return true;
  const { provider } = pool.config;
  const preferred = request.provider;
  if (preferred && preferred !== provider && others.some((other) => other.providerName === preferred))
    return true;
  // The preferred provider need not stand back for better ones that leave the request to it.
  const rivals = preferred === provider ? others.filter((other) => other.providerName === provider) : others;
  return rivals.some((other) => other.priority < pool.config.priority && !other.paused);
}

function declineForGood(input: PlanInput): Plan | undefined {
  const { request, pool, nowS } = input;
  const { maxServers, limits } = pool.config;
  if (maxServers !== undefined && maxServers <= 0)
    return decline(`the pool is disabled: max-servers is ${maxServers}`);
  if (pool.maxConcurrency === 0) return decline('the provider is disabled: max-concurrency is 0');

  for (const label of unique(request.nodeTypes)) {
    const unready = pool.unready(label);
    if (!unready) continue;
    const waitedS = nowS - Math.max(request.createdTimeS ?? request.stateTimeS, pool.unhealthySinceS ?? 0);
    const patient = unready.temporary && waitedS < UNHEALTHY_PATIENCE_S;
    return patient ? defer(unready.reason) : decline(unready.reason);
  }

  if (pool.static && !pool.fits(request.nodeTypes))
    return decline(`has not enough machines for ${request.nodeTypes.join(', ')}`);

  const whole = costOf(request.nodeTypes, pool);
  const tooMuch =
    findExceeded(limits, NO_RESOURCES, whole) ??
    (pool.config.ignoreProviderQuota
      ? undefined
      : findExceeded(pool.providerLimits ?? NO_RESOURCES, NO_RESOURCES, whole));
  if (!tooMuch) return undefined;
  return decline(`needs ${tooMuch.need} ${tooMuch.resource}, more than the limit of ${tooMuch.limit}`);
}

function deferForNow({ request, pool, tenant }: PlanInput): Plan | undefined {
  if (pool.draining) return defer('is being drained: it takes no new nodes');
  if (pool.providerLimits === undefined && !pool.config.ignoreProviderQuota && !pool.static) {
    return defer('the quota of the provider is not known yet');
  }
  const over = tenant && findExceeded(tenant.limits, tenant.used, costOf(request.nodeTypes, pool));
  if (!over) return undefined;
  return defer(
    `tenant ${request.tenantName ?? ''} is at its limit: ${over.used} of ${over.limit} ${over.resource} in use`,
  );
}

function withRoom({ request, pool }: PlanInput): Plan {
  const reuse: Reuse = request.reuse ? pool.matchReady(request.nodeTypes) : [];
  const launch = request.nodeTypes.filter((_, place) => reuse[place] === undefined);
  if (launch.length === 0) return { action: 'serve', reuse, launch };
  if (pool.static) return defer(`no free node with label ${unique(launch).join(', ')}`);

  const need = costOf(launch, pool);
  const isMinReady = request.requestor === MIN_READY_REQUESTOR;
  const shortage = findShortage(pool, need);
  if (shortage !== undefined)
    return isMinReady ? decline(shortage) : { action: 'wait', reason: shortage, need };
  const busy = findBusy(pool, launch.length);
  if (busy === undefined) return { action: 'serve', reuse, launch };
  return isMinReady ? defer(busy) : { action: 'wait', reason: busy, need: NO_RESOURCES };
}

/** Why there is no room for `need` now: `at quota: 10 of 10 instances in use`. */
export function findShortage(
  pool: Pick<PoolFacts, 'config' | 'poolUse' | 'providerUse' | 'providerLimits'>,
  need: Resources,
): string | undefined {
  const inPool = findExceeded(pool.config.limits, pool.poolUse, need);
  if (inPool) return `at quota: ${describe(inPool)}`;
  if (pool.config.ignoreProviderQuota) return undefined;
  const inProvider = findExceeded(pool.providerLimits ?? NO_RESOURCES, pool.providerUse, need);
  return inProvider && `provider at quota: ${describe(inProvider)}`;
}

/** `10 of 10 instances in use`, and where some is left: `1 of 2 instances in use, 2 needed`. */
function describe({ resource, limit, used, need }: NonNullable<ReturnType<typeof findExceeded>>): string {
  return `${used} of ${limit} ${resource} in use${used < limit ? `, ${need} needed` : ''}`;
}

/** One launch too many at the same time; a request larger than the limit goes when nothing else runs. */
function findBusy({ launching, maxConcurrency }: PoolFacts, more: number): string | undefined {
  if (maxConcurrency === undefined || launching === 0 || launching + more <= maxConcurrency) return undefined;
  return `busy: ${launching} launches run, max-concurrency is ${maxConcurrency}`;
}

function costOf(labels: readonly string[], pool: PoolFacts): Resources {
  return labels.reduce<Resources>((sum, label) => addResources(sum, pool.cost(label)), NO_RESOURCES);
}

function unique(labels: readonly string[]): string[] {
  return [...new Set(labels)];
}

const SKIP: Plan = Object.freeze({ action: 'skip' });
const decline = (reason: string): Plan => ({ action: 'decline', reason });
const defer = (reason: string): Plan => ({ action: 'defer', reason });
