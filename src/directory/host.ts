/** Where the directory is: runs its script on this machine, or over SSH on another. */
import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { asset } from '../asset.ts';
import { CommandError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { DirectoryOptions } from './options.ts';
import { quote } from '../shell.ts';

const CONNECT_MS = 20_000;
/** Of what a command says, so much is kept. */
const KEPT_BYTES = 1_000_000;

export interface Host {
  /** For messages. */
  readonly name: string;
  /** Bytes go through no network, so that they need not be read once more over there. */
  readonly local: boolean;
  /** Runs a verb of `directory.sh`; returns what it printed. Throws CommandError, or HostError without a connection. */
  run(verb: string, args: readonly string[], options: RunOptions): Promise<string>;
}

export interface RunOptions {
  input?: Readable | string;
  signal: AbortSignal;
}

/** The ends of a command, wherever it runs. */
interface Running {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** Resolves with the exit code; undefined when it was cut off. */
  exit: Promise<number | undefined>;
  end(): void;
}

export function openHost({ path, host }: DirectoryOptions, log: Logger): Host {
  const script = asset('directory/directory.sh');
  const name = host?.name ?? 'this machine';
  const start = (words: readonly string[], signal: AbortSignal): Promise<Running> =>
    host === undefined ? Promise.resolve(startHere(words)) : startThere(words, { host, log, signal });
  return {
    name,
    local: host === undefined,
    async run(verb, args, { input, signal }) {
      signal.throwIfAborted();
      const running = await start(['sh', '-c', script, 'sh', verb, path, ...args], signal);
      const onAbort = () => running.end();
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        return await finish(running, input, { host: name, command: [verb, path, ...args].join(' ') });
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}

async function finish(
  running: Running,
  input: Readable | string | undefined,
  { host, command }: { host: string; command: string },
): Promise<string> {
  const texts = Promise.all([readText(running.stdout), readText(running.stderr)]);
  // A command that has failed does not read to the end; its exit code says why.
  const sent = send(input, running.stdin).catch((error: unknown) => error);
  const [exitCode, [stdout, stderr], problem] = await Promise.all([running.exit, texts, sent]);
  if (exitCode === 0 && problem === undefined) return stdout;
  throw new CommandError({
    host,
    command,
    ...(exitCode === undefined ? {} : { exitCode }),
    stderr,
    ...(problem instanceof Error ? { cause: problem } : {}),
  });
}

async function send(input: Readable | string | undefined, stdin: Writable): Promise<void> {
  if (input !== undefined) return await pipeline(typeof input === 'string' ? [input] : input, stdin);
  stdin.on('error', () => undefined); // It may have ended before it was told that there is nothing.
  stdin.end();
}

async function readText(stream: Readable): Promise<string> {
  let text = '';
  for await (const part of stream.setEncoding('utf8') as AsyncIterable<string>)
    if (text.length < KEPT_BYTES) text += part;
  return text;
}

/** As root, because owners of files are kept: directly, or with sudo, which diskimage-builder needs too. */
function startHere(words: readonly string[]): Running {
  const [program = '', ...args] = process.getuid?.() === 0 ? words : ['sudo', '-n', ...words];
  const child = spawn(program, args, { stdio: 'pipe', detached: true });
  const exit = new Promise<number | undefined>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? undefined));
  });
  const end = () => {
    child.stdin.destroy();
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    } catch {
      // It has ended already, or is root's and ends because nothing more comes.
    }
  };
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exit, end };
}

async function startThere(
  words: readonly string[],
  { host, log, signal }: { host: NonNullable<DirectoryOptions['host']>; log: Logger; signal: AbortSignal },
): Promise<Running> {
  const { name, port, keyFiles, knownHosts, hostKeys } = host;
  const target = {
    host: name,
    port,
    username: 'root',
    keyFiles,
    knownHosts,
    hostKeys,
    timeoutMs: CONNECT_MS,
  };
  const { connectSsh } = await import('../ssh/connection.ts'); // Heavy, and often not needed.
  const connection = await connectSsh(target, log, signal);
  try {
    const { channel, exit } = await connection.exec(words.map(quote).join(' '));
    void exit.then(() => setImmediate(() => connection.close()));
    return { stdin: channel, stdout: channel, stderr: channel.stderr, exit, end: () => connection.close() };
  } catch (error) {
    connection.close();
    throw error;
  }
}
