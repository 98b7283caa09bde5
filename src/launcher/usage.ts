import type { Entry } from '../store/store.ts';
import type { Node } from '../model/node.ts';
import { NO_RESOURCES, type Resources } from '../model/resources.ts';

/** Whose account something is on. */
export interface Account {
  provider: string | null;
  pool: string | null;
  tenant: string | null;
}

/** Sums of resources per provider, pool and tenant. Adding and subtracting one amount costs the same at any size. */
export interface Sums {
  add(account: Account, resources: Resources, sign: 1 | -1): void;
  ofProvider(provider: string): Resources;
  ofPool(provider: string, pool: string): Resources;
  ofTenant(tenant: string): Resources;
}

export function createSums(): Sums {
  const sums = new Map<string, Record<string, number>>();

  const addTo = (key: string, resources: Resources, sign: 1 | -1) => {
    let sum = sums.get(key);
    if (!sum) sums.set(key, (sum = {}));
    for (const resource in resources)
      sum[resource] = (sum[resource] ?? 0) + sign * (resources[resource] ?? 0);
  };

  return {
    add({ provider, pool, tenant }, resources, sign) {
      if (provider !== null) addTo(providerKey(provider), resources, sign);
      if (provider !== null && pool !== null) addTo(poolKey(provider, pool), resources, sign);
      if (tenant !== null) addTo(tenantKey(tenant), resources, sign);
    },
    ofProvider: (provider) => sums.get(providerKey(provider)) ?? NO_RESOURCES,
    ofPool: (provider, pool) => sums.get(poolKey(provider, pool)) ?? NO_RESOURCES,
    ofTenant: (tenant) => sums.get(tenantKey(tenant)) ?? NO_RESOURCES,
  };
}

const providerKey = (provider: string) => `provider\n${provider}`;
const poolKey = (provider: string, pool: string) => `pool\n${provider}\n${pool}`;
const tenantKey = (tenant: string) => `tenant\n${tenant}`;

/** Moves a node's use from what it was to what it is. Every state counts, also `deleting` and `hold`. */
export function applyNode(
  sums: Sums,
  previous: Entry<Node> | undefined,
  entry: Entry<Node> | undefined,
): void {
  if (previous && entry && sameUse(previous.value, entry.value)) return;
  if (previous) sums.add(accountOf(previous.value), resourcesOf(previous.value), -1);
  if (entry) sums.add(accountOf(entry.value), resourcesOf(entry.value), 1);
}

const ONE_INSTANCE: Resources = Object.freeze({ instances: 1 });

function accountOf(node: Node): Account {
  return { provider: node.provider, pool: node.pool, tenant: node.tenantName };
}

/** Records of other launchers may hold no resources; each is one instance all the same. */
function resourcesOf(node: Node): Resources {
  return node.resources ?? ONE_INSTANCE;
}

function sameUse(a: Node, b: Node): boolean {
  return (
    a.provider === b.provider &&
    a.pool === b.pool &&
    a.tenantName === b.tenantName &&
    sameResources(resourcesOf(a), resourcesOf(b))
  );
}

function sameResources(a: Resources, b: Resources): boolean {
  if (a === b) return true;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
