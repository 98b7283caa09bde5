/** One SSH connection to a host whose identity is verified, kept open and watched. */
import ssh2, { type ClientChannel } from 'ssh2';
import { HostError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { algorithmsPreferring, fingerprint, keyType } from './host-key.ts';
import { readPrivateKeys, type PrivateKey } from './private-key.ts';
import { expectedTypes, verifyHost, type HostIdentity } from './verify-host.ts';

export interface SshTarget extends HostIdentity {
  /** Where to connect, when the name was resolved before. */
  address?: string;
  username: string;
  /** Files with private keys, tried in this order; absent ones are skipped. */
  keyFiles: readonly string[];
  /** For connecting and logging in. */
  timeoutMs: number;
  /** A silent host counts as lost after three of these. Default 5 s. */
  keepaliveMs?: number;
}

export interface SshConnection {
  exec(command: string): Promise<RemoteCommand>;
  /** Resolves with the reason when the connection is lost or closed. Never rejects. */
  ended: Promise<string>;
  close(): void;
}

export interface RemoteCommand {
  channel: ClientChannel;
  /** Its exit code as soon as it is told; undefined when a signal, or the end of the connection, came instead. */
  exit: Promise<number | undefined>;
  /** The same after the last of its output. */
  closed: Promise<number | undefined>;
}

/** Connects and logs in. Throws HostError, whose message tells the operator what to do. */
export async function connectSsh(
  target: SshTarget,
  log: Logger,
  signal: AbortSignal,
): Promise<SshConnection> {
  const { host, port, address = host, username, timeoutMs, keepaliveMs = 5000 } = target;
  const keys = readPrivateKeys(host, target.keyFiles);
  const client = new ssh2.Client();
  let refused: unknown;
  let lastError = `${host}:${port} closed the connection`;

  const ended = new Promise<string>((resolve) => client.once('close', () => resolve(lastError)));
  const ready = new Promise<void>((resolve, reject) => {
    client.once('ready', resolve);
    client.on('error', (error) => {
      lastError = refused instanceof Error ? refused.message : explain(error, target, keys);
      reject(new HostError(host, lastError, { cause: refused ?? error }));
    });
    void ended.then(() => reject(new HostError(host, lastError)));
    signal.addEventListener('abort', () => (client.destroy(), reject(signal.reason as Error)), {
      once: true,
    });
  });
  ready.catch(() => undefined);

  client.connect({
    host: address,
    port,
    username,
    readyTimeout: timeoutMs,
    keepaliveInterval: keepaliveMs,
    keepaliveCountMax: 3,
    algorithms: { serverHostKey: algorithmsPreferring(expectedTypes(target)) },
    hostVerifier(blob: Buffer) {
      try {
        if (verifyHost(target, blob)) {
          log.warning('recorded the host key of a new host', {
            host,
            type: keyType(blob),
            fingerprint: fingerprint(blob),
            file: target.knownHosts,
          });
        }
        return true;
      } catch (error) {
        refused = error;
        return false;
      }
    },
    authHandler: keys.map(({ text }) => ({ type: 'publickey' as const, username, key: text })),
  });
  try {
    await ready;
  } catch (error) {
    client.destroy();
    throw error;
  }

  return {
    ended,
    exec: (command) =>
      new Promise((resolve, reject) => {
        client.exec(command, (error, stream) => {
          if (error) reject(new HostError(host, `cannot start a command on ${host}: ${error.message}`));
          else resolve(follow(stream, ended));
        });
      }),
    close: () => {
      client.end();
      client.destroy();
    },
  };
}

/** Called while the command begins: the news of its end may be in the same packet, and is told only once. */
function follow(channel: ClientChannel, lost: Promise<string>): RemoteCommand {
  const hear = (event: 'exit' | 'close') =>
    new Promise<number | undefined>((resolve) => {
      channel.once(event, (code?: number | null) => resolve(code ?? undefined));
      void lost.then(() => resolve(undefined));
    });
  const closed = hear('close');
  return { channel, exit: Promise.race([hear('exit'), closed]), closed };
}

const NETWORK_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused; is sshd running there, and does the firewall let this machine in?',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'no answer',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was reset',
};

/** ssh2 tells by `level` where it failed. */
function explain(
  error: Error & { level?: string; code?: string },
  target: SshTarget,
  keys: PrivateKey[],
): string {
  const { host, port, username, timeoutMs } = target;
  const place = `${host}:${port}`;
  switch (error.level) {
    case 'client-authentication': {
      const files = keys.map(({ file }) => file).join(' or ');
      return (
        `${place} does not let ${username} in with ${files}; ` +
        `put its public half into ${username === 'root' ? '/root' : `~${username}`}/.ssh/authorized_keys of ${host}`
      );
    }
    case 'client-timeout':
      if (/keepalive/i.test(error.message)) return `${place} does not answer any more`;
      return `${place} did not finish the SSH handshake within ${timeoutMs / 1000} s`;
    default:
      return `${place}: ${NETWORK_ERRORS[error.code ?? ''] ?? error.message}`;
  }
}
