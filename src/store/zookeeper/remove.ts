import { BadVersionError, NoNodeError, NotEmptyError, type Operation } from '../../zookeeper/index.ts';
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
  const isDone = held && !isLost && (await removeHeld(table, call, id, held));
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

/** Most often nobody waits for the lock. */
async function removeHeld<T>(
  table: Table<T>,
  call: Call,
  id: string,
  { contender }: HeldRecord<T>,
): Promise<boolean> {
  try {
    return await removeAtOnce(table, id, [contender]);
  } catch (error) {
    if (!isInterrupted(error)) throw error;
    await call.earlier();
    return false;
  }
}

/** Those who wait for a lock come and go; after so many attempts it is removed in steps. */
const ATTEMPTS = 5;

/**
 * Takes contenders, lock and record away in one transaction: in steps, whoever is the next to wait would be given the lock.
 * False when that cannot be done, since the record or the lock is gone already or something else is below the record.
 */
async function removeAtOnce<T>(
  { client, layout }: Table<T>,
  id: string,
  contenders: readonly string[] | undefined,
): Promise<boolean> {
  const lock = layout.lockPath(id);
  const list = async () => (await client.getChildren(lock)).map((name) => `${lock}/${name}`);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    try {
      const paths = [
        ...(attempt === 1 && contenders ? contenders : await list()),
        lock,
        layout.recordPath(id),
      ];
      await client.multi(paths.map((path): Operation => ({ op: 'delete', path })));
      return true;
    } catch (error) {
      const { cause } = failureOf(error);
      const isAboutContenders =
        (cause instanceof NotEmptyError && cause.path === lock) ||
        (cause instanceof NoNodeError && cause.path?.startsWith(`${lock}/`));
      if (isAboutContenders) continue;
      if (isGone(error) || cause instanceof NotEmptyError) return false;
      throw error;
    }
  }
  return false;
}

/** Most records have nothing below them: deleting is tried before looking. */
async function removeTree<T>(table: Table<T>, id: string): Promise<void> {
  const { client, layout } = table;
  const record = layout.recordPath(id);
  const paths = layout.lockRoot === undefined ? [record] : [record, layout.lockPath(id)];
  await Promise.all(
    paths.map(async (path) => {
      try {
        await client.delete(path);
      } catch (error) {
        if (isGone(error)) return;
        if (!(error instanceof NotEmptyError)) throw error;
        const isDone = path === record && (await removeAtOnce(table, id, undefined));
        if (!isDone) await client.deleteRecursive(path);
      }
    }),
  );
}
