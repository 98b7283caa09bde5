import t from 'tap';
import { UnimplementedError } from '../../../src/zookeeper/index.ts';
import { startZooKeeper, zookeeperMissing } from '../../support/zookeeper.ts';
import { hearing, nextState, openClient } from '../../support/zookeeper-client.ts';
import { startProxy } from '../../support/zookeeper-proxy.ts';

t.test('watches on a real server', { skip: zookeeperMissing() }, async (t) => {
  const zk = await startZooKeeper();
  t.teardown(zk.stop);
  const [server] = zk.servers;
  /** A client behind a proxy, and one that does the changes. */
  const setUp = async (test: typeof t, sessionTimeoutMs = 6000) => {
    const proxy = await startProxy(server.port);
    test.teardown(proxy.close);
    const client = await openClient(test, proxy.address, { sessionTimeoutMs });
    const other = await openClient(test, zk.connectString, { chroot: client.chroot });
    return { proxy, client, other };
  };

  t.test('one-shot watches tell of the next change, once', async (t) => {
    const { client, other } = await setUp(t);
    const [data, exists, children, absent] = [hearing(), hearing(), hearing(), hearing()];
    await client.create('/a');
    await client.getData('/a', { watch: data.listener });
    await client.exists('/a', { watch: exists.listener });
    await client.getChildren('/a', { watch: children.listener });
    t.equal(await client.exists('/b', { watch: absent.listener }), undefined);
    await t.rejects(client.getData('/b', { watch: data.listener }), { name: 'NoNodeError' });
    await other.create('/a/child');
    t.equal(await children.next(), 'children /a');
    await other.setData('/a', 'x');
    t.equal(await data.next(), 'changed /a');
    t.equal(await exists.next(), 'changed /a');
    await other.setData('/a', 'y');
    await other.create('/b');
    t.equal(await absent.next(), 'created /b');
    await client.sync();
    t.equal(data.count + exists.count + children.count + absent.count, 0);
  });

  t.test('a watch that is removed hears nothing', async (t) => {
    const { client, other } = await setUp(t);
    const [data, kept] = [hearing(), hearing()];
    await client.create('/a');
    await client.getData('/a', { watch: data.listener });
    await client.getData('/a', { watch: kept.listener });
    client.removeWatch('/a', data.listener);
    await other.setData('/a', 'x');
    t.equal(await kept.next(), 'changed /a');
    t.equal(data.count, 0);
  });

  t.test('what changes while the connection is away is told after it is back', async (t) => {
    const { proxy, client, other } = await setUp(t);
    const heard = {
      data: hearing(),
      gone: hearing(),
      absent: hearing(),
      children: hearing(),
      quiet: hearing(),
    };
    await Promise.all(['/data', '/gone', '/children', '/quiet'].map((path) => client.create(path)));
    await client.getData('/data', { watch: heard.data.listener });
    await client.getData('/gone', { watch: heard.gone.listener });
    await client.exists('/absent', { watch: heard.absent.listener });
    await client.getChildren('/children', { watch: heard.children.listener });
    await client.getData('/quiet', { watch: heard.quiet.listener });
    const suspended = nextState(client, 'suspended');
    proxy.refuse();
    await suspended;
    await other.setData('/data', 'x');
    await other.delete('/gone');
    await other.create('/absent');
    await other.create('/children/c');
    proxy.accept();
    t.equal(await heard.data.next(), 'changed /data');
    t.equal(await heard.gone.next(), 'deleted /gone');
    t.equal(await heard.absent.next(), 'created /absent');
    t.equal(await heard.children.next(), 'children /children');
    t.equal(heard.quiet.count, 0);
    await other.setData('/quiet', 'x');
    t.equal(await heard.quiet.next(), 'changed /quiet', 'and what did not change is still watched');
  });

  t.test('watches survive the restart of the server', async (t) => {
    const { client } = await setUp(t, 20_000);
    const [data, tree] = [hearing(), hearing()];
    await client.create('/a');
    await client.getData('/a', { watch: data.listener });
    await client.addWatch('/', tree.listener, { recursive: true });
    const suspended = nextState(client, 'suspended');
    await server.kill();
    await suspended;
    await server.start();
    t.equal(await tree.next(), 'resync /');
    await client.setData('/a', 'x');
    t.equal(await data.next(), 'changed /a');
    t.equal(await tree.next(), 'changed /a');
  });

  t.test('a lost session ends one-shot watches and carries persistent ones over', async (t) => {
    const { proxy, client, other } = await setUp(t, 500);
    const [data, tree] = [hearing(), hearing()];
    const { path } = await client.create('/e', '', { ephemeral: true });
    await client.getData(path, { watch: data.listener });
    await client.addWatch('/', tree.listener, { recursive: true });
    const gone = hearing();
    await other.exists(path, { watch: gone.listener });
    proxy.refuse();
    await gone.next();
    proxy.accept();
    t.equal(await data.next(), 'lost /e');
    t.equal(await tree.next(), 'resync /');
    await other.create('/new');
    t.equal(await tree.next(), 'created /new');
  });

  t.test('closing ends watches, also those of reads that are still on their way', async (t) => {
    const { client } = await setUp(t);
    await client.create('/a');
    const [before, late] = [hearing(), hearing()];
    await client.exists('/a', { watch: before.listener });
    const read = client.getData('/a', { watch: late.listener });
    await client.close();
    await read;
    t.equal(await before.next(), 'lost /a');
    t.equal(await late.next(), 'lost /a');
  });

  t.test('a recursive watch tells of everything below, a persistent one of its path', async (t) => {
    const { client, other } = await setUp(t);
    const [tree, flat] = [hearing(), hearing()];
    await client.create('/a');
    const removeTree = await client.addWatch('/a', tree.listener, { recursive: true });
    await client.create('/b');
    await client.addWatch('/b', flat.listener);
    await other.createWithParents('/a/x/y');
    await other.setData('/a', '1');
    await other.deleteRecursive('/a/x');
    for (const expected of [
      'created /a/x',
      'created /a/x/y',
      'changed /a',
      'deleted /a/x/y',
      'deleted /a/x',
    ]) {
      t.equal(await tree.next(), expected);
    }
    for (let round = 0; round < 2; round++) {
      await other.create(`/b/${round}`);
      await other.setData('/b', '');
      await other.setData(`/b/${round}`, '');
      t.equal(await flat.next(), 'children /b');
      t.equal(await flat.next(), 'changed /b');
    }
    await removeTree();
    await other.setData('/a', '2');
    await client.sync();
    t.equal(tree.count, 0);
    await t.rejects(client.addWatch('/b', tree.listener, { recursive: true }), /is not recursive/);
  });

  t.test('one-shot and persistent watches on the same path do not disturb each other', async (t) => {
    const { client, other } = await setUp(t);
    const [tree, data, children, early] = [hearing(), hearing(), hearing(), hearing()];
    await client.create('/a');
    await client.getChildren('/a', { watch: early.listener });
    const remove = await client.addWatch('/a', tree.listener, { recursive: true });
    await client.getData('/a', { watch: data.listener });
    await client.getChildren('/a', { watch: children.listener });
    await other.create('/a/b');
    t.equal(await early.next(), 'children /a');
    t.equal(await children.next(), 'children /a');
    t.equal(await tree.next(), 'created /a/b');
    await other.setData('/a', 'x');
    t.equal(await data.next(), 'changed /a');
    t.equal(await tree.next(), 'changed /a');
    await other.setData('/a/b', 'x');
    t.equal(await tree.next(), 'changed /a/b', 'the persistent one is still recursive');
    await client.getData('/a', { watch: data.listener });
    await remove();
    await other.setData('/a', 'y');
    t.equal(await data.next(), 'changed /a', 'the one-shot watch outlives the persistent one');
    t.equal(tree.count, 0);
  });

  t.test('a server before 3.6 refuses persistent watches, and the client goes on', async (t) => {
    const { proxy, client } = await setUp(t);
    proxy.forget(106);
    const data = hearing();
    await client.create('/a');
    await client.getData('/a', { watch: data.listener });
    await t.rejects(client.addWatch('/a', data.listener, { recursive: true }), UnimplementedError);
    await client.setData('/a', 'x');
    t.equal(await data.next(), 'changed /a');
  });

  t.test('persistent watches end when the next server does not know them', async (t) => {
    const { proxy, client } = await setUp(t);
    const tree = hearing();
    await client.addWatch('/', tree.listener, { recursive: true });
    proxy.forget(105, 106);
    proxy.cut();
    t.equal(await tree.next(), 'removed /');
    await client.create('/a');
    t.equal(tree.count, 0);
  });
});
