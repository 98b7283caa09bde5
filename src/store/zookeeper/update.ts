import { LockLostError, NotFoundError } from '../../errors.ts';
import { BadVersionError, type Stat } from '../../zookeeper/index.ts';
import type { Entry } from '../store.ts';
import type { Call } from './calls.ts';
import { newest, toEntry, type StoredEntry } from './entry.ts';
import { failureOf, isGone, isInterrupted, throughLosses, unlessGone } from './failures.ts';
import type { HeldRecord } from './held-record.ts';
import { readExisting } from './read.ts';
import type { Table } from './table.ts';

type Change<T> = (value: T) => T | undefined;

/** Changes a record; see `Collection.update`. */
export async function updateRecord<T>(
  table: Table<T>,
  call: Call,
  target: string | Entry<T>,
  change: Change<T>,
): Promise<Entry<T>> {
  const id = typeof target === 'string' ? target : target.id;
  const held = table.held.get(id);
  const entry =
    held && !held.isDisturbed
      ? await writeAhead(table, call, held, change)
      : await table.serial.run(id, () => {
          const given = typeof target === 'string' ? undefined : target;
          const guess = newest([given, held?.latest, table.mirror.get(id)]);
          return writeGuess(table, call, { id, guess, held }, change);
        });
  await table.mirror.settled();
  return entry;
}

/**
 * Under a lock nobody else writes, so one write after the other leaves without waiting for the answers in between: each
 * builds on what the one before it will have made. Should somebody write all the same, or the connection be lost, those
 * that were not applied are made again, one after another in the order of their calls.
 */
function writeAhead<T>(
  table: Table<T>,
  call: Call,
  held: HeldRecord<T>,
  change: Change<T>,
): Promise<StoredEntry<T>> {
  const { id } = held.entry;
  const before = table.serial.ended(id);
  const writing = tryWriteAhead(table, call, { held, before }, change);
  table.serial.track(id, writing);
  return writing;
}

/** `before`: the end of what was begun earlier for the record. */
async function tryWriteAhead<T>(
  table: Table<T>,
  call: Call,
  { held, before }: { held: HeldRecord<T>; before: Promise<void> },
  change: Change<T>,
): Promise<StoredEntry<T>> {
  const { id } = held.entry;
  const base = held.latest;
  const again = async () => {
    await before;
    return await writeGuess(table, call, { id, guess: undefined, held }, change);
  };
  const value = change(base.value);
  if (value === undefined) return await again();
  held.latest = { ...base, value, znodeVersion: base.znodeVersion + 1 };
  const data = table.codec.encode(value);
  const write = { id, data, version: base.znodeVersion, held };
  try {
    const stat = await writeData(table, write);
    const entry = toEntry(id, value, stat, true);
    if (held.latest.znodeVersion === entry.znodeVersion) held.latest = entry;
    return entry;
  } catch (error) {
    held.isDisturbed = true;
    const stat = await findWritten(table, call, write, error);
    return stat ? toEntry(id, value, stat, true) : await again();
  }
}

/**
 * Writes on the condition that the record is as `guess` says; if not, reads it and tries again. What makes `change` do
 * nothing must have been read just now.
 */
async function writeGuess<T>(
  table: Table<T>,
  call: Call,
  { id, guess, held }: { id: string; guess: StoredEntry<T> | undefined; held: HeldRecord<T> | undefined },
  change: Change<T>,
): Promise<StoredEntry<T>> {
  for (let known = guess; ; known = undefined) {
    const entry = known ?? (await readExisting(table, id, { isHeld: held !== undefined }));
    const value = change(entry.value);
    if (value === undefined) {
      if (known) continue;
      return entry;
    }
    const data = table.codec.encode(value);
    const write = { id, data, version: entry.znodeVersion, held };
    try {
      const stat = await writeData(table, write);
      return remember(held, toEntry(id, value, stat, entry.locked));
    } catch (error) {
      const stat = await findWritten(table, call, write, error);
      if (stat) return remember(held, toEntry(id, value, stat, entry.locked));
    }
  }
}

function remember<T>(held: HeldRecord<T> | undefined, entry: StoredEntry<T>): StoredEntry<T> {
  if (held) held.latest = entry;
  return entry;
}

interface Write<T> {
  id: string;
  data: string;
  /** The znode's version that it builds on. */
  version: number;
  held: HeldRecord<T> | undefined;
}

/** Under a lock, the server checks in the same step that the lock has not been lost. */
async function writeData<T>(
  { client, layout, name }: Table<T>,
  { id, data, version, held }: Write<T>,
): Promise<Stat> {
  const path = layout.recordPath(id);
  held?.noteWrite(version + 1, data);
  if (!held) return await client.setData(path, data, { version });
  held.lost.throwIfAborted();
  try {
    const [, stat] = await client.multi(
      [
        { op: 'check', path: held.contender },
        { op: 'set', path, data, version },
      ],
      { signal: held.lost },
    );
    return stat;
  } catch (error) {
    if (failureOf(error).index !== 0 || !isGone(error)) throw error;
    // Either the lock alone is gone, or the record with it.
    if (!(await throughLosses(() => client.exists(path)))) throw new NotFoundError(name, id);
    const reason = `${name}/${id}: the lock is gone`;
    held.lose(reason);
    throw new LockLostError(reason);
  }
}

/**
 * After a failed write: the Stat if it was applied all the same, perhaps with later ones of ours on top; undefined when it
 * has to be made again on what is there now. Throws what cannot be mended.
 */
async function findWritten<T>(
  { client, layout, name }: Table<T>,
  call: Call,
  { id, data, version, held }: Write<T>,
  error: unknown,
): Promise<Stat | undefined> {
  held?.lost.throwIfAborted();
  if (isInterrupted(error)) {
    await call.earlier();
    const found = await unlessGone(throughLosses(() => client.getData(layout.recordPath(id))));
    if (!found || found.stat.version <= version) return undefined;
    const text = found.data.toString();
    return text === data || held?.hasWritten(found.stat.version, text) ? found.stat : undefined;
  }
  if (isGone(error)) throw new NotFoundError(name, id);
  if (failureOf(error).cause instanceof BadVersionError) return undefined;
  throw error;
}
