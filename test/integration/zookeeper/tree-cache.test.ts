import fc from 'fast-check';
import t from 'tap';
import {
  joinPath,
  openTreeCache,
  type TreeCache,
  type TreeChange,
  type ZooKeeperClient,
} from '../../../src/zookeeper/index.ts';
import { until } from '../../support/poll.ts';
import { startZooKeeper, zookeeperMissing } from '../../support/zookeeper.ts';
import { makeCertificates } from '../../support/zookeeper-certs.ts';
import { openClient } from '../../support/zookeeper-client.ts';
import { startProxy, type Proxy } from '../../support/zookeeper-proxy.ts';

const [exists, getData, getChildren, addWatch, setWatches2] = [3, 4, 8, 106, 105] as const;

/** Everything below a path as the server has it: path → data and transaction of the last write. */
async function readAll(client: ZooKeeperClient, root: string, found = new Map<string, string>()) {
  const [node, names] = await Promise.all([client.getData(root), client.getChildren(root)]).catch(() => []);
  if (!node || !names) return found;
  found.set(root, `${node.data.toString()} ${node.stat.mzxid}`);
  for (const name of names) await readAll(client, joinPath(root, name), found);
  return found;
}

function contentOf(cache: TreeCache): Map<string, string> {
  return new Map(
    [...cache.nodes()].map(({ path, data, stat }) => [path, `${data?.toString()} ${stat?.mzxid}`]),
  );
}

/** What the reported changes add up to. */
function following(model: Map<string, string>) {
  return ({ path, node, previous }: TreeChange) => {
    if ((previous !== undefined) !== model.has(path)) throw new Error(`${path}: reported out of order`);
    if (node) model.set(path, `${node.data?.toString()} ${node.stat?.mzxid}`);
    else model.delete(path);
  };
}

const path = fc
  .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 })
  .map((names) => `/${names.join('/')}`);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('create' as const), path }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('set' as const), path }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), path }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('cut' as const, 'away' as const, 'back' as const), path }),
  },
);

t.test('a tree cache and a real server', { skip: zookeeperMissing() }, async (t) => {
  const certs = await makeCertificates();
  t.teardown(certs.remove);
  const zk = await startZooKeeper({ tls: certs.server });
  t.teardown(zk.stop);
  const setUp = async (
    test: typeof t,
    sessionTimeoutMs = 6000,
    { prepare, isSecure = false }: { prepare?: (proxy: Proxy) => void; isSecure?: boolean } = {},
  ) => {
    const { port, tlsPort } = zk.servers[0];
    const proxy = await startProxy(isSecure ? tlsPort : port, { isOpaque: isSecure });
    test.teardown(proxy.close);
    prepare?.(proxy);
    const client = await openClient(test, proxy.address, {
      sessionTimeoutMs,
      backoff: { firstMs: 10, maxMs: 50 },
      ...(isSecure && { tls: { ca: certs.ca, ...certs.client } }),
    });
    const other = await openClient(test, zk.connectString, { chroot: client.chroot });
    return { proxy, client, other };
  };

  for (const kind of ['', ', with TLS too', ', before 3.6 too']) {
    const isOld = kind.includes('3.6');
    t.test(`shows what the server has after anything${kind}`, async (t) => {
      const { proxy, client, other } = await setUp(t, 6000, {
        prepare: (made) => isOld && made.forget(addWatch, setWatches2),
        isSecure: kind.includes('TLS'),
      });
      const reported = new Map<string, string>();
      const cache = await openTreeCache(client, '/', { onChange: following(reported) });
      t.teardown(() => cache.close());
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
          const pending: Promise<unknown>[] = [];
          for (const [index, todo] of steps.entries()) {
            if (todo.do === 'cut') proxy.cut();
            else if (todo.do === 'away') proxy.refuse();
            else if (todo.do === 'back') proxy.accept();
            else if (todo.do === 'create') pending.push(other.create(todo.path, String(index)));
            else if (todo.do === 'set') pending.push(other.setData(todo.path, String(index)));
            else pending.push(other.deleteRecursive(todo.path));
            if (index % 5 === 0) await Promise.allSettled(pending);
          }
          await Promise.allSettled(pending);
          proxy.accept();
          const expected = await readAll(other, '/');
          await until(() => cache.isCurrent && same(contentOf(cache), expected), {
            what: 'the cache to be right',
          });
          t.strictSame(reported, contentOf(cache));
        }),
        { numRuns: isOld ? 12 : 25 },
      );
    });
  }

  t.test('before 3.6, a listing that overtakes the news of a deletion hides nothing', async (t) => {
    const { proxy, client, other } = await setUp(t, 6000, {
      prepare: (made) => made.forget(addWatch, setWatches2),
    });
    await other.create('/again', 'old');
    let heard: (() => void) | undefined;
    const removed = new Promise<void>((resolve) => (heard = resolve));
    await client.exists('/again', { watch: ({ type }) => type === 'deleted' && heard?.() });
    const cache = await openTreeCache(client, '/');
    proxy.holdRequests();
    await other.create('/other'); // makes the client ask for the listing, which waits in the proxy
    await other.delete('/again');
    await other.create('/again', 'new');
    await removed;
    proxy.thaw();
    await until(() => cache.get('/other') !== undefined, { what: 'the listing to be applied' });
    await until(() => cache.get('/again')?.data?.toString() === 'new', { what: 'the new one to be seen' });
    await cache.close();
  });

  t.test('costs one read for a change and none for a deletion', async (t) => {
    const { proxy, client, other } = await setUp(t);
    await Promise.all(Array.from({ length: 300 }, (_, index) => other.create(`/n${index}`, 'x')));
    const cache = await openTreeCache(client, '/');
    t.equal(cache.size, 301);
    t.equal(proxy.requests(getChildren), 1);
    t.equal(proxy.requests(getData), 301);
    for (let round = 0; round < 10; round++) {
      await other.setData('/n7', String(round));
      await until(() => cache.get('/n7')?.data?.toString() === String(round));
    }
    t.equal(proxy.requests(getData), 311);
    await Promise.all(Array.from({ length: 300 }, (_, index) => other.delete(`/n${index}`)));
    await until(() => cache.size === 1);
    t.equal(proxy.requests(getData) + proxy.requests(getChildren) + proxy.requests(exists), 312);
    await cache.close();
  });

  t.test('shows own writes as soon as it has settled', async (t) => {
    const { client } = await setUp(t);
    const cache = await openTreeCache(client, '/', {});
    for (let round = 0; round < 20; round++) {
      await client.create('/mine', String(round));
      await cache.settled();
      t.equal(cache.get('/mine')?.data?.toString(), String(round));
      await client.delete('/mine');
      await cache.settled();
      t.equal(cache.get('/mine'), undefined);
    }
    await cache.close();
  });

  t.test('keeps of the data what it is told to, once for each version', async (t) => {
    const { client, other } = await setUp(t);
    await other.create('/one', '1');
    const seen: string[] = [];
    const cache = await openTreeCache(client, '/one', {
      keep: (data) => (seen.push(data.toString()), Number(data.toString())),
    });
    t.equal(cache.get('/one')?.data, 1);
    await client.createWithParents('/one/below', '7');
    await client.setData('/one', '2');
    await cache.settled();
    t.same([cache.get('/one')?.data, cache.get('/one/below')?.data], [2, 7]);
    t.same(seen, ['1', '7', '2']);
    await cache.close();
  });

  t.test('reads only what is of interest', async (t) => {
    const { proxy, client, other } = await setUp(t);
    await other.createWithParents('/nodes/1/lock/contender-1');
    await other.createWithParents('/nodes/1/hidden/deep');
    const cache = await openTreeCache(client, '/nodes', {
      interest: (path) => {
        if (path.includes('/hidden')) return 'nothing';
        if (path.endsWith('/lock')) return 'children';
        return path.includes('/lock/') ? 'name' : 'data';
      },
    });
    t.strictSame([...cache.childrenOf('/nodes/1')], ['lock']);
    t.strictSame([...cache.childrenOf('/nodes/1/lock')], ['contender-1']);
    const before = proxy.requests(getData) + proxy.requests(getChildren);
    await other.create('/nodes/1/lock/contender-2');
    await other.create('/nodes/1/hidden/too');
    await other.delete('/nodes/1/lock/contender-1');
    await until(() => [...cache.childrenOf('/nodes/1/lock')].join() === 'contender-2');
    t.equal(proxy.requests(getData) + proxy.requests(getChildren), before, 'names cost nothing');
    await cache.close();
  });

  t.test('follows a root that comes and goes', async (t) => {
    for (const isOld of [false, true]) {
      const { client, other } = await setUp(t, 6000, {
        prepare: (made) => isOld && made.forget(addWatch, setWatches2),
      });
      const cache = await openTreeCache(client, '/root/below');
      t.equal(cache.size, 0);
      for (let round = 0; round < 3; round++) {
        await other.createWithParents('/root/below/child', 'x');
        await until(() => cache.get('/root/below/child'));
        await other.deleteRecursive('/root');
        await until(() => cache.size === 0);
      }
      await cache.close();
    }
  });

  t.test('is right again after its session was lost, and says when it is not', async (t) => {
    for (const isOld of [false, true]) {
      const { proxy, client, other } = await setUp(t, 500, {
        prepare: (made) => isOld && made.forget(addWatch, setWatches2),
      });
      await other.createWithParents('/a/b', 'before');
      const { path } = await client.create('/mine', '', { ephemeral: true });
      const current: boolean[] = [];
      const cache = await openTreeCache(client, '/', {
        onCurrent: (isCurrent) => void current.push(isCurrent),
      });
      const gone = new Promise((resolve) => void other.exists(path, { watch: resolve }));
      proxy.refuse();
      await gone;
      await other.setData('/a/b', 'after');
      await other.create('/c');
      t.notOk(cache.isCurrent);
      proxy.accept();
      await until(() => cache.isCurrent);
      t.strictSame(contentOf(cache), await readAll(other, '/'));
      t.equal(cache.get('/a/b')?.data?.toString(), 'after');
      t.strictSame(current.slice(0, 2), [true, false]);
      await cache.close();
      t.notOk(cache.isCurrent);
    }
  });

  t.test('opening can be cancelled, and ends when the client is closed', async (t) => {
    const { proxy, client } = await setUp(t);
    proxy.refuse();
    const stop = new AbortController();
    const opening = openTreeCache(client, '/', { signal: stop.signal });
    stop.abort(new Error('enough'));
    await t.rejects(opening, /enough/);
    const another = openTreeCache(client, '/');
    await Promise.all([client.close(), t.rejects(another, { name: 'ClosedError' })]);
  });
});

function same(a: Map<string, string>, b: Map<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
