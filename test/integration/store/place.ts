import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import type { Store } from '../../../src/store/store.ts';
import { openZooKeeperStore } from '../../../src/store/zookeeper.ts';
import { silentLogger } from '../../../src/log.ts';

/** Where a store lives, in a form that can be handed to another process. */
export type Place = EmbeddedPlace | ZooKeeperPlace;

export interface EmbeddedPlace {
  kind: 'embedded';
  dir: string;
  logSlots?: number;
}

export interface ZooKeeperPlace {
  kind: 'zookeeper';
  servers: { host: string; port: number }[];
  chroot: string;
  sessionTimeoutMs: number;
}

export function openPlace(place: Place): Promise<Store> {
  if (place.kind === 'zookeeper') {
    return openZooKeeperStore({ zookeeper: { ...place, tls: undefined }, log: silentLogger });
  }
  const { dir, logSlots } = place;
  return openEmbeddedStore({ dir, log: silentLogger, ...(logSlots === undefined ? {} : { logSlots }) });
}
