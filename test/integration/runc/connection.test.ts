import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../../support/poll.ts';
import { freePort } from '../../support/free-port.ts';
import { sshdMissing, startSshd, type Sshd } from '../../support/sshd.ts';
import { makeKey } from '../../support/ssh-keys.ts';
import { failureOf, makeWorld, runcMissing, type OpenOptions, type World } from './world.ts';

const skip = runcMissing() || sshdMissing();
const signal = () => AbortSignal.timeout(30_000);

function overSsh(world: World, server: Pick<Sshd, 'port' | 'clientKeyFile'>, pool = {}): OpenOptions {
  return {
    poolName: '127.0.0.1',
    pool: { connection: 'ssh', 'ssh-port': server.port, ...pool },
    provider: { 'ssh-key': server.clientKeyFile, 'known-hosts': join(world.directory, 'ssh/known_hosts') },
    settings: { connectTimeoutMs: 5000, keepaliveMs: 200 },
  };
}

t.test('the key of a new host is recorded once, and the host is known from then on', { skip }, async (t) => {
  const world = makeWorld(t);
  const server = await startSshd(t, { hostKeys: ['ed25519', 'rsa'] });
  const first = world.open(overSsh(world, server));
  t.equal(await first.connected(), undefined);
  const file = join(world.directory, 'ssh/known_hosts');
  const recorded = readFileSync(file, 'utf8');
  t.equal(recorded, `[127.0.0.1]:${server.port} ${server.hostKeys[0]}\n`);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.match(
    first.events.find(({ level }) => level === 'warning'),
    {
      message: 'recorded the host key of a new host',
      fields: { host: '127.0.0.1', fingerprint: /^SHA256:/ },
    },
  );

  const second = world.open(overSsh(world, server));
  t.equal(await second.connected(), undefined);
  t.equal(readFileSync(file, 'utf8'), recorded);

  writeFileSync(file, `[127.0.0.1]:${server.port} ${server.hostKeys[1]}\n`);
  const third = world.open(overSsh(world, server));
  t.equal(await third.connected(), undefined, 'the server is asked for the key that is known');
});

t.test('host-key in the configuration is the only key that counts', { skip }, async (t) => {
  const world = makeWorld(t);
  const server = await startSshd(t);
  const right = world.open(overSsh(world, server, { 'host-key': [makeKey().public, ...server.hostKeys] }));
  t.equal(await right.connected(), undefined);
  const wrong = world.open(overSsh(world, server, { 'host-key': makeKey().public }));
  t.match(
    await wrong.connected(),
    /shows another host key than its `host-key`.*expected ssh-ed25519 SHA256.*found/,
  );
});

t.test('a key that is not let in is named, and works once it is installed', { skip }, async (t) => {
  const world = makeWorld(t);
  const port = await freePort();
  const key = makeKey();
  const file = join(world.directory, 'id_ed25519');
  writeFileSync(file, key.private, { mode: 0o600 });
  const hostKey = makeKey();
  const locked = await startSshd(t, { port, hostKeys: [hostKey] });
  const opened = world.open(overSsh(world, { port, clientKeyFile: file }));
  t.match(
    await opened.connected(),
    new RegExp(`does not let root in with ${file}; put its public half into /root/.ssh`),
  );
  await locked.stop();
  await startSshd(t, { port, hostKeys: [hostKey], authorizedKeys: [key.public] });
  await until(() => opened.provider.unready(opened.pool, { name: 'debian', options: {} }) === undefined, {
    timeoutMs: 20_000,
  });
  t.pass('without a restart');
});

t.test(
  'a hypervisor that goes and comes back is used again, and its nodes are still there',
  { skip },
  async (t) => {
    const world = makeWorld(t);
    const port = await freePort();
    const hostKey = makeKey();
    const server = await startSshd(t, { port, hostKeys: [hostKey] });
    const opened = world.open(overSsh(world, server));
    const instance = await opened.launch();
    const label = { name: 'debian', options: {} };

    await server.stop();
    const unready = await until(() => opened.provider.unready(opened.pool, label));
    t.match(unready, { temporary: true });
    t.type(
      await opened.provider.checkAlive?.(instance.externalId, signal()),
      'string',
      'not handed out meanwhile',
    );
    t.not(await failureOf(opened.launch()), 'no failure');
    t.not(
      await failureOf(opened.provider.destroy(instance.externalId, signal())),
      'no failure',
      'not taken for gone',
    );

    const again = await startSshd(t, {
      port,
      hostKeys: [hostKey],
      authorizedKeys: [server.clientKey.public],
    });
    await until(() => opened.provider.unready(opened.pool, label) === undefined, { timeoutMs: 20_000 });
    t.equal(await opened.provider.checkAlive?.(instance.externalId, signal()), undefined);
    await opened.provider.destroy(instance.externalId, signal());
    t.strictSame(world.leftovers(), []);
    await again.stop();
  },
);

t.test(
  'a connection that is cut in the middle of a launch leaves nothing behind',
  { skip, timeout: 120_000 },
  async (t) => {
    const world = makeWorld(t);
    const hostKey = makeKey();
    for (const delayMs of [10, 40, 60, 70, 80, 90]) {
      const port = await freePort();
      const server = await startSshd(t, { port, hostKeys: [hostKey] });
      const opened = world.open(overSsh(world, server));
      await opened.connected();
      const spec = opened.spec();
      const launching = failureOf(opened.launch('debian', spec));
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await server.stop();
      await launching;
      const again = await startSshd(t, {
        port,
        hostKeys: [hostKey],
        authorizedKeys: [server.clientKey.public],
      });
      await until(() => opened.provider.unready(opened.pool, spec.label) === undefined, {
        timeoutMs: 20_000,
      });
      await opened.provider.destroy(`${spec.nodeId}-debian-200-0000000017`, signal());
      await until(() => world.leftovers().length === 0, { what: `nothing left after ${delayMs} ms` });
      await opened.close();
      await again.stop();
    }
  },
);
