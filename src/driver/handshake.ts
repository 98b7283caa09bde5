/** One connection attempt: bare TCP, or SSH up to the point where the server has proven that a host key is its own. */
import { connect, type Socket } from 'node:net';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { formatHostKey } from './host-key.ts';

export interface Attempt {
  host: string;
  port: number;
  /** For the whole attempt. */
  limitMs: number;
  signal: AbortSignal;
  onConnect?: () => void;
}

/** `foreign`: something answers that is no SSH server. `no-such-key`: an SSH server without a key of the wanted type. */
export type AttemptKind = 'unreachable' | 'foreign' | 'no-such-key' | 'handshake';

export class AttemptError extends Error {
  override readonly name = 'AttemptError';
  readonly kind: AttemptKind;

  constructor(kind: AttemptKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

/** What sshd says instead of its version when it is busy, which passes (OpenSSH, MaxStartups and PerSourcePenalties). */
const BUSY = /^(Exceeded MaxStartups|Not allowed at this time)/;

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'no route to host',
  ENOTFOUND: 'the host name does not resolve',
  EAI_AGAIN: 'the host name does not resolve at the moment',
};

/** Connects and closes again. Rejects with an AttemptError, or with the signal's reason. */
export function tryTcp(attempt: Attempt): Promise<void> {
  return withSocket(attempt, (socket, done, fail) => {
    socket.once('connect', () => done(undefined));
    socket.on('error', (error) => fail(socketFailure(error)));
  });
}

/**
 * The server's host key, `type base64`, for the given signature algorithms. Resolves after NEWKEYS: ssh2 shows the key
 * before it has checked the signature, so only a completed key exchange says that the server owns it (RFC 4253
 * section 8). The connection is closed there; nobody logs in.
 */
export async function proveHostKey(attempt: Attempt, algorithms: ServerHostKeyAlgorithm[]): Promise<string> {
  // Heavy; commands that only read the configuration load this file too. The built programs have the default export only.
  const { default: ssh2 } = await import('ssh2');
  return await withSocket(attempt, (socket, done, fail) => {
    let hostKey = '';
    let greeting = '';
    socket.on('error', (error) => fail(sshFailure(error, greeting, algorithms)));
    socket.once('connect', () => {
      const client = new ssh2.Client();
      // Errors keep coming while the socket closes; an EventEmitter without a listener would throw them.
      client.on('error', (error) => fail(sshFailure(error, greeting, algorithms)));
      client.once('handshake', () => done(hostKey));
      client.connect({
        sock: socket,
        username: 'nobody',
        ident: 'nodepool_keyscan',
        readyTimeout: 0,
        algorithms: { serverHostKey: algorithms },
        hostVerifier: (blob: Buffer) => {
          hostKey = formatHostKey(blob);
          return true;
        },
      });
      socket.on('data', (chunk: Buffer) => {
        if (greeting.length < 100) greeting += chunk.toString('latin1', 0, 100);
      });
      socket.once('close', () => fail(sshFailure(undefined, greeting, algorithms)));
    });
  });
}

/**
 * Opens a socket for `use`, which also listens to its errors, and closes it whatever happens: success, failure, time
 * limit, abort.
 */
function withSocket<T>(
  { host, port, limitMs, signal, onConnect }: Attempt,
  use: (socket: Socket, done: (value: T) => void, fail: (error: Error) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const socket = connect({ host, port, noDelay: true });
    if (onConnect) socket.once('connect', onConnect);
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
    };
    const fail = (error: Error) => {
      finish();
      reject(error);
    };
    const onAbort = () => fail(signal.reason as Error);
    const timer = setTimeout(() => fail(tooLate(socket, limitMs)), limitMs);
    signal.addEventListener('abort', onAbort, { once: true });
    use(
      socket,
      (value) => {
        finish();
        resolve(value);
      },
      fail,
    );
  });
}

function tooLate(socket: Socket, limitMs: number): AttemptError {
  const what = socket.connecting ? 'no answer' : 'connected, but no SSH handshake';
  return new AttemptError('unreachable', `${what} within ${limitMs / 1000} s`);
}

function socketFailure(error: NodeJS.ErrnoException): AttemptError {
  return new AttemptError(
    'unreachable',
    REASONS[error.code ?? ''] ?? (error.message || 'cannot connect'),
    error,
  );
}

function sshFailure(error: Error | undefined, greeting: string, algorithms: readonly string[]): AttemptError {
  if (greeting !== '' && !/^SSH-/m.test(greeting)) {
    const kind = BUSY.test(greeting) ? 'unreachable' : 'foreign';
    return new AttemptError(kind, `not an SSH server: it says ${JSON.stringify(firstLine(greeting))}`, error);
  }
  if (error !== undefined && REASONS[codeOf(error)] !== undefined) return socketFailure(error);
  if (greeting === '')
    return new AttemptError('unreachable', 'connection closed before an SSH banner', error);
  // ssh2 has no code for this one.
  if (error?.message.includes('no matching host key format')) {
    return new AttemptError('no-such-key', `the SSH server has no key for ${algorithms.join(', ')}`, error);
  }
  return new AttemptError('handshake', error?.message ?? 'connection closed during the SSH handshake', error);
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

function firstLine(text: string): string {
  return (text.split(/[\r\n]/, 1)[0] ?? '').slice(0, 60);
}
