/** Providers as their launchers see them, each with the worst that is true of it. Pure. */
import type { Drain } from '../model/drain.ts';
import { addResources, NO_RESOURCES, type Resources } from '../model/resources.ts';
import { drainsOf, registeredPools, type Facts, type RegisteredPool } from './why.ts';

export type ProviderStatus = 'unhealthy' | 'impaired' | 'at quota' | 'draining' | 'serving';

export interface ProviderHealth {
  provider: string;
  driver: string | null;
  pools: string[];
  status: ProviderStatus;
  used: Resources;
  /** Why it is not simply serving: `main: cannot authenticate at the cloud …`. */
  problem: string | null;
}

export function describeProviders(facts: Pick<Facts, 'components' | 'pools' | 'drains'>): ProviderHealth[] {
  const byProvider = new Map<string, RegisteredPool[]>();
  for (const pool of registeredPools(facts)) {
    byProvider.set(pool.provider, [...(byProvider.get(pool.provider) ?? []), pool]);
  }
  return [...byProvider].map(([provider, pools]) => {
    const states = pools.map((pool) => describePool(pool, facts.drains));
    return {
      provider,
      driver: pools.find(({ status }) => status)?.status?.driver ?? null,
      pools: [...new Set(pools.map(({ pool }) => pool))],
      status: worst(states.map(({ status }) => status)),
      used: pools.map(({ status }) => status?.used ?? NO_RESOURCES).reduce(addResources, NO_RESOURCES),
      problem: joinProblems(states),
    };
  });
}

/** One line for each provider that cannot serve something: `provider cloud-a: cannot authenticate …`. */
export function troubleLines(facts: Pick<Facts, 'components' | 'pools' | 'drains'>): string[] {
  return describeProviders(facts).flatMap(({ provider, status, problem }) =>
    status === 'unhealthy' || status === 'impaired'
      ? [`provider ${provider} is ${status}: ${problem ?? ''}`]
      : [],
  );
}

interface PoolState {
  pool: string;
  status: ProviderStatus;
  problem: string | null;
}

function describePool(pool: RegisteredPool, drains: readonly Drain[]): PoolState {
  const { status } = pool;
  const state = (name: ProviderStatus, problem: string | null): PoolState => ({
    pool: pool.pool,
    status: name,
    problem,
  });
  if (status?.unhealthy) return state('unhealthy', status.unhealthy);
  const [unready] = Object.entries(status?.unready ?? {});
  if (unready) return state('impaired', `${unready[0]}: ${unready[1]}`);
  if (drainsOf(pool, drains).length > 0) return state('draining', null);
  if (status?.paused) return state('at quota', status.paused);
  return state('serving', null);
}

const WORST_FIRST: readonly ProviderStatus[] = ['unhealthy', 'impaired', 'at quota', 'draining', 'serving'];

function worst(states: readonly ProviderStatus[]): ProviderStatus {
  if (states.every((state) => state === 'unhealthy')) return 'unhealthy';
  const first = WORST_FIRST.find((status) => states.includes(status)) ?? 'serving';
  return first === 'unhealthy' ? 'impaired' : first;
}

/** What all pools have in common is told once. */
function joinProblems(states: readonly PoolState[]): string | null {
  const problems = states.flatMap(({ pool, problem }) => (problem === null ? [] : [{ pool, problem }]));
  if (problems.length === 0) return null;
  if (new Set(problems.map(({ problem }) => problem)).size === 1) return problems[0]?.problem ?? null;
  return problems.map(({ pool, problem }) => `${pool}: ${problem}`).join('; ');
}
