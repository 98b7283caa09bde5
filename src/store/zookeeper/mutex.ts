import { LockLostError, NotFoundError } from '../../errors.ts';
import { acquireLock, type ZooKeeperClient } from '../../zookeeper/index.ts';
import type { HeldMutex, LockOptions, MutexName } from '../store.ts';
import { isGone } from './failures.ts';
import { layouts, mutexPath } from './layout.ts';

/** Takes a lock that belongs to no record; see `Store.acquire`. */
export async function acquireMutex(
  client: ZooKeeperClient,
  name: MutexName,
  { waitMs = 0, signal }: LockOptions,
): Promise<HeldMutex | undefined> {
  const lock = await acquireLock(client, mutexPath(name), {
    // The lock is below the build's record, which it must not bring back to life.
    ...(name.kind === 'upload' && { mustExist: layouts.builds.recordPath(`${name.image}/${name.build}`) }),
    ...(waitMs === Infinity ? {} : { waitMs }),
    ...(signal && { signal }),
  }).catch((error: unknown): never => {
    throw name.kind === 'upload' && isGone(error)
      ? new NotFoundError('builds', `${name.image}/${name.build}`)
      : error;
  });
  if (!lock) return undefined;
  const lost = new AbortController();
  lock.onLost((loss) => lost.abort(new LockLostError(loss.message, { cause: loss })));
  return { lost: lost.signal, release: () => lock.release() };
}
