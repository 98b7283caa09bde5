import { randomBytes } from 'node:crypto';
import { layouts, type Layout } from '../../../src/store/zookeeper/layout.ts';
import { connect, NoNodeError, type ZooKeeperClient } from '../../../src/zookeeper/index.ts';
import type { ZooKeeper } from '../../support/zookeeper.ts';
import type { StoreUnderTest } from './contract.ts';
import type { Place, ZooKeeperPlace } from './place.ts';

/** The store in ZooKeeper; each test in a chroot of its own. */
export function zookeeperStore({ servers }: Pick<ZooKeeper, 'servers'>): StoreUnderTest<ZooKeeperPlace> {
  return {
    name: 'ZooKeeper',

    prepare() {
      const place: ZooKeeperPlace = {
        kind: 'zookeeper',
        servers: servers.map(({ port }) => ({ host: '127.0.0.1', port })),
        chroot: `/store-${randomBytes(6).toString('hex')}`,
        sessionTimeoutMs: 3000,
      };
      return Promise.resolve({ place, remove: () => Promise.resolve() });
    },

    async putRaw(place, collection, id, text) {
      await withClient(place, async (client) => {
        const path = layoutOf(collection).recordPath(id);
        await client.setData(path, text).catch((error: unknown) => {
          if (!(error instanceof NoNodeError)) throw error;
          return client.createWithParents(path, text);
        });
      });
    },

    async getRaw(place, collection, id) {
      return await withClient(place, async (client) => {
        const { data } = await client.getData(layoutOf(collection).recordPath(id));
        return data.toString();
      });
    },
  };
}

/** Connects as another program would. */
export async function withClient<T>(place: Place, work: (client: ZooKeeperClient) => Promise<T>): Promise<T> {
  if (place.kind !== 'zookeeper') throw new Error('not a place in ZooKeeper');
  const client = await connect({ servers: place.servers, chroot: place.chroot });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

function layoutOf(collection: string): Layout {
  const layout = Object.values(layouts).find((candidate) => candidate.collection === collection);
  if (!layout) throw new Error(`no collection ${collection}`);
  return layout;
}
