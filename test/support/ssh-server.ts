/** A real SSH server inside the test process, on 127.0.0.1 and a free port, with keys made for the test. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import ssh2, { type Connection, type ServerChannel, type Session } from 'ssh2';
import type { Test } from 'tap';
import { makeKey, type TestKey, type TestKeyType } from './ssh-keys.ts';

export interface SshServerOptions {
  /** One host key of each; default ed25519. Or keys made before. */
  hostKeys?: readonly (TestKeyType | TestKey)[];
  /** Public keys that may log in, besides `clientKey`. */
  authorizedKeys?: readonly string[];
  /** Answers a command; the result is its exit code. Default: `sh -c`. */
  run?: (command: string, channel: ServerChannel) => Promise<number>;
  port?: number;
  /** What it says to a command goes out in one piece, from its start to its exit code, as from a busy host. */
  atOnce?: boolean;
  /** Default 127.0.0.1; `0.0.0.0` answers on every loopback address. */
  address?: string;
}

export interface SshServer {
  host: string;
  port: number;
  /** `type base64` each. */
  hostKeys: string[];
  /** May log in. */
  clientKey: TestKey;
  /** Connections accepted so far, and how many of them logged in. */
  counts: { connections: number; logins: number };
  /** Cuts all connections, as a crashed host would. */
  cut(): void;
  /** Also done at the end of the test. */
  close(): Promise<void>;
}

export async function startSshServer(t: Test, options: SshServerOptions = {}): Promise<SshServer> {
  const {
    hostKeys = ['ed25519'],
    authorizedKeys = [],
    run = runInShell,
    port = 0,
    atOnce = false,
    address = '127.0.0.1',
  } = options;
  const keys = hostKeys.map((key) => (typeof key === 'string' ? makeKey(key) : key));
  const clientKey = makeKey();
  const allowed = new Set([
    clientKey.public,
    ...authorizedKeys.map((key) => key.split(' ').slice(0, 2).join(' ')),
  ]);
  const counts = { connections: 0, logins: 0 };
  const connections = new Set<Connection>();

  const server = new ssh2.Server({ hostKeys: keys.map((key) => key.private) }, (connection) => {
    counts.connections += 1;
    connections.add(connection);
    connection.on('close', () => connections.delete(connection));
    connection.on('error', () => undefined);
    connection.on('authentication', (attempt) => {
      if (attempt.method !== 'publickey' || !allowed.has(publicKeyText(attempt.key)))
        return attempt.reject(['publickey']);
      const { signature, blob, key, hashAlgo } = attempt;
      if (signature === undefined || blob === undefined) return attempt.accept();
      const parsed = ssh2.utils.parseKey(`${key.algo} ${key.data.toString('base64')}`);
      if (parsed instanceof Error || parsed.verify(blob, signature, hashAlgo) !== true)
        return attempt.reject(['publickey']);
      return attempt.accept();
    });
    connection.on('ready', () => {
      counts.logins += 1;
      const hold = atOnce ? () => holdBack(connection) : () => () => undefined;
      connection.on('session', (accept) => serveSession(accept(), run, hold));
    });
  });
  server.listen(port, address);
  await once(server, 'listening');

  const cut = () => {
    for (const connection of connections) socketOf(connection).destroy();
  };
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= new Promise((resolve) => {
      server.close(() => resolve());
      cut();
    });
    return closed;
  };
  t.teardown(close);

  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    hostKeys: keys.map((key) => key.public),
    clientKey,
    counts,
    cut,
    close,
  };
}

function serveSession(
  session: Session,
  run: (command: string, channel: ServerChannel) => Promise<number>,
  hold: () => () => void,
): void {
  session.on('pty', (accept) => accept?.());
  session.on('env', (accept) => accept?.());
  session.on('exec', (accept, _reject, { command }) => serve(accept, command));
  session.on('shell', (accept) => serve(accept, 'exec sh'));

  const serve = (accept: () => ServerChannel, command: string) => {
    const letGo = hold();
    const channel = accept();
    channel.on('error', () => undefined);
    session.on('signal', (_accept, _reject, { name }) => channel.emit('signal', name));
    void run(command, channel)
      .then(
        (code) => finish(channel, code),
        (error: unknown) => {
          channel.stderr.write(`${String(error)}\n`);
          finish(channel, 255);
        },
      )
      .finally(() => setImmediate(letGo));
  };
}

function finish(channel: ServerChannel, code: number): void {
  if (channel.writable) channel.exit(code);
  channel.end();
}

async function runInShell(command: string, channel: ServerChannel): Promise<number> {
  const child = spawn('sh', ['-c', command], { stdio: 'pipe' });
  channel.pipe(child.stdin);
  child.stdin.on('error', () => undefined);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  channel.once('close', () => child.kill('SIGKILL'));
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 255;
}

function publicKeyText(key: { algo: string; data: Buffer }): string {
  const type = key.data.toString('latin1', 4, 4 + key.data.readUInt32BE(0));
  return `${type} ${key.data.toString('base64')}`;
}

/** ssh2 has no public way to drop a connection without a farewell. */
function socketOf(connection: Connection): Socket {
  return (connection as unknown as { _sock: Socket })._sock;
}

function holdBack(connection: Connection): () => void {
  const socket = socketOf(connection);
  socket.cork();
  return () => socket.uncork();
}
