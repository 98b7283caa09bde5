import { randomUUID } from 'node:crypto';
import type { ZooKeeperClient } from '../client.ts';
import { NoNodeError } from '../errors.ts';
import { joinPath } from '../paths.ts';
import type { CallOptions, WatchEvent } from '../types.ts';
import {
  isLoss,
  lockMark,
  removeContender,
  sortContenders,
  sweepContender,
  untilSuspended,
} from './contender.ts';
import { type Entered, enterLock } from './enter-lock.ts';
import { HeldLock } from './held-lock.ts';

export interface LockOptions {
  /** Shown by `listContenders`; empty unless given. */
  identifier?: string;
  /** How long to wait; 0 gives up at once, undefined waits for ever. */
  waitMs?: number;
  /** Ends the wait; rejects with the signal's reason. */
  signal?: AbortSignal;
  /** A znode without which the lock must not be taken: throws NoNodeError and creates nothing when it is gone. */
  mustExist?: string;
  /** The lock directory is not there yet, as for something just created; saves a round trip. */
  expectMissing?: boolean;
  /** False: the lock outlives the session, until it is released. */
  ephemeral?: boolean;
  /** False saves a request, but the lock's `lost` then does not notice that somebody deleted the contender. */
  watchContender?: boolean;
}

/**
 * Takes the exclusive lock of kazoo's `Lock` recipe: an ephemeral sequential contender, the lowest number holds, everybody
 * else watches the nearest one in front. Undefined: somebody else had it for all of `waitMs`.
 * Goes on through lost connections and sessions. No contender is left behind, whatever happens.
 */
export async function acquireLock(
  client: ZooKeeperClient,
  directory: string,
  options: LockOptions = {},
): Promise<HeldLock | undefined> {
  const { waitMs, signal } = options;
  signal?.throwIfAborted();
  if (waitMs === 0) return contend(client, directory, options, signal ? { signal } : {});
  const limit = new AbortController();
  const timedOut = new Error('timed out');
  const onAbort = () => limit.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = waitMs === undefined ? undefined : setTimeout(() => limit.abort(timedOut), waitMs);
  try {
    return await contend(client, directory, options, { signal: limit.signal, timeoutMs: 0 });
  } catch (error) {
    if (error === timedOut) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** The identifiers of the holder and those who wait, in order. */
export async function listContenders(
  client: ZooKeeperClient,
  directory: string,
  limits: CallOptions = {},
): Promise<string[]> {
  const names = (await unlessGone(client.getChildren(directory, limits))) ?? [];
  const reads = sortContenders(names).map((name) =>
    unlessGone(client.getData(joinPath(directory, name), limits)),
  );
  return (await Promise.all(reads)).flatMap((found) => (found ? [found.data.toString()] : []));
}

type Outcome = HeldLock | 'busy' | 'contender lost';

/** One contender after the other: a lost session takes its contender along, and the next has a new name. */
async function contend(
  client: ZooKeeperClient,
  directory: string,
  options: LockOptions,
  limits: CallOptions,
): Promise<HeldLock | undefined> {
  for (;;) {
    const outcome = await tryOneContender(client, directory, options, limits);
    if (outcome instanceof HeldLock) return outcome;
    if (outcome === 'busy') return undefined;
  }
}

async function tryOneContender(
  client: ZooKeeperClient,
  directory: string,
  options: LockOptions,
  limits: CallOptions,
): Promise<Outcome> {
  const prefix = randomUUID().replaceAll('-', '') + lockMark;
  const session = trackSession(client);
  let entered: Entered | undefined;
  let outcome: Outcome | undefined;
  try {
    entered = await enter(client, directory, prefix, options, limits, session);
    outcome = entered
      ? await waitForTurn(client, directory, entered, options, limits, session)
      : 'contender lost';
    return outcome;
  } finally {
    session.stop();
    if (!(outcome instanceof HeldLock)) {
      const cleaning = entered
        ? removeContender(client, joinPath(directory, entered.name))
        : sweepContender(client, directory, prefix);
      await untilSuspended(client, cleaning);
    }
  }
}

/** Undefined when the session went meanwhile. When the answer was lost, looks whether the contender is there. */
async function enter(
  client: ZooKeeperClient,
  directory: string,
  prefix: string,
  { identifier = '', ephemeral = true, mustExist, expectMissing = false }: LockOptions,
  limits: CallOptions,
  session: TrackedSession,
): Promise<Entered | undefined> {
  for (;;) {
    try {
      return await enterLock(
        client,
        { directory, prefix, identifier, ephemeral, mustExist, expectMissing },
        limits,
      );
    } catch (error) {
      if (!isLoss(error)) throw error;
    }
    const names =
      (await unlessGone(retryLost(client, limits, () => client.getChildren(directory, limits)))) ?? [];
    if (session.isLost) return undefined;
    const name = names.find((candidate) => candidate.startsWith(prefix));
    if (name !== undefined) return { name, names };
  }
}

async function waitForTurn(
  client: ZooKeeperClient,
  directory: string,
  { name, names }: Entered,
  options: LockOptions,
  limits: CallOptions,
  session: TrackedSession,
): Promise<Outcome> {
  let known: string[] | undefined = names;
  while (known) {
    const contenders = sortContenders(known);
    const position = contenders.indexOf(name);
    // Somebody deleted it, or the session that it belonged to is over.
    if (position < 0 || (session.isLost && options.ephemeral !== false)) return 'contender lost';
    if (position === 0) return new HeldLock(client, joinPath(directory, name), options);
    if (options.waitMs === 0) return 'busy';
    await waitForEvent(client, joinPath(directory, contenders[position - 1] as string), limits);
    known = await unlessGone(retryLost(client, limits, () => client.getChildren(directory, limits)));
  }
  return 'contender lost';
}

/** Resolves when the contender in front changes or goes, or when the session does. */
async function waitForEvent(client: ZooKeeperClient, path: string, limits: CallOptions): Promise<void> {
  let wake!: (event?: WatchEvent) => void;
  let giveUp!: () => void;
  const event = new Promise<void>((resolve, reject) => {
    wake = () => resolve();
    giveUp = () => reject(limits.signal?.reason as Error);
  });
  limits.signal?.addEventListener('abort', giveUp, { once: true });
  try {
    const found = await unlessGone(client.getData(path, { ...limits, watch: wake }));
    if (found) await event;
  } catch (error) {
    if (!isLoss(error)) throw error;
  } finally {
    event.catch(() => undefined);
    limits.signal?.removeEventListener('abort', giveUp);
    client.removeWatch(path, wake);
  }
}

async function unlessGone<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof NoNodeError) return undefined;
    throw error;
  }
}

/** Reads fail only when the session is lost; then the next one answers. */
async function retryLost<T>(
  client: ZooKeeperClient,
  limits: CallOptions,
  read: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      await client.connected(limits);
      return await read();
    } catch (error) {
      if (!isLoss(error)) throw error;
    }
  }
}

interface TrackedSession {
  /** The session that was there when tracking began, or came first, is over. */
  readonly isLost: boolean;
  stop(): void;
}

function trackSession(client: ZooKeeperClient): TrackedSession {
  let isLost = false;
  const stop = client.onState(({ state }) => (isLost ||= state === 'lost'));
  return {
    stop,
    get isLost() {
      return isLost;
    },
  };
}
