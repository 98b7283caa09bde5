import { once, setMaxListeners } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { checkTcp, scanHostKey } from '../../../src/driver/keyscan.ts';
import { fingerprint } from '../../../src/driver/host-key.ts';
import { makeKey } from '../../support/ssh-keys.ts';
import { startSshServer } from '../../support/ssh-server.ts';
import { freePort } from '../../support/free-port.ts';
import { sshdMissing, startSshd } from '../../support/sshd.ts';

const HOST = '127.0.0.1';
const patient = { host: HOST, timeoutMs: 20_000, signal: new AbortController().signal };
const hurried = { ...patient, timeoutMs: 100 };

/** A TCP server that does `serve` with each connection; cut off at the end of the test. */
async function startTcp(
  t: Test,
  serve: (socket: Socket) => void,
): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    serve(socket);
  }).listen(0, HOST);
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

t.test('reads every key of a server in a stable order, and never logs in', async (t) => {
  const server = await startSshServer(t, { hostKeys: ['rsa', 'ecdsa', 'ed25519'] });
  const [rsa, ecdsa, ed25519] = server.hostKeys;
  t.same(await scanHostKey({ ...patient, port: server.port }), [ed25519, ecdsa, rsa]);
  t.equal(server.counts.logins, 0);
});

t.test('needs one connection when the key is known', async (t) => {
  const server = await startSshServer(t, { hostKeys: ['rsa', 'ed25519'] });
  const [rsa, ed25519] = server.hostKeys as [string, string];
  t.same(await scanHostKey({ ...patient, port: server.port, expected: [`${rsa} comment`] }), [rsa]);
  t.same(await scanHostKey({ ...patient, port: server.port, expected: [ed25519] }), [ed25519]);
  t.equal(server.counts.connections, 2);
});

t.test('ends at once when the server has another key, naming both fingerprints', async (t) => {
  const server = await startSshServer(t);
  const expected = makeKey().public;
  const scan = scanHostKey({ ...patient, port: server.port, expected: [expected] });
  await t.rejects(scan, { name: 'LaunchError', stage: 'keyscan' });
  const { message } = (await scan.catch((error: unknown) => error)) as Error;
  t.match(message, `${HOST}:${server.port}: another host key`);
  t.match(message, `found ssh-ed25519 ${fingerprint(server.hostKeys[0] ?? '')}`);
  t.match(message, `expected ssh-ed25519 ${fingerprint(expected)}`);
  t.equal(server.counts.connections, 1);
});

t.test('ends at once when the server has no key of the expected type', async (t) => {
  const server = await startSshServer(t, { hostKeys: ['ecdsa'] });
  await t.rejects(scanHostKey({ ...patient, port: server.port, expected: [makeKey().public] }), {
    stage: 'keyscan',
    message: /the SSH server has no key for ssh-ed25519$/,
  });
  t.equal(server.counts.connections, 1);
});

t.test('does not accept the public key of a server that cannot sign with it', async (t) => {
  // A relay that only replays what it saw: the real server's first packets, over and over.
  const real = await startSshServer(t);
  const recorded: Buffer[] = [];
  const recorder = await startTcp(t, (socket) => {
    const upstream = connect(real.port, HOST);
    upstream.on('data', (chunk: Buffer) => recorded.push(chunk) && socket.write(chunk));
    socket.pipe(upstream).on('error', () => undefined);
    socket.on('close', () => upstream.destroy());
  });
  t.same(await scanHostKey({ ...patient, port: recorder.port, expected: real.hostKeys }), real.hostKeys);
  const impostor = await startTcp(t, (socket) => recorded.forEach((chunk) => socket.write(chunk)));
  await t.rejects(scanHostKey({ ...hurried, port: impostor.port, expected: real.hostKeys }), {
    stage: 'keyscan',
    message: /signature verification failed/,
  });
});

t.test('scans a real sshd', { skip: sshdMissing() }, async (t) => {
  const server = await startSshd(t, { hostKeys: ['ed25519', 'ecdsa', 'rsa'] });
  t.same(await scanHostKey({ ...patient, port: server.port }), server.hostKeys);
  t.same(await scanHostKey({ ...patient, port: server.port, expected: server.hostKeys.slice(2) }), [
    server.hostKeys[2],
  ]);
});

t.test('waits for a server that comes up later', { skip: sshdMissing() }, async (t) => {
  const port = await freePort();
  const key = makeKey();
  const scan = scanHostKey({ ...patient, port, expected: [key.public] });
  await startSshd(t, { port, hostKeys: [key] });
  t.same(await scan, [key.public]);
});

t.test('keeps trying where sshd says that it is too busy', async (t) => {
  const real = await startSshServer(t);
  let turnedAway = 0;
  const gatekeeper = await startTcp(t, (socket) => {
    if (turnedAway < 3) {
      turnedAway += 1;
      socket.end('Exceeded MaxStartups\r\n');
      return;
    }
    const upstream = connect(real.port, HOST);
    socket.pipe(upstream).pipe(socket);
    upstream.on('error', () => undefined);
  });
  t.same(await scanHostKey({ ...patient, port: gatekeeper.port, expected: real.hostKeys }), real.hostKeys);
  t.equal(turnedAway, 3);
});

t.test('says when the connection is refused, and how often it tried', async (t) => {
  await t.rejects(scanHostKey({ ...hurried, port: await freePort() }), {
    name: 'LaunchError',
    stage: 'keyscan',
    message: /^127\.0\.0\.1:\d+: connection refused \(\d+ attempts in 0\.\d s\)$/,
  });
});

t.test('tries once only when asked to', async (t) => {
  let connections = 0;
  const { port } = await startTcp(t, (socket) => {
    connections += 1;
    socket.destroy();
  });
  await t.rejects(scanHostKey({ ...patient, port, retry: false }), {
    message: /connection (closed before an SSH banner|reset)$/,
  });
  t.equal(connections, 1);
});

t.test('says when a server accepts the connection and stays silent', async (t) => {
  const { port } = await startTcp(t, () => undefined);
  await t.rejects(scanHostKey({ ...hurried, port, retry: false }), {
    message: /connected, but no SSH handshake within 0\.1 s$/,
  });
});

t.test('quotes what a server says that is no SSH server', async (t) => {
  const server = createHttpServer().listen(0, HOST);
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  await t.rejects(scanHostKey({ ...hurried, port }), {
    message: /not an SSH server: it says "HTTP\/1\.1 400 Bad Request" \(\d+ attempts/,
  });
  await t.rejects(
    scanHostKey({ ...patient, port, expected: [makeKey().public] }),
    { message: /not an SSH server: it says "HTTP\/1\.1 400 Bad Request"$/ },
    'with an expected key the port is known to be foreign, without waiting',
  );
});

t.test('says when a name does not resolve', async (t) => {
  const target = { ...hurried, host: 'nothing.invalid', port: 22, retry: false };
  await t.rejects(scanHostKey(target), { message: /^nothing\.invalid:22: the host name does not resolve/ });
});

t.test('an abort ends a scan at once with its reason and closes the connection', async (t) => {
  const controller = new AbortController();
  const reason = new Error('not wanted any more');
  const closed = new Promise<void>((resolve) => {
    void startTcp(t, (socket) => {
      socket.once('close', () => resolve());
      controller.abort(reason);
    }).then(({ port }) =>
      t.rejects(
        scanHostKey({ ...patient, port, signal: controller.signal }),
        reason,
        'while waiting for an answer',
      ),
    );
  });
  await closed;

  const pausing = new AbortController();
  const scan = scanHostKey({ ...patient, port: await freePort(), signal: pausing.signal });
  setImmediate(() => pausing.abort(reason));
  await t.rejects(scan, reason, 'while nothing listens');
  await t.rejects(
    scanHostKey({ ...patient, port: 1, signal: AbortSignal.abort(reason) }),
    reason,
    'before it began',
  );
});

t.test('keeps at most 100 connections open at once, and serves all in turn', async (t) => {
  let most = 0;
  const { port, sockets } = await startTcp(t, () => {
    most = Math.max(most, sockets.size);
    if (sockets.size === 100) setImmediate(() => sockets.forEach((socket) => socket.destroy()));
  });
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const target = { ...patient, port, retry: false, signal: controller.signal };
  const scans = Array.from({ length: 200 }, () => scanHostKey(target).catch((error: Error) => error.message));
  const outcomes = await Promise.all(scans);
  t.equal(most, 100);
  t.ok(outcomes.every((outcome) => /connection (closed|reset)/.test(String(outcome))));
});

t.test('checks a port without SSH', async (t) => {
  const { port } = await startTcp(t, () => undefined);
  await checkTcp({ ...patient, port });
  await t.rejects(checkTcp({ ...hurried, port: await freePort() }), {
    name: 'LaunchError',
    stage: 'keyscan',
    message: /connection refused/,
  });
});
