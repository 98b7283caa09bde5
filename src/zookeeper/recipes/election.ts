import type { ZooKeeperClient } from '../client.ts';
import { LockLostError } from '../errors.ts';
import { acquireLock } from './lock.ts';

export interface ElectionOptions {
  /** Shown by `listContenders`, such as host and process. */
  identifier?: string;
  /** Ends taking part: leads no more, or waits no more. */
  signal: AbortSignal;
}

/**
 * Takes part in the election of one leader, which is a lock on `path` (as in kazoo's `Election`). Whenever elected, calls
 * `lead` with a signal that is aborted when leadership is lost or the election is left. When `lead` returns after a loss,
 * stands again; when it returns by itself, or throws, the election is left. Resolves when the signal is aborted.
 */
export async function runElection(
  client: ZooKeeperClient,
  path: string,
  { identifier = '', signal }: ElectionOptions,
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    const lock = await acquireUnlessAborted(client, path, identifier, signal);
    if (!lock) return;
    try {
      await lead(AbortSignal.any([signal, lock.lost]));
      if (!lock.lost.aborted) return;
    } catch (error) {
      if (!(error instanceof LockLostError) && !signal.aborted) throw error;
    } finally {
      await lock.release();
    }
  }
}

async function acquireUnlessAborted(
  client: ZooKeeperClient,
  path: string,
  identifier: string,
  signal: AbortSignal,
) {
  try {
    return await acquireLock(client, path, { identifier, signal });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}
