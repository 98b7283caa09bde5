/** The store in ZooKeeper when connections break, answers get lost and sessions end. */
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { LockLostError, NotFoundError, StoreError } from '../../../src/errors.ts';
import { silentLogger } from '../../../src/log.ts';
import { makeComponent } from '../../../src/model/component.ts';
import { inState, makeNode } from '../../../src/model/node.ts';
import { inRequestState, makeRequest } from '../../../src/model/request.ts';
import type { SessionState, Store } from '../../../src/store/store.ts';
import { openZooKeeperStore } from '../../../src/store/zookeeper.ts';
import { until } from '../../support/poll.ts';
import { startZooKeeper, zookeeperMissing } from '../../support/zookeeper.ts';
import { startProxy } from '../../support/zookeeper-proxy.ts';
import { makeBench } from './contract.ts';
import type { ZooKeeperPlace } from './place.ts';
import { withClient, zookeeperStore } from './zookeeper-place.ts';

const [createWithStat, setData, multi] = [15, 5, 14] as const;

t.test('the store in ZooKeeper and its faults', { skip: zookeeperMissing() }, async (t) => {
  const zk = await startZooKeeper();
  t.teardown(zk.stop);

  /** A store behind a proxy, and a second one with a connection that is never disturbed. */
  const setUp = async (test: Test, sessionTimeoutMs = 3000) => {
    const proxy = await startProxy(zk.servers[0].port);
    test.teardown(proxy.close);
    const { place, open } = await makeBench(test, zookeeperStore(zk));
    const servers = [{ host: '127.0.0.1', port: proxy.port }];
    const store = await openZooKeeperStore({
      zookeeper: { servers, chroot: place.chroot, tls: undefined, sessionTimeoutMs },
      log: silentLogger,
    });
    test.teardown(() => store.close());
    return { proxy, place, store, other: await open() };
  };
  const setUpHeld = async (test: Test, sessionTimeoutMs?: number) => {
    const parts = await setUp(test, sessionTimeoutMs);
    const held = await parts.store.nodes.createLocked(makeNode({}));
    return { ...parts, held, id: held.entry.id };
  };

  t.test('a record whose creation was not answered is there once', async (t) => {
    const { proxy, store, other } = await setUp(t);
    await store.nodes.create(makeNode({ comment: 'before' })); // so that the parents exist
    proxy.loseAnswerTo(createWithStat);
    const same = { comment: 'same', stateTimeS: 7 };
    const entries = await Promise.all([1, 2, 3].map(() => store.nodes.create(makeNode(same))));
    const ids = entries.map(({ id }) => id).sort();
    t.equal(new Set(ids).size, 3, 'each caller has a record of its own');
    t.same(
      (await other.nodes.list()).filter(({ value }) => value.comment === 'same').map(({ id }) => id),
      ids,
    );
  });

  t.test('a named record whose creation was not answered is ours, not somebody else’s', async (t) => {
    const { proxy, store, other } = await setUp(t);
    const drain = { provider: 'p', pool: null, createdTimeS: 0, unknown: {} };
    await store.drains.create(drain, { id: 'first' });
    proxy.loseAnswerTo(createWithStat);
    t.equal((await store.drains.create(drain, { id: 'second' })).id, 'second');
    await t.rejects(other.drains.create(drain, { id: 'second' }), StoreError);
  });

  t.test('a write whose answer was lost is made once', async (t) => {
    const { proxy, store, held, id } = await setUpHeld(t);
    for (const [lost, target] of [
      [multi, held.entry],
      [setData, undefined],
    ] as const) {
      if (!target) await held.release();
      const before = (await store.nodes.get(id))?.value.stateTimeS ?? 0;
      proxy.loseAnswerTo(lost);
      await store.nodes.update(target ?? id, (node) => ({ ...node, stateTimeS: node.stateTimeS + 1 }));
      t.equal((await store.nodes.get(id))?.value.stateTimeS, before + 1);
    }
  });

  t.test('who waits for the lock of a record is never given it while the record is removed', async (t) => {
    const { proxy, store, other } = await setUp(t);
    proxy.space(20); // longer than it takes others to see a change, and to act
    // The server lists waiters in an order of its own: with this many, one of the wrong orders is among them.
    for (let round = 0; round < 6; round += 1) {
      const held = await store.nodes.createLocked(makeNode({}));
      const { id } = held.entry;
      const waiting = [1, 2].map(() => other.nodes.lock(id, { waitMs: 20_000 }));
      await other.nodes.get(id);
      const ended = Promise.all(waiting.map((lock) => t.rejects(lock, NotFoundError)));
      await store.nodes.remove(id);
      await ended;
    }
  });

  t.test('what was issued together is applied in that order, whenever the connection breaks', async (t) => {
    const { proxy, store, place } = await setUp(t);
    const problems: string[] = [];
    const watching = watchFulfilled(place, problems);
    t.teardown(async () => (await watching).stop());
    await watching;
    for (let round = 0; round < 25; round++) {
      const request = await store.requests.create(makeRequest({ nodeTypes: ['a'] }), { prefix: '100-' });
      const lock = await store.requests.lock(request.id);
      const node = await store.nodes.createLocked(makeNode({ allocatedTo: request.id }));
      if (!lock) throw new Error('nobody else has it');
      const steps: Promise<unknown>[] = [
        store.requests.update(lock.entry, (value) => inRequestState(value, 'pending', 1)),
        store.nodes.update(node.entry, (value) => inState(value, 'building', 1)),
        store.nodes.update(node.entry.id, (value) => inState(value, 'ready', 2)),
      ];
      if (round % 5 === 1) proxy.cut();
      if (round % 5 === 2) proxy.loseAnswerTo(multi);
      if (round % 5 === 3) setImmediate(proxy.cut);
      if (round % 5 === 4) setTimeout(proxy.cut, 1);
      steps.push(
        node.release(),
        store.requests.update(lock.entry.id, (value) => ({
          ...inRequestState(value, 'fulfilled', 3),
          nodes: [node.entry.id],
        })),
        lock.release(),
      );
      await Promise.all(steps);
      t.match(await store.requests.get(request.id), { locked: false, value: { state: 'fulfilled' } });
      t.match(await store.nodes.get(node.entry.id), {
        locked: false,
        value: { state: 'ready', stateTimeS: 2 },
      });
    }
    await until(async () => (await watching).seen() === 25, { what: 'all fulfilled requests to be seen' });
    t.same(problems, []);
  });

  t.test('who was cut off for longer than the session writes nothing over the next owner', async (t) => {
    const { proxy, store, other, held, id } = await setUpHeld(t, 1000);
    const states: SessionState[] = [];
    store.session.onChange((state) => states.push(state));
    proxy.refuse();
    const late = store.nodes.update(held.entry, (node) => inState(node, 'ready', 66));
    const refused = t.rejects(late, LockLostError);
    const next = await other.nodes.lock(id, { waitMs: 20_000 });
    t.ok(next, 'the next one has the lock');
    await other.nodes.update(id, (node) => inState(node, 'deleting', 5));
    t.equal(held.lost.aborted, true, 'and the old holder knows it, without a connection');
    proxy.accept();
    await refused;
    await t.rejects(
      store.nodes.update(id, (node) => inState(node, 'ready', 77)),
      LockLostError,
      'not later either',
    );
    await held.release();
    t.match(await other.nodes.get(id), { locked: true, value: { state: 'deleting', stateTimeS: 5 } });
    await until(() => states.at(-1) === 'connected');
    t.same(states, ['suspended', 'lost', 'connected']);
    await next?.release();
    t.ok(await store.nodes.lock(id), 'everything can be had again');
  });

  t.test('a process that stood still writes nothing over the next owner', async (t) => {
    const { proxy, store, other, held, id } = await setUpHeld(t, 1000);
    proxy.freeze(); // what this process sends now arrives late, as that of a stopped process
    const late = store.nodes.update(held.entry, (node) => inState(node, 'ready', 66));
    const refused = t.rejects(late, LockLostError);
    const next = await other.nodes.lock(id, { waitMs: 20_000 });
    await other.nodes.update(id, (node) => inState(node, 'in-use', 5));
    proxy.thaw();
    await refused;
    await held.release();
    t.match(await other.nodes.get(id), { locked: true, value: { state: 'in-use', stateTimeS: 5 } });
    await next?.release();
  });

  t.test('a lock that seemed lost while the server was away is free again once it is released', async (t) => {
    const { store, other, held, id } = await setUpHeld(t);
    const [server] = zk.servers;
    await server.kill();
    await once(held.lost, 'abort');
    await server.start();
    await held.release();
    const next = await other.nodes.lock(id, { waitMs: 20_000 });
    t.ok(next, 'the next one has the lock');
    await next?.release();
    const again = await store.nodes.createLocked(makeNode({}));
    t.notOk(again.lost.aborted);
    await again.release();
  });

  t.test('a lock that somebody took away protects nothing', async (t) => {
    const { store, place, held, id } = await setUpHeld(t);
    await withClient(place, async (client) => {
      const [contender] = await client.getChildren(`/nodepool/nodes/${id}/lock`);
      await client.delete(`/nodepool/nodes/${id}/lock/${contender}`);
    });
    await t.rejects(
      store.nodes.update(held.entry, (node) => inState(node, 'ready', 1)),
      LockLostError,
    );
    t.equal(held.lost.aborted, true);
    t.equal((await store.nodes.get(id))?.value.state, 'init');
    await store.nodes.remove(id);
    await t.rejects(
      store.nodes.update(id, (node) => node),
      NotFoundError,
    );
  });

  t.test('who writes without the lock is not overwritten', async (t) => {
    const { store, place, held, id } = await setUpHeld(t);
    await withClient(place, (client) =>
      client.setData(
        `/nodepool/nodes/${id}`,
        JSON.stringify({ state: 'init', state_time: 0, comment: 'theirs' }),
      ),
    );
    const first = await store.nodes.update(held.entry, (node) => inState(node, 'building', 1));
    const second = await store.nodes.update(id, (node) => ({
      ...inState(node, 'ready', 2),
      hostname: 'ours',
    }));
    t.match(first.value, { state: 'building', comment: 'theirs' });
    t.match(second.value, { state: 'ready', comment: 'theirs', hostname: 'ours' });
    t.ok(second.version > first.version);
  });

  t.test('components are in both registries, and gone with the session', async (t) => {
    const { proxy, store, place, other } = await setUp(t, 1000);
    const component = makeComponent({
      kind: 'pool',
      hostname: 'nl01',
      launcherId: 'nl01-PoolWorker.cloud-main-1',
      providerName: 'cloud',
      supportedLabels: ['small'],
    });
    const { id } = await store.components.create(component, { prefix: 'pool/nl01', ephemeral: true });
    const old = () =>
      withClient(place, async (client) => {
        const path = '/nodepool/launchers/nl01-PoolWorker.cloud-main-1';
        if (!(await client.exists(path))) return undefined;
        return JSON.parse((await client.getData(path)).data.toString()) as unknown;
      });
    t.same(await old(), {
      id: 'nl01-PoolWorker.cloud-main-1',
      provider_name: 'cloud',
      supported_labels: ['small'],
    });
    await store.components.update(id, (value) => ({ ...value, supportedLabels: ['small', 'big'] }));
    t.match(await old(), { supported_labels: ['small', 'big'] });
    proxy.refuse();
    await until(async () => (await other.components.list()).length === 0, { timeoutMs: 20_000 });
    await until(async () => (await old()) === undefined, { timeoutMs: 20_000 });
    proxy.accept();
    const again = await store.components.create(component, { prefix: 'pool/nl01', ephemeral: true });
    t.match(await old(), { supported_labels: ['small'] });
    await store.components.remove(again.id);
    t.equal(await old(), undefined);
  });

  t.test('without servers a command is told in time which one has which problem', async (t) => {
    const dead = await startProxy(1);
    t.teardown(dead.close);
    dead.refuse();
    const opening = openZooKeeperStore({
      zookeeper: {
        servers: [
          { host: '127.0.0.1', port: dead.port },
          { host: 'no-such-host.invalid', port: 2181 },
        ],
        chroot: '',
        tls: undefined,
        sessionTimeoutMs: 3000,
      },
      log: silentLogger,
      patienceMs: 1500,
    });
    const error: unknown = await opening.catch((reason: unknown) => reason);
    t.type(error, StoreError);
    for (const part of [`127.0.0.1:${dead.port}`, 'no-such-host.invalid:2181', 'zookeeper-servers']) {
      t.match((error as Error).message, part);
    }
  });

  t.test('a daemon waits for the servers, and goes on when they come', async (t) => {
    const proxy = await startProxy(zk.servers[0].port);
    t.teardown(proxy.close);
    proxy.refuse();
    const opening: Promise<Store> = openZooKeeperStore({
      zookeeper: {
        servers: [{ host: '127.0.0.1', port: proxy.port }],
        chroot: '/late',
        tls: undefined,
        sessionTimeoutMs: 3000,
      },
      log: silentLogger,
    });
    setTimeout(() => proxy.accept(), 500);
    const store = await opening;
    t.equal(store.session.state, 'connected');
    await store.close();
  });
});

/** As Zuul does, reads the nodes of a request as soon as it is fulfilled; notes what is not as promised then. */
async function watchFulfilled(place: ZooKeeperPlace, problems: string[]) {
  const store = await openZooKeeperStore({ zookeeper: { ...place, tls: undefined }, log: silentLogger });
  const looks: Promise<void>[] = [];
  await store.requests.watch(({ id, entry, previous }) => {
    if (entry?.value.state !== 'fulfilled' || previous?.value.state === 'fulfilled') return;
    const look = async () => {
      for (const nodeId of entry.value.nodes) {
        const node = await store.nodes.get(nodeId);
        if (node?.value.state === 'ready' && node.value.allocatedTo === id && !node.locked) continue;
        problems.push(`${id}: ${nodeId} is ${node?.value.state}${node?.locked ? ', locked' : ''}`);
      }
    };
    looks.push(look());
  });
  return {
    seen: () => looks.length,
    async stop() {
      await Promise.all(looks);
      await store.close();
    },
  };
}
