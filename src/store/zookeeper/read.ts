import { NotFoundError, reasonOf, StoreError } from '../../errors.ts';
import { isId } from '../ids.ts';
import type { Unreadable } from '../store.ts';
import { decode, toEntry, type StoredEntry } from './entry.ts';
import { throughLosses, unlessGone } from './failures.ts';
import type { Table } from './table.ts';
import { listIds } from './walk.ts';

/** Records read at the same time by a listing. */
const WINDOW = 256;

/** The znode's data is not a record of its collection. */
export class UnreadableError extends StoreError {
  readonly locked: boolean;

  constructor(message: string, { cause, locked }: { cause: unknown; locked: boolean }) {
    super(message, { cause });
    this.locked = locked;
  }
}

/**
 * Undefined when it does not exist. Throws UnreadableError. `isHeld`: this store has the lock, so nobody need ask who has.
 */
export async function readRecord<T>(
  { client, layout, codec, name }: Table<T>,
  id: string,
  { isHeld }: { isHeld: boolean },
): Promise<StoredEntry<T> | undefined> {
  if (!isId(name, id)) return undefined;
  const [found, contenders] = await Promise.all([
    unlessGone(throughLosses(() => client.getData(layout.recordPath(id)))),
    isHeld ? undefined : unlessGone(throughLosses(() => client.getChildren(layout.lockPath(id)))),
  ]);
  if (!found) return undefined;
  const locked = isHeld || (contenders !== undefined && contenders.length > 0);
  try {
    return toEntry(id, decode(codec, found.data), found.stat, locked);
  } catch (cause) {
    const message = `${name}/${id} cannot be read: ${reasonOf(cause)}. It can only be removed.`;
    throw new UnreadableError(message, { cause, locked });
  }
}

/** Throws NotFoundError, or UnreadableError. */
export async function readExisting<T>(
  table: Table<T>,
  id: string,
  how: { isHeld: boolean },
): Promise<StoredEntry<T>> {
  const entry = await readRecord(table, id, how);
  if (!entry) throw new NotFoundError(table.name, id);
  return entry;
}

/** Everything there is, by id; what cannot be read with the reason. */
export async function readAll<T>(table: Table<T>): Promise<(StoredEntry<T> | Unreadable)[]> {
  const ids = (await listIds(table.client, table.layout)).sort();
  const found: (StoredEntry<T> | Unreadable | undefined)[] = [];
  for (let start = 0; start < ids.length; start += WINDOW) {
    const window = ids.slice(start, start + WINDOW);
    found.push(...(await Promise.all(window.map((id) => readAnything(table, id)))));
  }
  return found.filter((entry) => entry !== undefined);
}

async function readAnything<T>(
  table: Table<T>,
  id: string,
): Promise<StoredEntry<T> | Unreadable | undefined> {
  try {
    return await readRecord(table, id, { isHeld: false });
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return { id, reason: reasonOf(error.cause), locked: error.locked };
  }
}
