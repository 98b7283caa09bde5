/** Waits for a new machine's SSH server and reads the host keys that it owns. Used by every driver that launches. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LaunchError } from '../errors.ts';
import { createGate } from './gate.ts';
import { AttemptError, proveHostKey, tryTcp, type Attempt } from './handshake.ts';
import { algorithmsOf, fingerprint, HOST_KEY_TYPES, readHostKey, typeOf } from './host-key.ts';

export interface Target {
  host: string;
  port: number;
  /** How long to keep trying; counts from the first attempt, not while queueing behind other scans. */
  timeoutMs: number;
  /** Ends the scan at once; it then rejects with the signal's reason. */
  signal: AbortSignal;
  /** False: one failed attempt is the answer, for machines that should be up already. Default true. */
  retry?: boolean;
  /** Called once, when the port accepts a connection. */
  onOpen?: () => void;
}

const LONGEST_ATTEMPT_MS = 10_000;
/** Less time than this is not worth another attempt: its failure would only say that time was short. */
const SHORTEST_ATTEMPT_MS = 20;
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 250;

/** Connections open at once in this process. A place is given back between attempts, so dead hosts hold up nobody. */
const gate = createGate(100);

/**
 * The host keys of an SSH server, `['ssh-ed25519 AAAAC3Nz…', …]`, each proven by a key exchange; nobody logs in.
 *
 * Without `expected`: every key the server has, in the order ed25519, ecdsa, rsa; one connection each.
 * With `expected`: one connection, and the proven key must be one of these. Any other key, or any other protocol, on the
 * port ends the scan at once: the port is not ours, and waiting would not change it.
 *
 * Throws LaunchError, stage `keyscan`, with what happened last.
 */
export async function scanHostKey(target: Target & { expected?: readonly string[] }): Promise<string[]> {
  const patience = startPatience(target);
  if (target.expected !== undefined) return [await scanExpected(target, target.expected, patience)];

  const found: string[] = [];
  for (const type of HOST_KEY_TYPES) {
    const key = await patience.until((attempt) =>
      proveHostKey(attempt, algorithmsOf([type])).catch(skipMissing),
    );
    if (key !== undefined) found.push(key);
  }
  if (found.length > 0) return found;
  throw scanError(target, `the SSH server has no host key of a known type (${HOST_KEY_TYPES.join(', ')})`);
}

/** Waits until the port accepts connections. Throws LaunchError, stage `keyscan`. */
export async function checkTcp(target: Target): Promise<void> {
  await startPatience(target).until(tryTcp);
}

async function scanExpected(
  target: Target,
  expected: readonly string[],
  patience: Patience,
): Promise<string> {
  const keys = expected.map((line) => {
    const key = readHostKey(line);
    if (key === undefined) throw new TypeError(`not a host key of a known type: ${JSON.stringify(line)}`);
    return key;
  });
  const algorithms = algorithmsOf(keys.map(typeOf));
  const proven = await patience.until((attempt) => proveHostKey(attempt, algorithms), isForeign);
  if (keys.includes(proven)) return proven;
  throw scanError(
    target,
    `another host key: found ${describe(proven)}, expected ${keys.map(describe).join(' or ')}`,
  );
}

function skipMissing(error: unknown): undefined {
  if (error instanceof AttemptError && error.kind === 'no-such-key') return undefined;
  throw error;
}

function isForeign(error: AttemptError): boolean {
  return error.kind === 'foreign' || error.kind === 'no-such-key';
}

interface Patience {
  /** Repeats `call` with growing pauses while it fails with an AttemptError, until the time is over or `isFinal`. */
  until<T>(call: (attempt: Attempt) => Promise<T>, isFinal?: (error: AttemptError) => boolean): Promise<T>;
}

/** One time limit for everything that is done to a target. */
function startPatience(target: Target): Patience {
  const { host, port, timeoutMs, signal, retry = true } = target;
  let { onOpen } = target;
  const onConnect = () => {
    onOpen?.();
    onOpen = undefined;
  };
  let startedMs: number | undefined;
  let tries = 0;
  let pauseMs = FIRST_PAUSE_MS;

  return {
    async until(call, isFinal) {
      for (;;) {
        const leave = await gate.enter(signal);
        startedMs ??= performance.now();
        const endMs = startedMs + timeoutMs;
        const leftMs = Math.max(SHORTEST_ATTEMPT_MS, Math.ceil(endMs - performance.now()));
        tries += 1;
        try {
          return await call({ host, port, limitMs: Math.min(LONGEST_ATTEMPT_MS, leftMs), signal, onConnect });
        } catch (error) {
          if (!(error instanceof AttemptError)) throw error;
          const over = !retry || performance.now() + SHORTEST_ATTEMPT_MS >= endMs;
          if (over || isFinal?.(error)) throw scanError(target, summary(error, tries, startedMs), error);
        } finally {
          leave();
        }
        await pause(Math.min(pauseMs, endMs - SHORTEST_ATTEMPT_MS - performance.now()), signal);
        pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5);
      }
    },
  };
}

async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(delayMs, undefined, { signal });
  } catch {
    throw signal.reason;
  }
}

function summary(error: AttemptError, tries: number, startedMs: number): string {
  if (tries === 1) return error.message;
  return `${error.message} (${tries} attempts in ${((performance.now() - startedMs) / 1000).toFixed(1)} s)`;
}

function describe(hostKey: string): string {
  return `${typeOf(hostKey)} ${fingerprint(hostKey)}`;
}

function scanError({ host, port }: Target, what: string, cause?: unknown): LaunchError {
  const place = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return new LaunchError('keyscan', `${place}: ${what}`, { cause });
}
