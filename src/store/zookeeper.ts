import { systemClock, type Clock } from '../clock.ts';
import type { ZookeeperConfig } from '../config/config.ts';
import type { Logger } from '../log.ts';
import type { Codec } from '../model/codec.ts';
import { componentCodec } from '../model/component.ts';
import { decisionCodec } from '../model/decision.ts';
import { drainCodec } from '../model/drain.ts';
import { nodeCodec } from '../model/node.ts';
import { poolStatusCodec } from '../model/pool-status.ts';
import { requestCodec } from '../model/request.ts';
import { buildCodec, markCodec, uploadCodec } from '../model/image.ts';
import { OrderedQueue, type ZooKeeperClient } from '../zookeeper/index.ts';
import type { Store } from './store.ts';
import { Calls } from './zookeeper/calls.ts';
import { ZooKeeperCollection } from './zookeeper/collection.ts';
import { connectToServers } from './zookeeper/connect.ts';
import { type Layout, layouts } from './zookeeper/layout.ts';
import { withOldRegistry } from './zookeeper/old-registry.ts';
import { acquireMutex } from './zookeeper/mutex.ts';
import { followSession } from './zookeeper/session.ts';
import { removeOldRequestLocks } from './zookeeper/tidy.ts';

export interface ZooKeeperOptions {
  zookeeper: ZookeeperConfig;
  log: Logger;
  clock?: Clock;
  /**
   * How long the servers may be away, at the start and for each call; then StoreError. Without it calls wait until the
   * servers are back, as daemons do, and the log says every ten seconds what is wrong.
   */
  patienceMs?: number;
  /** Ends the first wait. */
  signal?: AbortSignal;
}

/** How long closing waits for calls under way when the servers do not answer. */
const LAST_CALLS_MS = 5000;

/** Opens the state in ZooKeeper, where an unmodified Zuul and the launchers of Nodepool see it too. */
export async function openZooKeeperStore(options: ZooKeeperOptions): Promise<Store> {
  const { log, clock = systemClock } = options;
  const client = await connectToServers(options);
  const calls = new Calls();
  const queue = new OrderedQueue();
  const collection = <T>(layout: Layout, codec: Codec<T>) =>
    new ZooKeeperCollection<T>({ client, calls, layout, codec, log, queue });
  const session = followSession(client, log);

  let closing: Promise<void> | undefined;
  return {
    nodes: collection(layouts.nodes, nodeCodec),
    requests: collection(layouts.requests, requestCodec),
    components: withOldRegistry(collection(layouts.components, componentCodec), client),
    pools: collection(layouts.pools, poolStatusCodec),
    decisions: collection(layouts.decisions, decisionCodec),
    drains: collection(layouts.drains, drainCodec),
    builds: collection(layouts.builds, buildCodec),
    uploads: collection(layouts.uploads, uploadCodec),
    buildRequests: collection(layouts.buildRequests, markCodec),
    imagePauses: collection(layouts.imagePauses, markCodec),
    acquire: (name, options = {}) =>
      calls.make(() => acquireMutex(client, name, options), { isWait: (options.waitMs ?? 0) > 0 }),
    session,
    async tidy() {
      const removed = await calls.make(() => removeOldRequestLocks(client, clock.nowMs()));
      if (removed > 0) log.info('locks of old requests removed', { removed });
    },
    close: () => (closing ??= closeAll(client, calls)),
  };
}

async function closeAll(client: ZooKeeperClient, calls: Calls): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, LAST_CALLS_MS)));
  await Promise.race([calls.close(), patience]);
  clearTimeout(timer);
  await client.close();
}
