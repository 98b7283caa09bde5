import type { Config } from '../config/config.ts';
import type { Logger } from '../log.ts';
import type { Store } from './store.ts';

export interface OpenOptions {
  log: Logger;
  /** For ZooKeeper: how long its servers may be away; see ZooKeeperOptions. */
  patienceMs?: number;
  /** Ends waiting for ZooKeeper. */
  signal?: AbortSignal;
}

/** Opens the store that the configuration asks for: ZooKeeper where servers are given, else the state directory. */
export async function openStore(
  { stateDir, zookeeper }: Pick<Config, 'stateDir' | 'zookeeper'>,
  { log, ...options }: OpenOptions,
): Promise<Store> {
  // Only the one that is used is loaded: the command should start fast.
  if (zookeeper !== undefined) {
    const { openZooKeeperStore } = await import('./zookeeper.ts');
    return await openZooKeeperStore({ zookeeper, log: log.named('zk.ZooKeeper'), ...options });
  }
  const { openEmbeddedStore } = await import('./embedded.ts');
  return await openEmbeddedStore({ dir: stateDir, log: log.named('store') });
}
