import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import {
  acquireLock,
  type HeldLock,
  listContenders,
  LockLostError,
  NoNodeError,
  runElection,
} from '../../../src/zookeeper/index.ts';
import { until } from '../../support/poll.ts';
import { startZooKeeper, zookeeperMissing } from '../../support/zookeeper.ts';
import { nextState, openClient } from '../../support/zookeeper-client.ts';
import { startProxy } from '../../support/zookeeper-proxy.ts';

const multiOpcode = 14;
const createOpcode = 15;
const deleteOpcode = 2;

const aborted = (signal: AbortSignal) =>
  new Promise<unknown>((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  });

t.test('locks on a real server', { skip: zookeeperMissing() }, async (t) => {
  const zk = await startZooKeeper();
  t.teardown(zk.stop);
  const setUp = async (test: typeof t, sessionTimeoutMs = 6000) => {
    const proxy = await startProxy(zk.servers[0].port);
    test.teardown(proxy.close);
    const client = await openClient(test, proxy.address, { sessionTimeoutMs });
    const other = await openClient(test, zk.connectString, { chroot: client.chroot });
    return { proxy, client, other };
  };

  t.test('has contenders as kazoo makes them, and one holder', async (t) => {
    const { client, other } = await setUp(t);
    const lock = (await acquireLock(client, '/some/lock', { identifier: 'me' })) as HeldLock;
    t.match(lock.contender, /^\/some\/lock\/[0-9a-f]{32}__lock__\d{10}$/);
    t.equal((await client.getData(lock.contender)).stat.ephemeralOwner, client.sessionId);
    t.equal(await acquireLock(other, '/some/lock', { waitMs: 0 }), undefined);
    t.equal(await acquireLock(other, '/some/lock', { waitMs: 50 }), undefined);
    t.strictSame(await listContenders(other, '/some/lock'), ['me'], 'nothing is left of those that gave up');
    t.ok(lock.isHeld);
    await lock.release();
    await lock.release();
    t.notOk(lock.isHeld);
    t.notOk(lock.lost.aborted);
    t.strictSame(await listContenders(other, '/none'), []);
    await (await acquireLock(other, '/some/lock', { waitMs: 0 }))?.release();
    t.strictSame(await other.getChildren('/some/lock'), []);
  });

  t.test('goes from one to the next in the order of asking', async (t) => {
    const { client, other } = await setUp(t);
    const first = await acquireLock(client, '/lock');
    const order: number[] = [];
    const waiting = [];
    for (let turn = 0; turn < 10; turn++) {
      const acquiring = acquireLock(turn % 2 ? client : other, '/lock', { identifier: String(turn) });
      waiting.push(acquiring.then((lock) => (order.push(turn), lock?.release())));
      await until(async () => (await other.getChildren('/lock')).length === turn + 2);
    }
    await first?.release();
    await Promise.all(waiting);
    t.strictSame(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  t.test('waiting ends with the signal, and nothing is left', async (t) => {
    const { client, other } = await setUp(t);
    const lock = await acquireLock(client, '/lock');
    const stop = new AbortController();
    const waiting = acquireLock(other, '/lock', { signal: stop.signal });
    const behind = acquireLock(other, '/lock', { waitMs: 10_000 });
    await until(async () => (await client.getChildren('/lock')).length === 3);
    stop.abort(new Error('no longer needed'));
    await t.rejects(waiting, /no longer needed/);
    await until(async () => (await client.getChildren('/lock')).length === 2);
    await lock?.release();
    t.ok((await behind)?.isHeld, 'the one behind moves up');
    await t.rejects(
      acquireLock(other, '/lock', { signal: AbortSignal.abort(new Error('at once')) }),
      /at once/,
    );
  });

  t.test('finds its contender when the answer to its creation was lost', async (t) => {
    const { proxy, client, other } = await setUp(t);
    await client.create('/lock');
    proxy.loseAnswerTo(createOpcode);
    const lock = (await acquireLock(client, '/lock', { waitMs: 10_000 })) as HeldLock;
    t.ok(lock.isHeld);
    t.equal((await other.getChildren('/lock')).length, 1);
    proxy.loseAnswerTo(deleteOpcode);
    await lock.release();
    t.equal((await other.getChildren('/lock')).length, 0);
    proxy.loseAnswerTo(createOpcode);
    const atOnce = await acquireLock(client, '/lock', { waitMs: 0 });
    t.ok(atOnce?.isHeld, 'also without waiting');
  });

  t.test('does not bring back what was deleted', async (t) => {
    const { proxy, client } = await setUp(t);
    await client.ensurePath('/nodes');
    const node = { mustExist: '/nodes/1' };
    await t.rejects(acquireLock(client, '/nodes/1/lock', node), {
      constructor: NoNodeError,
      message: /^\/nodes\/1: does not exist/,
    });
    await t.rejects(acquireLock(client, '/locks/deep/1', node), {
      constructor: NoNodeError,
      message: /^\/nodes\/1: does not exist/,
    });
    t.strictSame(await client.getChildren('/nodes'), []);
    t.equal(await client.exists('/locks'), undefined);
    await client.create('/nodes/1');
    const inside = await acquireLock(client, '/nodes/1/lock', { ...node, expectMissing: true });
    const beside = await acquireLock(client, '/locks/deep/1', node);
    t.ok(inside?.isHeld && beside?.isHeld);
    await inside?.release();
    const requests = proxy.requests(multiOpcode);
    t.ok((await acquireLock(client, '/nodes/1/lock', { ...node, waitMs: 0 }))?.isHeld);
    t.equal(proxy.requests(multiOpcode), requests + 1, 'one request when the directory is there');
    await client.deleteRecursive('/nodes/1');
    await t.rejects(acquireLock(client, '/nodes/1/lock', node), NoNodeError);
    t.strictSame(await client.getChildren('/nodes'), []);
  });

  t.test('is lost with its session, and known to be in danger before', async (t) => {
    const { proxy, client, other } = await setUp(t, 600);
    const lock = (await acquireLock(client, '/lock')) as HeldLock;
    const next = acquireLock(other, '/lock');
    await until(async () => (await other.getChildren('/lock')).length === 2);
    proxy.refuse();
    const reason = await aborted(lock.lost);
    t.type(reason, LockLostError);
    t.notOk(lock.isHeld);
    await lock.release();
    t.ok((await next)?.isHeld, 'the next one has it');
    proxy.accept();
  });

  t.test('is lost before anybody else can have it', async (t) => {
    const { proxy, client, other } = await setUp(t, 600);
    const lock = (await acquireLock(client, '/lock')) as HeldLock;
    let wasLost: boolean | undefined;
    const next = acquireLock(other, '/lock').then((acquired) => {
      wasLost = !lock.isHeld;
      return acquired;
    });
    await until(async () => (await other.getChildren('/lock')).length === 2);
    proxy.freeze();
    t.ok((await next)?.isHeld);
    t.equal(wasLost, true);
    proxy.thaw();
  });

  t.test('is lost when somebody deletes the contender', async (t) => {
    const { client, other } = await setUp(t);
    const lock = (await acquireLock(client, '/lock')) as HeldLock;
    await other.delete(lock.contender);
    t.match(await aborted(lock.lost), { constructor: LockLostError, message: /has been deleted/ });
    await lock.release();
  });

  t.test('survives a short cut', async (t) => {
    const { proxy, client } = await setUp(t);
    const lock = (await acquireLock(client, '/lock')) as HeldLock;
    const back = nextState(client, 'connected');
    proxy.cut();
    await back;
    await client.exists('/');
    t.ok(lock.isHeld);
    t.ok(await client.exists(lock.contender));
  });

  t.test('that is not ephemeral outlives its session', async (t) => {
    const { client, other } = await setUp(t);
    const lock = await acquireLock(client, '/lock', { ephemeral: false });
    await client.close();
    t.equal(await acquireLock(other, '/lock', { waitMs: 0 }), undefined);
    t.ok(await other.exists(lock?.contender as string));
  });

  t.test('goes on waiting through the loss of its own session', async (t) => {
    const { proxy, client, other } = await setUp(t, 600);
    const lock = await acquireLock(other, '/lock');
    const waiting = acquireLock(client, '/lock', { identifier: 'waiting' });
    await until(async () => (await other.getChildren('/lock')).length === 2);
    const lost = nextState(client, 'lost');
    proxy.refuse();
    await until(async () => (await other.getChildren('/lock')).length === 1);
    proxy.accept();
    await lost;
    await until(async () => (await other.getChildren('/lock')).length === 2);
    await lock?.release();
    t.ok((await waiting)?.isHeld);
    t.equal((await other.getChildren('/lock')).length, 1);
  });

  t.test('an election has one leader, and another one when that is gone', async (t) => {
    const { proxy, client, other } = await setUp(t, 600);
    const stop = new AbortController();
    const events: string[] = [];
    const run = (name: string, member: typeof client) =>
      runElection(member, '/election', { identifier: name, signal: stop.signal }, async (signal) => {
        events.push(`${name} leads`);
        await aborted(signal);
        events.push(`${name} ends`);
      });
    const first = run('first', client);
    await until(() => events.length === 1);
    const second = run('second', other);
    await until(async () => (await listContenders(other, '/election')).length === 2);
    proxy.refuse();
    await until(() => events.includes('second leads'));
    t.strictSame(events, ['first leads', 'first ends', 'second leads']);
    proxy.accept();
    await until(async () => (await listContenders(other, '/election')).join() === 'second,first');
    stop.abort();
    await Promise.all([first, second]);
    t.strictSame(await listContenders(other, '/election'), []);
  });
});

t.test(
  'processes that are killed never leave two holders or none',
  { skip: zookeeperMissing() },
  async (t) => {
    const zk = await startZooKeeper();
    t.teardown(zk.stop);
    const client = await openClient(t, zk.connectString, { chroot: '/contended' });
    await client.ensurePath('/turns');
    const worker = fileURLToPath(new URL('../../support/zookeeper-lock-worker.ts', import.meta.url));
    const children = new Set<ChildProcess>();
    t.teardown(() => children.forEach((child) => child.kill('SIGKILL')));
    const start = () => {
      const servers = `${zk.connectString}/contended`;
      const child = spawn(process.execPath, ['--import', 'tsx', worker, servers, '/lock', '/turns'], {
        stdio: 'inherit',
      });
      children.add(child);
      return child;
    };
    const turns = async () => (await client.getChildren('/turns')).filter((name) => name.startsWith('turn-'));
    const workers = [start(), start(), start()];
    await until(async () => (await turns()).length > 30, { timeoutMs: 20_000 });
    for (let kill = 0; kill < 4; kill++) {
      const victim = workers.shift() as ChildProcess;
      const ended = once(victim, 'exit');
      victim.kill('SIGKILL');
      await ended;
      workers.push(start());
      const before = (await turns()).length;
      await until(async () => (await turns()).length > before + 50, {
        timeoutMs: 20_000,
        what: 'the lock going on',
      });
    }
    const names = await client.getChildren('/turns');
    t.strictSame(
      names.filter((name) => name.startsWith('violation')),
      [],
    );
    t.ok(names.length > 200, `${names.length} turns`);
  },
);
