/** Registered machines: real SSH servers on this one. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { fakeConfig } from '../../support/fake-config.ts';
import { FAST_ROUNDS, startTestLauncher } from '../../support/launcher.ts';
import { until } from '../../support/poll.ts';
import { makeKey } from '../../support/ssh-keys.ts';
import { startSshServer, type SshServer } from '../../support/ssh-server.ts';

const host = ({ host, port, hostKeys }: SshServer, more = {}) => ({
  name: host,
  'connection-port': port,
  'host-key': hostKeys,
  labels: ['small'],
  timeout: 1,
  ...more,
});
const lab = (nodes: object[], pool = {}, labels = {}) =>
  fakeConfig({
    providers: { lab: { driver: 'static', pools: { main: { nodes, ...pool } } } },
    labels: { small: {}, big: {}, ...labels },
  });
const start = async (t: Test, nodes: object[], pool = {}) =>
  await startTestLauncher(t, lab(nodes, pool), { rounds: FAST_ROUNDS });

t.test('a host is registered, lent and registered anew', async (t) => {
  const server = await startSshServer(t);
  const test = await start(t, [host(server)]);
  const { id, value } = await test.fulfilled(['small']);
  t.match(test.nodes.entries.get(value.nodes[0] ?? '')?.value, {
    hostname: '127.0.0.1',
    connectionPort: server.port,
    hostKeys: server.hostKeys,
    slot: 0,
  });
  await (await test.use(id)).finish();
  const next = await test.fulfilled(['small']);
  t.not(next.value.nodes[0], value.nodes[0], 'under another number');
  t.equal(test.nodes.entries.size, 1);
});

t.test('max-parallel-jobs lends a host so many times, not more', async (t) => {
  const server = await startSshServer(t);
  const test = await start(t, [host(server, { 'max-parallel-jobs': 2 })]);
  const both = await test.fulfilled(['small', 'small']);
  const waiting = await test.request(['small']);
  const note = await test.wait(() => test.decisions.entries.get(waiting.id)?.value.pools['lab/main']);
  t.match(note, { verdict: 'deferred', reason: 'no free node with label small' });
  await (await test.use(both.id)).finish();
  t.equal((await test.outcome(waiting.id)).value.state, 'fulfilled');
  await test.reload(lab([host(server, { 'max-parallel-jobs': 1 })]));
  await (await test.use(waiting.id)).finish();
  await test.wait(() => test.nodes.entries.size === 1, 'the surplus slot is gone');
});

t.test('a host with several labels serves one of them at a time', async (t) => {
  const [one, two] = [await startSshServer(t), await startSshServer(t)];
  const test = await start(t, [host(one, { labels: ['small', 'big'] }), host(two)]);
  await test.wait(() => test.inState('ready').length === 2);
  const { id, value } = await test.fulfilled(['small', 'big']);
  t.equal(new Set(value.nodes).size, 2, 'dealt out so that both labels are served');
  t.ok(test.nodes.entries.get(value.nodes[1] ?? '')?.value.type.includes('big'));
  const waiting = await test.request(['big']);
  await test.wait(() => test.decisions.entries.has(waiting.id));
  await (await test.use(id)).finish();
  t.equal((await test.outcome(waiting.id)).value.state, 'fulfilled');
});

t.test('a request for more than there ever are fails at once', async (t) => {
  const server = await startSshServer(t);
  const test = await start(t, [host(server, { labels: ['small', 'big'] })]);
  const { id } = await test.request(['small', 'big']);
  t.equal((await test.outcome(id)).value.state, 'failed');
  t.ok(await test.fulfilled(['big']), 'and keeps nobody else waiting');
});

t.test('a host that does not answer is not lent, and comes back when it does', async (t) => {
  const key = makeKey();
  const server = await startSshServer(t, { hostKeys: [key] });
  const test = await start(t, [host(server)]);
  const [first] = await test.wait(() => test.inState('ready').length === 1 && test.inState('ready'));
  await server.close();
  const request = await test.request(['small']);
  await test.wait(() => !test.nodes.entries.has(first?.id ?? ''), 'found dead when it was to be lent');
  await until(() => test.logged.some(({ message }) => message === 'a static host is not available'));
  t.equal(test.requests.entries.get(request.id)?.value.state, 'requested', 'the request waits');
  await startSshServer(t, { hostKeys: [key], port: server.port });
  t.equal((await test.outcome(request.id)).value.state, 'fulfilled');
  const registered = test.logged.filter(({ message }) => message === 'static node registered').length;
  t.equal(registered, 2, 'registered once before and once after');
});

t.test('a host that is silent keeps no other one waiting', async (t) => {
  const server = await startSshServer(t);
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  const mute = { name: '127.0.0.1', 'connection-port': port, labels: ['big'], timeout: 3600 };
  const test = await start(t, [mute, host(server)]);
  for (let turn = 0; turn < 3; turn += 1) {
    const { id } = await test.fulfilled(['small']);
    await (await test.use(id)).finish();
  }
});

t.test('says in the status of its pool why a host is not available', async (t) => {
  const server = await startSshServer(t);
  await server.close();
  const test = await start(t, [host(server, { 'host-key': [] })]);
  const status = await test.wait(() =>
    [...test.pools.entries.values()].map(({ value }) => value).find(({ lastError }) => lastError !== null),
  );
  t.match(status.lastError, /ECONNREFUSED|refused/);
});

t.test('several requests for several labels do not get in each other’s way', async (t) => {
  const server = await startSshServer(t);
  const test = await start(t, [host(server, { labels: ['small', 'big'], 'max-parallel-jobs': 3 })]);
  const requests = await Promise.all(
    [['small'], ['big', 'small'], ['big'], ['small', 'big', 'small']].map((labels) => test.request(labels)),
  );
  for (const { id } of requests) await (await test.use(id)).finish();
  await test.wait(() => test.nodes.entries.size === 3 && test.inState('ready').length === 3);
});
