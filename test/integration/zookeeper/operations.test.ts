import t from 'tap';
import {
  AuthFailedError,
  BadVersionError,
  connect,
  NoAuthError,
  NoChildrenForEphemeralsError,
  NodeExistsError,
  NoNodeError,
  NotEmptyError,
  Permission,
  TooLargeError,
  TransactionError,
} from '../../../src/zookeeper/index.ts';
import { startZooKeeper, zookeeperMissing } from '../../support/zookeeper.ts';
import { openClient } from '../../support/zookeeper-client.ts';
import { startProxy } from '../../support/zookeeper-proxy.ts';

t.test('operations on a real server', { skip: zookeeperMissing() }, async (t) => {
  const zk = await startZooKeeper();
  t.teardown(zk.stop);

  t.test('znodes are created, read, written and deleted', async (t) => {
    const client = await openClient(t, zk.connectString);
    const created = await client.create('/a', 'first');
    t.equal(created.path, '/a');
    t.match(created.stat, { version: 0, dataLength: 5, ephemeralOwner: 0n });
    const read = await client.getData('/a');
    t.equal(read.data.toString(), 'first');
    t.strictSame(read.stat, created.stat);
    t.ok(Math.abs(read.stat.mtimeMs - Date.now()) < 60_000);
    t.match(await client.setData('/a', Buffer.from([0, 255]), { version: 0 }), { version: 1, dataLength: 2 });
    t.strictSame((await client.getData('/a')).data, Buffer.from([0, 255]));
    t.equal((await client.exists('/a'))?.version, 1);
    await client.delete('/a', { version: 1 });
    t.equal(await client.exists('/a'), undefined);
  });

  t.test('each mistake is an error of its own class that names the path', async (t) => {
    const client = await openClient(t, zk.connectString);
    await client.create('/a');
    await client.create('/a/b');
    await client.create('/e', '', { ephemeral: true });
    await t.rejects(client.getData('/none'), {
      constructor: NoNodeError,
      path: '/none',
      message: /^\/none: /,
    });
    await t.rejects(client.create('/none/x'), NoNodeError);
    await t.rejects(client.create('/a'), NodeExistsError);
    await t.rejects(client.setData('/a', '', { version: 7 }), BadVersionError);
    await t.rejects(client.delete('/a'), NotEmptyError);
    await t.rejects(client.create('/e/x'), NoChildrenForEphemeralsError);
    await t.rejects(client.create('/a', Buffer.alloc(2_000_000)), TooLargeError);
    await t.rejects(client.getData('relative'), { name: 'BadArgumentsError', message: /must start with/ });
    await t.rejects(client.create('/x', '', { container: true, ephemeral: true }), /neither ephemeral/);
    await t.rejects(client.multi([{ op: 'create', path: '/x', mode: { ttlMs: -1 } }]), /whole milliseconds/);
    await t.rejects(client.multi([{ op: 'delete', path: 'x' }]), /must start with/);
    t.equal((await client.getData('/a')).data.length, 0, 'the connection has not suffered');
  });

  t.test('ephemeral, sequential, container and TTL znodes', async (t) => {
    const client = await openClient(t, zk.connectString);
    const other = await openClient(t, zk.connectString, { chroot: client.chroot });
    const { path, stat } = await client.create('/e-', 'x', { ephemeral: true, sequential: true });
    t.match(path, /^\/e-\d{10}$/);
    t.equal(stat?.ephemeralOwner, client.sessionId);
    t.equal((await client.create('/s-', '', { sequential: true })).path, '/s-0000000001');
    t.equal((await client.create('/container', 'c', { container: true })).path, '/container');
    t.match((await client.create('/ttl-', 't', { ttlMs: 60_000, sequential: true })).path, /^\/ttl-\d{10}$/);
    t.equal((await client.getData('/container')).data.toString(), 'c');
    await client.close();
    t.equal(await other.exists(path), undefined, 'closing ended the session on the server');
    t.ok(await other.exists('/s-0000000001'));
  });

  t.test('operations take effect in the order of their calls, without waiting in between', async (t) => {
    const client = await openClient(t, zk.connectString);
    const count = 2000;
    const creations = Array.from({ length: count }, (_, index) =>
      client.create('/n-', String(index), { sequential: true }),
    );
    const paths = (await Promise.all(creations)).map((created) => created.path);
    t.strictSame(paths, [...paths].sort());
    const reads = await Promise.all(paths.map((path) => client.getData(path)));
    t.strictSame(
      reads.map(({ data }) => Number(data)),
      Array.from({ length: count }, (_, index) => index),
    );
    const [, failed, last] = await Promise.allSettled([
      client.setData('/n-0000000000', 'a'),
      client.setData('/none', 'b'),
      client.getData('/n-0000000000'),
    ]);
    t.equal(failed.status, 'rejected');
    t.equal(last.status === 'fulfilled' && last.value.data.toString(), 'a');
    await client.deleteRecursive('/');
  });

  t.test('children are listed, also many of them, and branches deleted', async (t) => {
    const client = await openClient(t, zk.connectString);
    await client.createWithParents('/a/b/c', 'leaf');
    t.equal((await client.getData('/a/b/c')).data.toString(), 'leaf');
    await client.ensurePath('/a/b');
    await client.ensurePath('/');
    const names = Array.from({ length: 700 }, (_, index) => `child-${index}`);
    await Promise.all(names.map((name) => client.create(`/a/${name}`)));
    t.strictSame(new Set(await client.getChildren('/a')), new Set([...names, 'b']));
    const { children, stat } = await client.getChildrenAndStat('/a');
    t.equal(children.length, stat.numChildren);
    await client.deleteRecursive('/a');
    await client.deleteRecursive('/a');
    t.equal(await client.exists('/a'), undefined);
  });

  t.test('a transaction does everything or nothing, with results by operation', async (t) => {
    const client = await openClient(t, zk.connectString);
    await client.create('/a');
    const [, created, stat] = await client.multi([
      { op: 'check', path: '/a', version: 0 },
      { op: 'create', path: '/a/n-', data: 'x', mode: { sequential: true } },
      { op: 'set', path: '/a', data: 'y' },
    ]);
    t.equal(created.path, '/a/n-0000000000');
    t.equal(stat.version, 1);
    const failing = client.multi([
      { op: 'delete', path: '/a/n-0000000000' },
      { op: 'check', path: '/a', version: 0 },
      { op: 'create', path: '/b' },
    ]);
    await t.rejects(failing, {
      constructor: TransactionError,
      index: 1,
      path: '/a',
      cause: { constructor: BadVersionError },
    });
    t.ok(await client.exists('/a/n-0000000000'));
    t.equal(await client.exists('/b'), undefined);
    t.strictSame(await client.multi([]), []);
  });

  t.test('access control lists and digest credentials decide who may read', async (t) => {
    const owner = await openClient(t, zk.connectString, {
      auth: [{ scheme: 'digest', auth: 'someone:secret' }],
    });
    const acl = [{ permissions: Permission.all, scheme: 'auth', id: '' }];
    await owner.create('/private', 'data', { acl });
    const found = await owner.getAcl('/private');
    t.match(found.acl, [{ permissions: 31, scheme: 'digest', id: /^someone:/ }]);
    const other = await openClient(t, zk.connectString, { chroot: owner.chroot });
    await t.rejects(other.getData('/private'), NoAuthError);
    await other.addAuth('digest', 'someone:secret');
    t.equal((await other.getData('/private')).data.toString(), 'data');
    await owner.setAcl('/private', [{ permissions: Permission.read, scheme: 'world', id: 'anyone' }], {
      version: found.stat.aversion,
    });
    await t.rejects(owner.setData('/private', 'x'), NoAuthError);
  });

  t.test('a refused credential closes the client and is not shown', async (t) => {
    const client = await openClient(t, zk.connectString);
    const error = await client.addAuth('no-such-scheme', 'hush').then(
      () => undefined,
      (refused: Error) => refused,
    );
    t.type(error, AuthFailedError);
    t.notMatch(error?.message, /hush/);
    t.equal(client.state, 'closed');
    await t.rejects(client.exists('/'), { name: 'ClosedError' });
    await t.rejects(
      connect({
        servers: zk.connectString,
        auth: [{ scheme: 'no-such-scheme', auth: 'hush' }],
        timeoutMs: 5000,
      }).then(async (opened) => {
        await opened.exists('/');
      }),
    );
  });

  t.test('with a chroot nothing is seen of what is outside', async (t) => {
    const outer = await openClient(t, zk.connectString);
    const inner = await openClient(t, `${zk.connectString}${outer.chroot}/deep/inside`, {
      chroot: `${outer.chroot}/deep/inside`,
    });
    const { path } = await inner.createWithParents('/a/b-', 'x', { sequential: true });
    t.equal(path, '/a/b-0000000000');
    t.ok(await outer.exists('/deep/inside/a/b-0000000000'));
    t.strictSame(await inner.getChildren('/'), ['a']);
    const [created] = await inner.multi([{ op: 'create', path: '/m' }]);
    t.equal(created.path, '/m');
    await t.rejects(inner.getData('/none'), { path: '/none', message: /^\/none:/ });
  });

  t.test('sync answers', async (t) => {
    const client = await openClient(t, zk.connectString);
    await client.sync();
    await client.sync('/');
    t.pass();
  });

  t.test('servers that do not know create2 still create', async (t) => {
    const proxy = await startProxy(zk.servers[0].port);
    t.teardown(proxy.close);
    proxy.forget(15);
    const client = await openClient(t, proxy.address);
    t.strictSame(await client.create('/old'), { path: '/old', stat: undefined });
    await client.create('/older');
    t.equal(proxy.requests(15), 1, 'asked only once');
    const results = await Promise.allSettled([
      client.getData('/old'),
      client.create('/old'),
      client.getData('/older'),
    ]);
    t.strictSame(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
  });
});
