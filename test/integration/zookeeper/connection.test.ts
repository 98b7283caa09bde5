import t from 'tap';
import {
  acquireLock,
  ConnectError,
  connect,
  ConnectionLossError,
  SessionExpiredError,
  TimeoutError,
  ZooKeeperClient,
} from '../../../src/zookeeper/index.ts';
import { freePorts, startZooKeeper, zookeeperMissing } from '../../support/zookeeper.ts';
import { nextState, openClient } from '../../support/zookeeper-client.ts';
import { startProxy } from '../../support/zookeeper-proxy.ts';

const createOpcode = 15;

t.test('connections to a real server that come and go', { skip: zookeeperMissing() }, async (t) => {
  const zk = await startZooKeeper();
  t.teardown(zk.stop);
  const [server] = zk.servers;
  const proxyFor = async (test: typeof t) => {
    const proxy = await startProxy(server.port);
    test.teardown(proxy.close);
    return proxy;
  };

  t.test('a cut connection is suspended, and the same session goes on', async (t) => {
    const proxy = await proxyFor(t);
    const client = await openClient(t, proxy.address);
    const { sessionId } = client;
    const { path } = await client.create('/e', '', { ephemeral: true });
    const suspended = nextState(client, 'suspended');
    const connected = nextState(client, 'connected');
    proxy.cut();
    t.match(await suspended, { mayBeExpired: false, sessionId });
    t.ok(client.sessionIsSafe);
    await connected;
    t.equal(client.sessionId, sessionId);
    t.equal((await client.exists(path))?.ephemeralOwner, sessionId);
  });

  t.test('a server that accepts a connection and never answers does not cost the session', async (t) => {
    const proxy = await proxyFor(t);
    const client = await openClient(t, proxy.address);
    const { sessionId } = client;
    const states: string[] = [];
    client.onState(({ state }) => void states.push(state));
    const connected = nextState(client, 'connected');
    proxy.ignoreNext();
    proxy.cut();
    await connected;
    t.strictSame(states, ['suspended', 'connected']);
    t.equal(client.sessionId, sessionId);
  });

  t.test(
    'reads under way at a cut are answered later, writes fail and say that they may have happened',
    async (t) => {
      const proxy = await proxyFor(t);
      const client = await openClient(t, proxy.address);
      await client.create('/a', 'x');
      proxy.freeze();
      const calls = Promise.allSettled([
        client.getData('/a'),
        client.setData('/a', 'y'),
        client.getChildren('/'),
        client.create('/b'),
      ]);
      await new Promise(setImmediate);
      proxy.thaw();
      proxy.cut();
      const [data, set, children, create] = await calls;
      t.match(data, { status: 'fulfilled' });
      t.match(children, { status: 'fulfilled' });
      for (const failed of [set, create]) {
        t.match(failed, { reason: { constructor: ConnectionLossError, mayHaveBeenApplied: true } });
      }
    },
  );

  t.test('a write whose answer is lost fails, though the server has applied it', async (t) => {
    const proxy = await proxyFor(t);
    const client = await openClient(t, proxy.address);
    proxy.loseAnswerTo(createOpcode);
    await t.rejects(client.create('/a'), {
      constructor: ConnectionLossError,
      mayHaveBeenApplied: true,
      message: /^create \/a: the connection to/,
    });
    t.ok(await client.exists('/a'));
  });

  t.test('calls made without a connection wait for it, as long as they may', async (t) => {
    const proxy = await proxyFor(t);
    const client = await openClient(t, proxy.address);
    const suspended = nextState(client, 'suspended');
    proxy.refuse();
    await suspended;
    const waiting = client.create('/later', 'x');
    await t.rejects(client.create('/never', 'x', { timeoutMs: 30 }), {
      constructor: TimeoutError,
      mayHaveBeenApplied: false,
      message: /there is no connection/,
    });
    const stop = new AbortController();
    const cancelled = client.create('/never', 'x', { signal: stop.signal });
    stop.abort(new Error('changed my mind'));
    await t.rejects(cancelled, /changed my mind/);
    await t.rejects(client.exists('/', { signal: AbortSignal.abort(new Error('at once')) }), /at once/);
    proxy.accept();
    t.equal((await waiting).path, '/later');
    t.equal(await client.exists('/never'), undefined);
  });

  t.test(
    'a call that is answered too late, or cancelled on its way, leaves the others in order',
    async (t) => {
      const proxy = await proxyFor(t);
      const client = await openClient(t, proxy.address);
      proxy.freeze();
      const stop = new AbortController();
      const late = client.create('/late', '', { timeoutMs: 50 });
      const cancelled = client.create('/cancelled', '', { signal: stop.signal });
      const kept = client.create('/kept');
      await t.rejects(late, {
        constructor: TimeoutError,
        mayHaveBeenApplied: true,
        message: /did not answer/,
      });
      stop.abort();
      await t.rejects(cancelled, { name: 'AbortError' });
      proxy.thaw();
      t.equal((await kept).path, '/kept');
      t.ok(await client.exists('/late'), 'it was on its way and arrived');
    },
  );

  t.test('a server that accepts and says nothing is left within two thirds of the time-out', async (t) => {
    const proxy = await proxyFor(t);
    const client = await openClient(t, proxy.address, { sessionTimeoutMs: 1200 });
    const suspended = nextState(client, 'suspended');
    const begun = performance.now();
    proxy.freeze();
    const { error } = await suspended;
    t.match(error?.message, /has not answered for \d+ ms/);
    t.ok(performance.now() - begun >= 350, 'not before a ping could have been answered');
    proxy.thaw();
    await client.connected({ timeoutMs: 10_000 });
  });

  t.test('an idle session is kept alive by pings', async (t) => {
    const proxy = await proxyFor(t);
    const client = await openClient(t, proxy.address, { sessionTimeoutMs: 600 });
    const { sessionId } = client;
    let changes = 0;
    client.onState(() => changes++);
    for (let pings = 0; pings < 5; pings++) {
      const before = proxy.requests(11);
      while (proxy.requests(11) === before) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await client.exists('/');
    t.equal(client.sessionId, sessionId);
    t.equal(changes, 0);
  });

  t.test('an expired session is reported, ends what belonged to it, and a new one begins', async (t) => {
    const proxy = await proxyFor(t);
    const client = await openClient(t, proxy.address, { sessionTimeoutMs: 600 });
    const witness = await openClient(t, zk.connectString, { chroot: client.chroot });
    const { sessionId } = client;
    const { path } = await client.create('/e', '', { ephemeral: true });
    const gone = new Promise((resolve) => void witness.exists(path, { watch: resolve }));
    const states: string[] = [];
    client.onState(({ state, mayBeExpired }) => void states.push(mayBeExpired ? `${state}?` : state));
    const mayBeLost = new Promise<void>((resolve) => {
      client.onState(({ state, mayBeExpired }) => state === 'suspended' && mayBeExpired && resolve());
    });
    proxy.refuse();
    await gone;
    await mayBeLost;
    t.notOk(client.sessionIsSafe);
    const queued = client.create('/queued');
    const lost = nextState(client, 'lost');
    proxy.accept();
    t.match(await lost, { sessionId, mayBeExpired: true });
    await t.rejects(queued, SessionExpiredError, 'nothing goes over to the new session');
    await client.connected({ timeoutMs: 10_000 });
    t.not(client.sessionId, sessionId);
    t.strictSame(states, ['suspended', 'suspended?', 'lost?', 'connected']);
    t.equal(await client.exists('/queued'), undefined);
    await client.create('/e', '', { ephemeral: true });
  });

  t.test('a session survives the restart of the server', async (t) => {
    const client = await openClient(t, zk.connectString, { sessionTimeoutMs: 20_000 });
    const { sessionId } = client;
    await client.create('/e', 'kept', { ephemeral: true });
    const suspended = nextState(client, 'suspended');
    await server.kill();
    await suspended;
    await server.start();
    t.equal((await client.getData('/e')).data.toString(), 'kept');
    t.equal(client.sessionId, sessionId);
  });

  t.test('of three servers the one that works is found', async (t) => {
    const [dead, mute] = await Promise.all([freePorts(1), proxyFor(t)]);
    mute.freeze();
    const client = await openClient(t, `127.0.0.1:${dead[0]},${mute.address},${zk.connectString}`, {
      connectTimeoutMs: 200,
    });
    t.equal(client.server, server.address);
  });

  t.test('an IPv6 address and a host name work as well', async (t) => {
    const client = await openClient(t, `localhost:${server.port}`);
    t.ok(await client.exists('/'));
    const proxy = await startProxy(server.port, { host: '::1' }).catch((error: Error) =>
      t.comment(`no IPv6 here: ${error.message}`),
    );
    if (proxy) {
      t.teardown(proxy.close);
      const client6 = await openClient(t, `[::1]:${proxy.port}`);
      t.equal(client6.server, `[::1]:${proxy.port}`);
      t.ok(await client6.exists('/'));
    }
    await t.rejects(connect({ servers: `[::1]:${server.port}`, timeoutMs: 300 }), {
      constructor: ConnectError,
      message: /\[::1\]:\d+: nothing listens there/,
    });
  });

  t.test('when no server works the error says why, for each', async (t) => {
    const [dead] = await freePorts(1);
    const mute = await proxyFor(t);
    mute.freeze();
    const servers = `127.0.0.1:${dead},${mute.address},no-such-host.invalid:2181`;
    const failing = connect({ servers, timeoutMs: 3000, connectTimeoutMs: 300 });
    const error = await failing.then(
      () => undefined,
      (reason: ConnectError) => reason,
    );
    t.type(error, ConnectError);
    t.equal(error?.failures.length, 3);
    t.match(error?.message, new RegExp(`127.0.0.1:${dead}: nothing listens there`));
    t.match(error?.message, new RegExp(`${mute.address}: it did not answer in time`));
    t.match(
      error?.message,
      /no-such-host.invalid:2181: the (host name is not known|name server does not answer)/,
    );
  });

  t.test('waiting for a connection can be cancelled', async (t) => {
    const [dead] = await freePorts(1);
    const client = new ZooKeeperClient({ servers: `127.0.0.1:${dead}` });
    const stop = new AbortController();
    const waiting = client.connected({ signal: stop.signal });
    stop.abort(new Error('enough'));
    await t.rejects(waiting, /enough/);
    const pending = client.exists('/');
    await Promise.all([client.close(), t.rejects(pending, { name: 'ClosedError' })]);
    await t.rejects(client.connected(), { name: 'ClosedError' });
    await client.close();
  });

  t.test('closing answers what was asked before and takes the session with it', async (t) => {
    const client = await openClient(t, zk.connectString);
    const before = client.create('/before', '', { ephemeral: true });
    await client.close();
    t.equal((await before).path, '/before');
    await t.rejects(client.exists('/'), { name: 'ClosedError' });
    const witness = await openClient(t, zk.connectString, { chroot: client.chroot });
    t.equal(await witness.exists('/before'), undefined);
  });

  t.test('a stopped process knows at once that its session may be over', async (t) => {
    const proxy = await proxyFor(t);
    const client = await openClient(t, proxy.address, { sessionTimeoutMs: 600 });
    const lock = await acquireLock(client, '/lock');
    proxy.freeze();
    const until = performance.now() + 900;
    // As good as SIGSTOP: nothing of this process runs meanwhile.
    while (performance.now() < until);
    t.notOk(client.sessionIsSafe);
    t.notOk(lock?.isHeld);
    proxy.thaw();
  });
});
