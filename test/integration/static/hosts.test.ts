import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { systemClock } from '../../../src/clock.ts';
import type { Instance, Provider } from '../../../src/driver/driver.ts';
import { fingerprint } from '../../../src/driver/host-key.ts';
import { silentLogger } from '../../../src/log.ts';
import { staticDriver } from '../../../src/static/driver.ts';
import { providerConfig } from '../../support/provider-config.ts';
import { makeKey } from '../../support/ssh-keys.ts';
import { startSshServer } from '../../support/ssh-server.ts';
import { freePort } from '../../support/free-port.ts';

const never = new AbortController().signal;

/** A provider with these hosts; `timeout` is short unless given. */
function open(t: Test, ...nodes: Record<string, unknown>[]): Provider {
  const hosts = nodes.map((node) => ({ name: '127.0.0.1', labels: 'any', timeout: 0.1, ...node }));
  const config = providerConfig(staticDriver, { name: 'machines', pools: [{ name: 'main', nodes: hosts }] });
  const deps = { log: silentLogger, clock: systemClock, onChange: () => undefined };
  const provider = staticDriver.open(config, deps);
  t.teardown(() => provider.close(never));
  return provider;
}

async function inspectAll({ inventory }: Provider): Promise<Instance[]> {
  if (inventory === undefined) throw new TypeError('no inventory');
  return Promise.all(inventory.slots().map((slot) => inventory.inspect(slot, never)));
}

async function startTcp(t: Test): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

t.test('registers all keys of a host, also those that are not configured', async (t) => {
  const server = await startSshServer(t, { hostKeys: ['ed25519', 'rsa'] });
  const provider = open(t, { 'connection-port': server.port, 'host-key': server.hostKeys[1], timeout: 5 });
  t.match(await inspectAll(provider), [
    {
      externalId: '127.0.0.1',
      hostname: '127.0.0.1',
      interfaceIp: '127.0.0.1',
      publicIpv4: '127.0.0.1',
      connectionType: 'ssh',
      connectionPort: server.port,
      username: 'zuul',
      pythonPath: 'auto',
      hostKeys: server.hostKeys,
    },
  ]);
});

t.test('does not register a host whose key is not the configured one', async (t) => {
  const server = await startSshServer(t);
  const { public: configured } = makeKey();
  const provider = open(t, { 'connection-port': server.port, 'host-key': [server.hostKeys[0], configured] });
  await t.rejects(inspectAll(provider), {
    name: 'HostError',
    host: '127.0.0.1',
    message: `does not have the configured host key ssh-ed25519 ${fingerprint(configured)}`,
  });
});

t.test('one look serves all slots of a host, and a failed one is repeated', async (t) => {
  const port = await freePort();
  const key = makeKey();
  const provider = open(t, { 'connection-port': port, 'max-parallel-jobs': 4 });
  await t.rejects(inspectAll(provider), { name: 'HostError', message: /connection refused/ });

  const server = await startSshServer(t, { port, hostKeys: [key] });
  const instances = await inspectAll(provider);
  t.same(
    instances.map(({ hostKeys }) => hostKeys),
    Array(4).fill([key.public]),
  );
  t.equal(server.counts.connections, 5, 'one connection an algorithm, not one a slot and algorithm');
});

t.test('a host that was found dead is not registered again by an earlier look', async (t) => {
  const server = await startSshServer(t);
  const provider = open(t, { 'connection-port': server.port });
  t.match(await inspectAll(provider), [{ hostKeys: server.hostKeys }]);
  await server.close();
  t.match(await provider.checkAlive?.('127.0.0.1', never), /connection refused/);
  await t.rejects(inspectAll(provider), { name: 'HostError', message: /connection refused/ });
});

t.test('takes configured keys on trust when host-key-checking is off, without connecting', async (t) => {
  const key = makeKey().public;
  const node = {
    'connection-port': await freePort(),
    'host-key': `${key} root@host`,
    'host-key-checking': false,
  };
  const provider = open(t, node);
  t.match(await inspectAll(provider), [{ hostKeys: [key] }]);
  t.equal(await provider.checkAlive?.('127.0.0.1', never), undefined);
});

t.test('a host that is not SSH only has to accept connections', async (t) => {
  const port = await startTcp(t);
  const provider = open(t, {
    'connection-type': 'winrm',
    'connection-port': port,
    'shell-type': 'powershell',
  });
  t.match(await inspectAll(provider), [{ connectionType: 'winrm', shellType: 'powershell', hostKeys: [] }]);
  t.equal(await provider.checkAlive?.('127.0.0.1', never), undefined);
  const dead = open(t, { 'connection-type': 'winrm', 'connection-port': await freePort() });
  await t.rejects(inspectAll(dead), { name: 'HostError', message: /connection refused/ });
});

t.test('before a job gets it, a host must still answer, with its key', async (t) => {
  const server = await startSshServer(t);
  const provider = open(t, { 'connection-port': server.port, 'host-key': server.hostKeys });
  t.equal(await provider.checkAlive?.('127.0.0.1', never), undefined);
  t.equal(server.counts.connections, 1, 'one connection is enough');

  await server.close();
  t.match(await provider.checkAlive?.('127.0.0.1', never), /connection refused/);

  const impostor = await startSshServer(t, { port: server.port });
  t.match(await provider.checkAlive?.('127.0.0.1', never), /another host key: found ssh-ed25519 SHA256/);
  t.equal(impostor.counts.logins, 0);
});

t.test('a liveness check that is cancelled ends with the reason', async (t) => {
  const provider = open(t, {
    'connection-port': await startTcp(t),
    'host-key': makeKey().public,
    timeout: 60,
  });
  const reason = new Error('not wanted');
  const controller = new AbortController();
  setImmediate(() => controller.abort(reason));
  await t.rejects(async () => provider.checkAlive?.('127.0.0.1', controller.signal), reason);
});

t.test('two entries for one host are told apart', async (t) => {
  const [first, second] = [await startSshServer(t), await startSshServer(t)];
  const provider = open(
    t,
    { 'connection-port': first.port, username: 'one', timeout: 5 },
    { 'connection-port': second.port, username: 'two', timeout: 5 },
  );
  t.match(await inspectAll(provider), [
    { externalId: `one@127.0.0.1:${first.port}`, interfaceIp: '127.0.0.1', hostKeys: first.hostKeys },
    { externalId: `two@127.0.0.1:${second.port}`, interfaceIp: '127.0.0.1', hostKeys: second.hostKeys },
  ]);
  await first.close();
  t.match(await provider.checkAlive?.(`one@127.0.0.1:${first.port}`, never), /connection refused/);
  t.equal(await provider.checkAlive?.(`two@127.0.0.1:${second.port}`, never), undefined);
  t.match(await provider.checkAlive?.('elsewhere', never), /not configured any more/);
});

t.test('finds the addresses behind a name', async (t) => {
  const provider = open(t, { name: 'localhost', 'host-key-checking': false });
  const [instance] = await inspectAll(provider);
  t.equal(instance?.interfaceIp, 'localhost');
  t.ok(instance?.publicIpv4 === '127.0.0.1' || instance?.publicIpv6 === '::1');
});

t.test('closing the provider ends an inspection', async (t) => {
  const provider = open(t, { 'connection-port': await startTcp(t), timeout: 60 });
  const inspection = inspectAll(provider);
  await provider.close(never);
  await t.rejects(inspection, { name: 'HostError', message: /machines is closed/ });
});
