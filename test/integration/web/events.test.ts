/** The stream of changes: complete, resumable, and bounded whatever its readers do. */
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import t from 'tap';
import { makeNode } from '../../../src/model/node.ts';
import { openStream, tells, type StreamEvent } from '../../support/event-stream.ts';
import { fakeConfig } from '../../support/fake-config.ts';
import { until } from '../../support/poll.ts';
import { startTestWeb } from '../../support/web.ts';

const yaml = fakeConfig({
  providers: { cloud: { pools: { main: { 'max-servers': 3, labels: ['small'] } } } },
});

t.test('tells what nodes, requests and pools become, and what is gone', async (t) => {
  const { port, test } = await startTestWeb(t, yaml);
  const stream = await openStream(t, port);
  await stream.wait(({ event }) => event === 'hello');
  const { id, value } = await test.fulfilled(['small']);
  const [nodeId = ''] = value.nodes;
  await stream.wait((event) => tells(event, 'nodes', nodeId, (node) => node?.['state'] === 'ready'));
  await stream.wait((event) => tells(event, 'requests', id, (request) => request?.['state'] === 'fulfilled'));
  const { finish } = await test.use(id);
  await stream.wait((event) => tells(event, 'requests', id, (request) => request === null));
  await finish();
  await stream.wait((event) => tells(event, 'nodes', nodeId, (node) => node === null));

  await test.zuul.drains.create(
    { provider: 'cloud', pool: 'main', createdTimeS: 0, unknown: {} },
    { id: 'cloud~main' },
  );
  const poolId = [...test.pools.entries.keys()][0] ?? '';
  await stream.wait((event) => tells(event, 'pools', poolId, (pool) => pool?.['draining'] === true));
});

t.test('a reason for waiting is told as soon as it is known', async (t) => {
  const { port, test } = await startTestWeb(t, yaml);
  const stream = await openStream(t, port);
  await test.use((await test.fulfilled(['small', 'small', 'small'])).id);
  const { id } = await test.request(['small']);
  await stream.wait((event) =>
    tells(event, 'requests', id, (request) => String(request?.['reason']).includes('waiting for room')),
  );
});

t.test(
  'whoever comes back gets what was missed; who is away too long is told to read everything',
  async (t) => {
    const { port, test } = await startTestWeb(t, yaml, { changes: { keptBytes: 20_000 } });
    const first = await openStream(t, port);
    const { id: last } = await first.wait(({ event }) => event === 'hello');
    const node = await test.zuul.nodes.create(makeNode({ state: 'hold', comment: 'one' }));
    await first.wait((event) => tells(event, 'nodes', node.id, (value) => value?.['comment'] === 'one'));
    first.close();

    const second = await openStream(t, port, last);
    await second.wait((event) => tells(event, 'nodes', node.id, (value) => value?.['comment'] === 'one'));
    t.strictSame(kinds(second.events), ['hello', 'changes']);

    const big = 'x'.repeat(5_000);
    for (let i = 0; i < 8; i += 1) {
      const { version } = await test.zuul.nodes.update(node.id, (value) => ({
        ...value,
        comment: `${i}${big}`,
      }));
      await second.wait((event) => tells(event, 'nodes', node.id, (value) => value?.['version'] === version));
    }
    const third = await openStream(t, port, last);
    t.equal((await third.wait(() => true)).event, 'reset');
    const unknown = await openStream(t, port, 'ffffff-3');
    t.equal((await unknown.wait(() => true)).event, 'reset');
  },
);

t.test('a reader that stops reading costs a bounded amount, and goes on with a reset', async (t) => {
  const { port, test, web } = await startTestWeb(t, yaml, {
    changes: { keptBytes: 50_000, busyMs: 1, quietMs: 1 },
  });
  const slow = await rawStream(port);
  t.teardown(() => slow.destroy());
  slow.pause();
  const quick = await openStream(t, port);
  const node = await test.zuul.nodes.create(makeNode({ state: 'hold' }));
  const big = 'x'.repeat(400_000); // all of it is more than the buffers of any connection
  for (let i = 0; i < 80; i += 1) {
    const { version } = await test.zuul.nodes.update(node.id, (value) => ({
      ...value,
      comment: `${i}${big}`,
    }));
    await quick.wait((event) => tells(event, 'nodes', node.id, (value) => value?.['version'] === version));
  }
  t.equal(web.streams, 2);
  let text = '';
  slow.setEncoding('utf8').on('data', (part: string) => (text = (text + part).slice(-400_000)));
  slow.resume();
  await until(() => text.includes('event: reset'), {
    timeoutMs: 20_000,
    what: 'a reset for the slow reader',
  });
});

t.test('a connection that takes nothing any more is cut off', async (t) => {
  const { port, test, web } = await startTestWeb(t, yaml, {
    changes: { quietMs: 1, busyMs: 1 },
    events: { beatMs: 50, patienceMs: 200 },
  });
  const dead = await rawStream(port);
  t.teardown(() => dead.destroy());
  dead.pause();
  const node = await test.zuul.nodes.create(makeNode({ state: 'hold' }));
  const big = 'x'.repeat(500_000);
  let round = 0;
  await until(
    async () => {
      await test.zuul.nodes.update(node.id, (value) => ({ ...value, comment: `${(round += 1)}${big}` }));
      return web.streams === 0;
    },
    { timeoutMs: 30_000, intervalMs: 50, what: 'the dead connection to be cut' },
  );
  t.equal(web.streams, 0);
});

t.test('a thousand streams that are not read cost a bounded amount, together', async (t) => {
  const { port, test, web } = await startTestWeb(t, yaml, { changes: { quietMs: 1, busyMs: 1 } });
  const sockets = await Promise.all(Array.from({ length: 1_000 }, () => rawStream(port)));
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  for (const socket of sockets) socket.pause();
  const quick = await openStream(t, port);
  const node = await test.zuul.nodes.create(makeNode({ state: 'hold' }));
  const big = 'x'.repeat(200_000);
  const rounds = 40;
  const before = process.memoryUsage().rss;
  for (let i = 0; i < rounds; i += 1) {
    const { version } = await test.zuul.nodes.update(node.id, (value) => ({
      ...value,
      comment: `${i}${big}`,
    }));
    await quick.wait((event) => tells(event, 'nodes', node.id, (value) => value?.['version'] === version));
    quick.events.length = 0;
  }
  const grown = process.memoryUsage().rss - before;
  t.ok(
    grown < 500e6,
    `${Math.round(grown / 1e6)} MB more, where ${(rounds * big.length) / 1e3} MB were told`,
  );
  await (await test.use((await test.fulfilled(['small'])).id)).finish();
  for (const socket of sockets) socket.destroy();
  await until(() => web.streams === 1, { what: 'all but the reader to be gone' });
});

t.test('more streams than allowed are refused, and room is found when one ends', async (t) => {
  const { port, get, web } = await startTestWeb(t, yaml, { events: { most: 2 } });
  const one = await openStream(t, port);
  await openStream(t, port);
  t.match((await get('/api/v1/events')).json(), { error: '2 streams are open already' });
  one.close();
  await until(() => web.streams === 1);
  await openStream(t, port);
});

t.test('a thousand streams hear the same, and requests are served meanwhile', async (t) => {
  const { port, test, web } = await startTestWeb(t, yaml);
  const sockets = await Promise.all(Array.from({ length: 1_000 }, () => rawStream(port)));
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  t.equal(web.streams, 1_000);
  let heard = 0;
  for (const socket of sockets) {
    let text = '';
    let done = false;
    socket.setEncoding('utf8').on('data', (part: string) => {
      text = done ? '' : text + part;
      if (done || !text.includes('"state":"fulfilled"')) return;
      done = true;
      heard += 1;
    });
  }
  await test.fulfilled(['small']);
  await until(() => heard === 1_000, { timeoutMs: 60_000, what: 'all streams to tell of the request' });
  t.equal(heard, 1_000);
});

function kinds(events: readonly StreamEvent[]): string[] {
  return [...new Set(events.map(({ event }) => event))];
}

/** The stream without a client library between. */
async function rawStream(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'readable');
  return socket;
}
