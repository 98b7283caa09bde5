/** The store in ZooKeeper beside 50,000 nodes: everything is seen, and a change costs what it costs beside ten. */
import { randomInt } from 'node:crypto';
import t from 'tap';
import { makeNode, nodeCodec } from '../../../src/model/node.ts';
import { layouts } from '../../../src/store/zookeeper/layout.ts';
import { until } from '../../support/poll.ts';
import { ask, startZooKeeper, zookeeperMissing } from '../../support/zookeeper.ts';
import { openPlace, type Place } from './place.ts';
import { withClient, zookeeperStore } from './zookeeper-place.ts';

const SIZE = 50_000;

t.test('beside 50,000 nodes', { skip: zookeeperMissing() }, async (t) => {
  const zk = await startZooKeeper({ isDurable: true }); // the other kind has too little memory
  t.teardown(zk.stop);
  const prepared = await zookeeperStore(zk).prepare();
  const place = { ...prepared.place, sessionTimeoutMs: 30_000 };
  await makeNodes(place);
  const store = await openPlace(place);
  t.teardown(() => store.close());
  const countReceived = async () => {
    const [, received] = /^Received: (\d+)/m.exec(await ask(zk.servers[0].port, 'srvr')) ?? [];
    return Number(received);
  };

  const changed: string[] = [];
  const view = await store.nodes.watch(({ id }) => void changed.push(id));
  t.teardown(() => view.close());

  t.test('a view shows them all', async (t) => {
    t.equal(view.entries.size, SIZE);
    t.equal(new Set(changed.splice(0)).size, SIZE, 'and tells of each');
    t.ok([...view.entries.values()].every(({ value, locked }) => value.state === 'ready' && !locked));
  });

  t.test('a change costs as little as beside few', async (t) => {
    const ids = [...view.entries.keys()];
    const changes = 50;
    const before = await countReceived();
    for (let count = 0; count < changes; count++) {
      const id = ids[randomInt(ids.length)] as string;
      const { version } = await store.nodes.update(id, (node) => ({ ...node, comment: `change ${count}` }));
      t.equal(view.entries.get(id)?.version, version);
    }
    const operations = ((await countReceived()) - before) / changes;
    // The write and its being read back; pings and the question itself come on top.
    t.ok(operations < 3, `${operations} operations a change`);
  });

  t.test('what happens while the server is away is found', async (t) => {
    changed.length = 0;
    const ids = [...view.entries.keys()];
    await zk.servers[0].kill();
    await zk.servers[0].start();
    await withClient(place, async (other) => {
      await Promise.all(ids.slice(0, 1000).map((id) => other.delete(layouts.nodes.recordPath(id))));
    });
    const { id } = await store.nodes.create(makeNode({ comment: 'new' }));
    await until(() => view.entries.size === SIZE - 1000 + 1, {
      timeoutMs: 120_000,
      what: 'the smaller view',
    });
    t.equal(view.entries.get(id)?.value.comment, 'new');
    t.equal(new Set(changed).size, 1001, 'nothing else is told of again');
  });
});

/** As another program would, many to a transaction. */
async function makeNodes(place: Place): Promise<void> {
  const data = nodeCodec.encode(makeNode({ state: 'ready', provider: 'p', pool: 'main', type: ['small'] }));
  await withClient(place, async (client) => {
    const { root } = layouts.nodes;
    await client.createWithParents(root, '');
    const create = { op: 'create', path: `${root}/0`, data, mode: { sequential: true } } as const;
    for (let made = 0; made < SIZE; made += 500) {
      await client.multi(Array.from({ length: 500 }, () => create));
    }
  });
}
