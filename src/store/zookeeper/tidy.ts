import type { ZooKeeperClient } from '../../zookeeper/index.ts';
import { throughLosses, unlessGone } from './failures.ts';
import { layouts } from './layout.ts';

const LOCKS = '/nodepool/requests-lock';

/**
 * How long the lock of a request stays when the request is gone. Others may be about to take it: they make its directory
 * first, and would fail if it went before they are in it. As long as in Nodepool.
 */
const STAY_MS = 8 * 3600_000;

/** Removes the locks of requests that are long gone. `nowMs` is compared with the server's clock. */
export async function removeOldRequestLocks(client: ZooKeeperClient, nowMs: number): Promise<number> {
  const [locks, requests] = await Promise.all([
    unlessGone(throughLosses(() => client.getChildren(LOCKS))),
    unlessGone(throughLosses(() => client.getChildren(layouts.requests.root))),
  ]);
  const alive = new Set(requests);
  let removed = 0;
  for (const id of locks ?? []) {
    if (alive.has(id)) continue;
    const path = `${LOCKS}/${id}`;
    const stat = await throughLosses(() => client.exists(path));
    if (!stat || nowMs - stat.mtimeMs < STAY_MS) continue;
    await throughLosses(() => client.deleteRecursive(path));
    removed += 1;
  }
  return removed;
}
