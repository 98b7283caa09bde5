import type { Config } from '../config/config.ts';
import { StoreError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { openEmbeddedStore } from './embedded.ts';
import type { Store } from './store.ts';

/** Opens the store that the configuration asks for: ZooKeeper where servers are given, else the state directory. */
export async function openStore(
  config: Pick<Config, 'stateDir' | 'zookeeper'>,
  { log }: { log: Logger },
): Promise<Store> {
  if (config.zookeeper !== undefined) {
    throw new StoreError(
      'zookeeper-servers are configured, but this version keeps its state only in a directory. Remove ' +
        'zookeeper-servers from the configuration; state-dir says where the state goes.',
    );
  }
  return await openEmbeddedStore({ dir: config.stateDir, log: log.named('store') });
}
