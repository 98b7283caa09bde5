import type { Codec } from '../../model/codec.ts';
import { reasonOf } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Change, Entry, View } from '../store.ts';
import { textsUnder, keysUnder, type Database } from './database.ts';
import { lockKey, pathOf, readRecord, recordKey, type RawRecord } from './layout.ts';
import type { Touched } from './batch.ts';

/**
 * The decoded records of one collection. While somebody watches, it is complete and current, and all views share it; a
 * record is decoded once for each of its versions.
 */
export class Mirror<T> {
  readonly #name: string;
  readonly #codec: Codec<T>;
  readonly #db: Database;
  readonly #log: Logger;
  readonly #entries = new Map<string, Entry<T>>();
  readonly #views = new Set<(change: Change<T>) => void>();

  constructor(options: { name: string; codec: Codec<T>; db: Database; log: Logger }) {
    this.#name = options.name;
    this.#codec = options.codec;
    this.#db = options.db;
    this.#log = options.log;
  }

  /** Throws when the text cannot be read. */
  decode(id: string, raw: RawRecord, locked: boolean): Entry<T> {
    const known = this.#entries.get(id);
    if (known?.version === raw.version) return known.locked === locked ? known : { ...known, locked };
    const { version, createdMs, modifiedMs } = raw;
    return { id, value: this.#codec.decode(raw.text), version, locked, createdMs, modifiedMs };
  }

  /** All records as they are now, those that cannot be read with the reason. */
  scan(): { readable: Entry<T>[]; unreadable: { id: string; reason: string; locked: boolean }[] } {
    const prefix = recordKey(pathOf(this.#name, ''));
    const locks = lockKey(pathOf(this.#name, ''));
    const locked = new Set(keysUnder(this.#db, locks).map((key) => key.slice(locks.length)));
    const readable: Entry<T>[] = [];
    const unreadable: { id: string; reason: string; locked: boolean }[] = [];
    for (const { key, value } of textsUnder(this.#db, prefix)) {
      const id = key.slice(prefix.length);
      try {
        readable.push(this.decode(id, readRecord(value), locked.has(id)));
      } catch (error) {
        unreadable.push({
          id,
          reason: value.endsWith('\n') ? 'it is empty' : reasonOf(error),
          locked: locked.has(id),
        });
      }
    }
    return { readable, unreadable };
  }

  /** The feed must be current when this is called. */
  open(onChange: (change: Change<T>) => void, onClose: () => void): View<T> {
    if (this.#views.size === 0) this.#load();
    const listener = (change: Change<T>) => onChange(change);
    this.#views.add(listener);
    for (const entry of [...this.#entries.values()])
      this.#call(listener, { id: entry.id, entry, previous: undefined });
    return {
      entries: this.#entries,
      close: () => {
        if (this.#views.delete(listener)) onClose();
      },
    };
  }

  /** Brings one record up to date; undefined when nothing is different. */
  refresh(id: string, touched: Touched): Change<T> | undefined {
    if (this.#views.size === 0) return undefined;
    const previous = this.#entries.get(id);
    const entry = touched === undefined ? this.#read(id) : ((touched ?? undefined) as Entry<T> | undefined);
    if (entry === previous) return undefined;
    if (entry && previous && entry.version === previous.version && entry.locked === previous.locked)
      return undefined;
    if (entry) this.#entries.set(id, entry);
    else this.#entries.delete(id);
    return { id, entry, previous };
  }

  /** Compares all records, for when too many changes were missed to follow them one by one. */
  refreshAll(): Change<T>[] {
    if (this.#views.size === 0) return [];
    const now = new Map(this.scan().readable.map((entry) => [entry.id, entry]));
    const gone = [...this.#entries.keys()].filter((id) => !now.has(id));
    const there = [...now.values()].sort((a, b) => a.version - b.version);
    const changes = [
      ...gone.map((id) => this.refresh(id, null)),
      ...there.map((entry) => this.refresh(entry.id, entry)),
    ];
    return changes.filter((change) => change !== undefined);
  }

  tell(change: Change<T>): void {
    for (const listener of [...this.#views]) if (this.#views.has(listener)) this.#call(listener, change);
  }

  close(): void {
    this.#views.clear();
  }

  #load(): void {
    const { readable } = this.scan();
    this.#entries.clear();
    for (const entry of readable) this.#entries.set(entry.id, entry);
  }

  #read(id: string): Entry<T> | undefined {
    const path = pathOf(this.#name, id);
    const stored = this.#db.get(recordKey(path));
    if (stored === undefined) return undefined;
    try {
      return this.decode(id, readRecord(stored), this.#db.doesExist(lockKey(path)));
    } catch {
      return undefined;
    }
  }

  #call(listener: (change: Change<T>) => void, change: Change<T>): void {
    try {
      listener(change);
    } catch (error) {
      this.#log.error('a listener of the state store failed', {
        collection: this.#name,
        record: change.id,
        error,
      });
    }
  }
}
