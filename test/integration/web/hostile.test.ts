/** Clients that mean no good, or know no better. */
import { connect } from 'node:net';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import t from 'tap';
import { fakeConfig } from '../../support/fake-config.ts';
import { until } from '../../support/poll.ts';
import { startTestWeb } from '../../support/web.ts';

const yaml = fakeConfig({ providers: { cloud: { pools: { main: { labels: ['small'] } } } } });

/** Sends bytes as they are and gives all that comes back. */
async function sendRaw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let reply = '';
  socket.setEncoding('utf8').on('data', (part: string) => (reply += part));
  socket.on('error', () => undefined);
  socket.write(text);
  await once(socket, 'close');
  return reply;
}

t.test('what is no HTTP, or too much of it, is refused, and the next client is served', async (t) => {
  const { port, get } = await startTestWeb(t, yaml);
  t.match(await sendRaw(port, 'no http at all\r\n\r\n'), /^HTTP\/1\.1 400 /);
  t.match(
    await sendRaw(port, `GET / HTTP/1.1\r\nHost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`),
    /^HTTP\/1\.1 431 /,
  );
  t.match(await sendRaw(port, 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'), /^HTTP\/1\.1 400 /);
  t.equal((await get('/health')).status, 200);
});

t.test('odd paths and methods are told apart, and nothing is found outside', async (t) => {
  const { get, post, port } = await startTestWeb(t, yaml);
  for (const path of ['/nothing', '/api/v1/nothing', '/../../etc/passwd', '/node-list/..%2f..%2fetc/passwd'])
    t.equal((await get(path)).status, 404, path);
  t.equal((await get('/%zz')).status, 404);
  t.equal((await get('/api/v1/nodes/%2e%2e%2fsecret')).status, 404);
  t.equal((await post('/node-list')).status, 405);
  t.strictSame((await get('/api/v1/nodes/0000000001/hold')).json(), { error: 'expected POST, found GET' });
  const head = await sendRaw(port, 'HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  t.match(head, /^HTTP\/1\.1 200 /);
  t.notMatch(head, /OK$/);
});

t.test('every answer forbids a browser to run or embed anything foreign', async (t) => {
  const { get } = await startTestWeb(t, yaml);
  for (const path of ['/health', '/node-list', '/api/v1/nodes', '/nothing']) {
    const { headers } = await get(path);
    t.match(headers['content-security-policy'], "default-src 'none'", path);
    t.notMatch(headers['content-security-policy'], 'unsafe', path);
    t.equal(headers['x-content-type-options'], 'nosniff', path);
  }
});

t.test(
  'a port that is taken is told once, costs nothing else, and is taken over when it is free',
  async (t) => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as AddressInfo;
    const retries: (() => void)[] = [];
    const clock = {
      nowMs: () => Date.now(),
      sleep: () => Promise.resolve(),
      after: (_delayMs: number, call: () => void) => {
        retries.push(call);
        return () => undefined;
      },
    };
    const { startWeb } = await import('../../../src/web/web.ts');
    const { recordingLogger, startTestLauncher } = await import('../../support/launcher.ts');
    const test = await startTestLauncher(t, yaml);
    const { log, logged } = recordingLogger();
    const webapp = { port, listenAddress: '127.0.0.1', tokenFile: undefined };
    const options = { store: test.zuul, webapp, log, clock, version: 'test', whyNotReady: () => [] };
    const web = await startWeb(options);
    const complaints = () =>
      logged.filter(({ level }) => level === 'error').map(({ fields }) => String(fields.error));
    await until(() => complaints().length > 0);
    retries.shift()?.();
    await until(() => retries.length > 0);
    t.strictSame(complaints(), [`127.0.0.1, port ${port} is taken by another program (webapp.port)`]);
    await test.fulfilled(['small']);

    squatter.close();
    await once(squatter, 'close');
    retries.shift()?.();
    t.equal((await web.listening).port, port);
    await web.close();
  },
);
