/** One SSH connection to a node that streams one command. Heavy (ssh2): imported where a command is run. */
import type { Readable, Writable } from 'node:stream';
import ssh2, { type AnyAuthMethod, type Client, type ClientChannel } from 'ssh2';
import { algorithmsOf, fingerprint, formatHostKey, typeOf } from '../driver/host-key.ts';
import { reasonOf } from '../errors.ts';
import { EXIT_NOT_RUN, Failure } from './failure.ts';
import type { SshTarget } from '../operator/connection.ts';
import type { Identities } from './identity.ts';

const HANDSHAKE_TIMEOUT_MS = 20_000;
const KEEPALIVE_MS = 15_000;
const KEEPALIVES_MISSED = 4;

/** Connects and logs in; the node must prove that it has one of the recorded host keys. Throws Failure. */
export function connect(target: SshTarget, identities: Identities, signal: AbortSignal): Promise<Client> {
  const { host, port, username, hostKeys } = target;
  const where = `node ${target.nodeId} at ${username}@${host}:${port}`;
  const { methods, tried } = authMethods(username, identities);
  const client = new ssh2.Client();
  let wrongKey: string | undefined;

  return new Promise<Client>((resolve, reject) => {
    const fail = (error: unknown) => {
      signal.removeEventListener('abort', onAbort);
      client.destroy();
      reject(error instanceof Failure ? error : new Failure(sayWhy(error), EXIT_NOT_RUN, { cause: error }));
    };
    const sayWhy = (error: unknown): string => {
      if (signal.aborted) return `${where}: given up, ${reasonOf(signal.reason)}`;
      if (wrongKey) return `${where} answers with another host key than recorded: ${wrongKey}; not connected`;
      if ((error as { level?: string }).level !== 'client-authentication')
        return `${where}: ${reasonOf(error)}`;
      return `${where} refuses every key; tried ${tried.join(', ')}. Name the right one with -i FILE`;
    };
    const onAbort = () => fail(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });

    client
      .once('ready', () => {
        signal.removeEventListener('abort', onAbort);
        client.off('error', fail);
        client.setNoDelay(true);
        resolve(client);
      })
      .once('error', fail)
      .connect({
        host,
        port,
        username,
        authHandler: methods,
        readyTimeout: HANDSHAKE_TIMEOUT_MS,
        keepaliveInterval: KEEPALIVE_MS,
        keepaliveCountMax: KEEPALIVES_MISSED,
        ...(hostKeys.length === 0
          ? {}
          : { algorithms: { serverHostKey: algorithmsOf(hostKeys.map(typeOf)) } }),
        hostVerifier: (blob: Buffer) => {
          const found = formatHostKey(blob);
          if (hostKeys.length === 0 || hostKeys.includes(found)) return true;
          wrongKey = `${typeOf(found)} ${fingerprint(found)}`;
          return false;
        },
      });
  });
}

/** Keys in order, then the agent. Keys that cannot be read are left out, with the reason. */
function authMethods(
  username: string,
  identities: Identities,
): { methods: AnyAuthMethod[]; tried: string[] } {
  const methods: AnyAuthMethod[] = [];
  const tried = [...identities.tried];
  for (const { path, key } of identities.files) {
    const parsed = ssh2.utils.parseKey(key);
    if (parsed instanceof Error) tried[tried.indexOf(path)] = `${path} (${explainKey(parsed)})`;
    else methods.push({ type: 'publickey', username, key });
  }
  if (identities.agent) methods.push({ type: 'agent', username, agent: identities.agent });
  return { methods, tried };
}

function explainKey(error: Error): string {
  return /encrypted/i.test(error.message) ? 'has a passphrase: add it to an ssh agent' : error.message;
}

export interface Streams {
  /** Undefined: the command reads nothing. */
  stdin: Readable | undefined;
  stdout: Writable;
  stderr: Writable;
}

/** Runs one command and returns its exit code; 128 + n when signal n ended it. Throws Failure when the connection breaks. */
export function execute(
  client: Client,
  command: string,
  streams: Streams,
  control: Control,
): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    const broken = (error?: Error) =>
      reject(new Failure(`the connection was lost${error ? `: ${error.message}` : ''}`, EXIT_NOT_RUN));
    client.once('error', broken).once('close', () => broken());
    client.exec(command, (error, channel) => {
      if (error) return reject(new Failure(`the command cannot be started: ${error.message}`, EXIT_NOT_RUN));
      let exitCode: number | undefined;
      channel.once('exit', (code: number | null, signalName?: string) => {
        exitCode = code ?? 128 + (SIGNAL_NUMBERS[(signalName ?? '').replace(/^SIG/, '')] ?? 0);
      });
      channel.once('close', () => (exitCode === undefined ? broken() : resolve(exitCode)));
      forward(channel, streams);
      control.onSignal((name) => channel.signal(name));
    });
  });
}

/** Lets the caller send signals to the command. */
export interface Control {
  onSignal(send: (name: string) => void): void;
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  ABRT: 6,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
};

function forward(channel: ClientChannel, { stdin, stdout, stderr }: Streams): void {
  channel.pipe(stdout, { end: false });
  channel.stderr.pipe(stderr, { end: false });
  channel.on('error', () => undefined); // the command may close its input before all is written
  if (!stdin) return void channel.end();
  stdin.pipe(channel);
  channel.once('close', () => {
    stdin.unpipe(channel);
    stdin.pause();
  });
}
