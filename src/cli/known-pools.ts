import { ConfigError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { Tools } from './verb.ts';
import { registeredPools } from './why.ts';

export interface PoolName {
  provider: string;
  pool: string;
}

/** Every pool that a running launcher serves or that the configuration has; a broken configuration is passed over. */
export async function knownPools(tools: Tools, store: Store): Promise<PoolName[]> {
  const [components, pools] = await Promise.all([store.components.list(), store.pools.list()]);
  const registered = registeredPools({
    components: components.map(({ value }) => value),
    pools: pools.map(({ value }) => value),
  });
  const configured = await configuredPools(tools);
  const all = [...registered.map(({ provider, pool }) => ({ provider, pool })), ...configured];
  return [...new Map(all.map((pool) => [`${pool.provider}\n${pool.pool}`, pool])).values()];
}

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
