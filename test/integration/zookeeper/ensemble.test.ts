import t from 'tap';
import {
  acquireLock,
  connect,
  ConnectionLossError,
  type HeldLock,
  openTreeCache,
} from '../../../src/zookeeper/index.ts';
import { until } from '../../support/poll.ts';
import { startZooKeeper, zookeeperMissing } from '../../support/zookeeper.ts';
import { openClient } from '../../support/zookeeper-client.ts';

t.test('an ensemble of three whose leader is lost', { skip: zookeeperMissing() }, async (t) => {
  const zk = await startZooKeeper({ count: 3 });
  t.teardown(zk.stop);
  const client = await openClient(t, zk.connectString, { sessionTimeoutMs: 15_000 });
  const { sessionId } = client;
  const lock = (await acquireLock(client, '/lock')) as HeldLock;
  const cache = await openTreeCache(client, '/data');
  await client.ensurePath('/data');

  const written = new Set<string>();
  let isWriting = true;
  const writing = (async () => {
    for (let index = 0; isWriting; index++) {
      try {
        written.add((await client.create(`/data/${index}`)).path);
      } catch (error) {
        if (!(error instanceof ConnectionLossError)) throw error;
      }
    }
  })();
  await until(() => written.size > 20);
  const leader = await zk.leader();
  await leader.kill();
  const before = written.size;
  await until(() => written.size > before + 20, { timeoutMs: 20_000, what: 'writes with the new leader' });
  await leader.start();
  isWriting = false;
  await writing;

  t.equal(client.sessionId, sessionId, 'the session goes on');
  t.ok(lock.isHeld && !lock.lost.aborted);
  await client.sync('/data');
  const found = new Set((await client.getChildren('/data')).map((name) => `/data/${name}`));
  t.strictSame(
    [...written].filter((path) => !found.has(path)),
    [],
    'nothing that was confirmed is missing',
  );
  await until(() => cache.isCurrent && cache.size === found.size + 1);
  await cache.close();

  t.test('one server of three cannot serve, and the error says so', async (t) => {
    const [first, ...others] = zk.servers;
    await Promise.all(others.map((server) => server.kill()));
    await until(async () => (await first.mode()) === undefined);
    await t.rejects(connect({ servers: first.address, timeoutMs: 500 }), {
      message: /has no quorum or is starting/,
    });
  });
});
