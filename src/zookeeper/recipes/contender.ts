import type { ZooKeeperClient } from '../client.ts';
import {
  ClosedError,
  ConnectionLossError,
  NoNodeError,
  SessionExpiredError,
  TimeoutError,
} from '../errors.ts';
import { joinPath } from '../paths.ts';

/** Part of a contender's name in front of the number: `3f0c…` + `__lock__` + `0000000042`. */
export const lockMark = '__lock__';

/** What kazoo from 2.7 on takes for a contender. */
const pattern = /__lock__(-?[0-9]{10})$/;

/** Contenders among the children of a lock directory, the holder first. */
export function sortContenders(names: readonly string[]): string[] {
  const numbered = names.flatMap((name) => {
    const match = pattern.exec(name);
    return match ? [{ name, number: Number(match[1]) }] : [];
  });
  return numbered.sort((a, b) => a.number - b.number).map(({ name }) => name);
}

/** Deletes a contender for certain, also across lost connections. Ends when it is gone or the client is closed. */
export function removeContender(client: ZooKeeperClient, path: string): Promise<void> {
  return persist(client, () => client.delete(path));
}

/** Deletes a contender of which only the beginning of the name is known, because the answer to `create` never came. */
export function sweepContender(client: ZooKeeperClient, directory: string, prefix: string): Promise<void> {
  return persist(client, async () => {
    const names = await client.getChildren(directory);
    const own = names.find((name) => name.startsWith(prefix));
    if (own !== undefined) await client.delete(joinPath(directory, own));
  });
}

/** The connection or the session went: what was asked may or may not have happened. */
export function isLoss(error: unknown): boolean {
  return error instanceof ConnectionLossError || error instanceof SessionExpiredError;
}

/** Resolves with the promise, but no later than the connection goes. The promise must take care of its own errors. */
export async function untilSuspended(client: ZooKeeperClient, work: Promise<void>): Promise<void> {
  if (client.state !== 'connected') return;
  let stop!: () => void;
  const gone = new Promise<void>((resolve) => (stop = client.onState(() => resolve())));
  await Promise.race([work, gone]);
  stop();
}

/** Repeats until there is a certain answer. No node is one. */
async function persist(client: ZooKeeperClient, work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof NoNodeError || error instanceof ClosedError) return;
      if (!isLoss(error) && !(error instanceof TimeoutError)) throw error;
    }
    await client.connected().catch(() => undefined);
  }
}
