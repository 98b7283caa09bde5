import { BadVersionError, NotEmptyError, type Operation } from '../../zookeeper/index.ts';
import { isId } from '../ids.ts';
import type { Entry } from '../store.ts';
import type { Call } from './calls.ts';
import { failureOf, isGone, isInterrupted, throughLosses } from './failures.ts';
import type { HeldRecord } from './held-record.ts';
import type { Table } from './table.ts';

/** Removes a record and everything below it; see `Collection.remove`. */
export async function removeRecord<T>(table: Table<T>, call: Call, id: string): Promise<void> {
  if (!isId(table.name, id)) return;
  const held = table.held.get(id);
  table.held.delete(id);
  const isLost = held?.lost.aborted ?? false;
  held?.expectRemoval();
  const isDone = held && !isLost && (await removeInOneStep(table, call, id, held));
  if (!isDone) await throughLosses(() => removeTree(table, id));
  await table.mirror.settled();
}

/** See `Collection.removeUnchanged`. */
export async function removeUnchanged<T>(table: Table<T>, { id, version }: Entry<T>): Promise<boolean> {
  const { client, layout, mirror } = table;
  const path = layout.recordPath(id);
  let isSent = false;
  const isRemoved = await throughLosses(async () => {
    const stat = await client.exists(path);
    if (stat === undefined) return isSent; // By an attempt whose answer was lost.
    if (Number(stat.mzxid) !== version) return false;
    isSent = true;
    try {
      await client.delete(path, { version: stat.version });
      return true;
    } catch (error) {
      if (isGone(error) || error instanceof BadVersionError) return false;
      throw error;
    }
  });
  await mirror.settled();
  return isRemoved;
}

/** Takes the contender, the lock and the record away, unless somebody waits for the lock. */
async function removeInOneStep<T>(
  { client, layout }: Table<T>,
  call: Call,
  id: string,
  { contender }: HeldRecord<T>,
): Promise<boolean> {
  const paths = [contender, layout.lockPath(id), layout.recordPath(id)];
  try {
    await client.multi(paths.map((path): Operation => ({ op: 'delete', path })));
    return true;
  } catch (error) {
    if (isInterrupted(error)) await call.earlier();
    else if (!isGone(error) && !(failureOf(error).cause instanceof NotEmptyError)) throw error;
    return false;
  }
}

/** Most records have nothing below them: deleting is tried before looking. */
async function removeTree<T>({ client, layout }: Table<T>, id: string): Promise<void> {
  const record = layout.recordPath(id);
  const paths = layout.lockRoot === undefined ? [record] : [record, layout.lockPath(id)];
  await Promise.all(
    paths.map(async (path) => {
      try {
        await client.delete(path);
      } catch (error) {
        if (error instanceof NotEmptyError) await client.deleteRecursive(path);
        else if (!isGone(error)) throw error;
      }
    }),
  );
}
