import { ConfigError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { Failure } from './failure.ts';
import type { Tools } from './verb.ts';
import { registeredPools } from '../operator/why.ts';

export interface PoolName {
  provider: string;
  pool: string;
}

/**
 * Throws Failure, with the names there are, unless a running launcher serves the provider (and pool), the configuration
 * has it, or it is among `more`.
 */
export async function checkPoolName(
  tools: Tools,
  store: Store,
  { provider, pool }: { provider: string; pool: string | null },
  more: readonly PoolName[] = [],
): Promise<void> {
  const isMeant = (name: PoolName) => name.provider === provider && (pool === null || name.pool === pool);
  const registered = [...more, ...(await poolsOfLaunchers(store))];
  if (registered.some(isMeant)) return;
  const known = [...registered, ...(await configuredPools(tools))];
  if (known.some(isMeant)) return;

  const pools = known.filter((name) => name.provider === provider).map((name) => name.pool);
  throw new Failure(
    pools.length === 0
      ? `unknown provider ${provider}; known are: ${listOf(known.map((name) => name.provider))}`
      : `unknown pool ${pool ?? ''} in provider ${provider}; known are: ${listOf(pools)}`,
  );
}

/** Pools that running launchers serve. */
export async function poolsOfLaunchers(store: Store): Promise<readonly PoolName[]> {
  const [components, pools] = await Promise.all([store.components.list(), store.pools.list()]);
  return registeredPools({
    components: components.map(({ value }) => value),
    pools: pools.map(({ value }) => value),
  });
}

/** A broken configuration is passed over: it must not stand in the way of draining what runs. */
async function configuredPools(tools: Tools): Promise<PoolName[]> {
  try {
    const config = await tools.loadConfig();
    return [...config.providers.values()].flatMap((provider) =>
      [...provider.pools.keys()].map((pool) => ({ provider: provider.name, pool })),
    );
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    tools.log.debug('the configuration cannot be used to look up names', { error });
    return [];
  }
}

function listOf(names: readonly string[]): string {
  return [...new Set(names)].sort().join(', ') || 'none';
}
