import { NotFoundError } from '../../errors.ts';
import { acquireLock, type HeldLock } from '../../zookeeper/index.ts';
import { isId } from '../ids.ts';
import type { LockOptions } from '../store.ts';
import type { Call } from './calls.ts';
import { isGone, isInterrupted } from './failures.ts';
import { HeldRecord } from './held-record.ts';
import { readExisting } from './read.ts';
import type { Table } from './table.ts';

/** `isNew`: the record has just been made, so nobody has locked it before. */
export interface LockRecordOptions extends LockOptions {
  isNew?: boolean;
}

/** Takes a record's lock, then reads the record; see `Collection.lock`. */
export async function lockRecord<T>(
  table: Table<T>,
  id: string,
  { waitMs = 0, signal, isNew = false }: LockRecordOptions,
): Promise<HeldRecord<T> | undefined> {
  const { client, layout, mirror, name } = table;
  if (!isId(name, id)) throw new NotFoundError(name, id);
  let lock: HeldLock | undefined;
  try {
    lock = await acquireLock(client, layout.lockPath(id), {
      mustExist: layout.recordPath(id),
      // The directory of a request's lock is made by whoever is first, and that is usually us.
      expectMissing: isNew || layout.lockRoot !== undefined,
      watchContender: !mirror.seesLocks,
      ...(waitMs === Infinity ? {} : { waitMs }),
      ...(signal && { signal }),
    });
    if (!lock) return undefined;
    const held = hold(table, id, await readExisting(table, id, { isHeld: true }), lock);
    await mirror.settled();
    return held;
  } catch (error) {
    await lock?.release();
    throw isGone(error) ? new NotFoundError(name, id) : error;
  }
}

function hold<T>(table: Table<T>, id: string, entry: HeldRecord<T>['entry'], lock: HeldLock): HeldRecord<T> {
  const held: HeldRecord<T> = new HeldRecord<T>({
    name: `${table.name}/${id}`,
    entry,
    lock,
    release: () => table.calls.make((call) => release(table, call, id, held, lock)),
  });
  table.held.set(id, held);
  return held;
}

/**
 * The contender is deleted right behind the writes that are on their way. If they have to be made again because the
 * connection was lost, so has the deletion, behind them.
 */
async function release<T>(
  table: Table<T>,
  call: Call,
  id: string,
  held: HeldRecord<T>,
  lock: HeldLock,
): Promise<void> {
  if (table.held.get(id) === held) table.held.delete(id);
  const before = table.serial.ended(id);
  try {
    if (held.isDisturbed) await before;
    // A session that may have ended may live on, and keep the contender.
    if (held.lost.aborted) await lock.release();
    else await table.client.delete(lock.contender);
  } catch (error) {
    if (isInterrupted(error)) {
      await Promise.all([call.earlier(), before]);
      await lock.release();
    } else if (!isGone(error)) throw error;
  }
  lock.forget();
  await table.mirror.settled();
}
