import type { Codec } from '../../model/codec.ts';
import type { Stat } from '../../zookeeper/index.ts';
import type { Entry } from '../store.ts';

/** An entry that can be written back on the condition that nobody else has written meanwhile. */
export interface StoredEntry<T> extends Entry<T> {
  /** Writes since the znode was created: what the server compares. */
  readonly znodeVersion: number;
}

export function toEntry<T>(id: string, value: T, stat: Stat, locked: boolean): StoredEntry<T> {
  return {
    id,
    value,
    // Grows with every write, also when the record is removed and made again.
    version: Number(stat.mzxid),
    locked,
    createdMs: stat.ctimeMs,
    modifiedMs: stat.mtimeMs,
    znodeVersion: stat.version,
  };
}

/** Throws when the data is not a record; empty ones may be left behind by those who lock what is just being removed. */
export function decode<T>(codec: Codec<T>, data: Buffer): T {
  try {
    return codec.decode(data.toString());
  } catch (error) {
    throw data.length === 0 ? new TypeError('it is empty') : error;
  }
}

/** The one written last. */
export function newest<T>(entries: readonly (Entry<T> | undefined)[]): StoredEntry<T> | undefined {
  let found: StoredEntry<T> | undefined;
  for (const entry of entries) {
    if (!entry || !('znodeVersion' in entry)) continue;
    if (!found || entry.version > found.version) found = entry as StoredEntry<T>;
  }
  return found;
}
