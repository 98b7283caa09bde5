import type { Clock } from '../../clock.ts';
import { NotFoundError, reasonOf, StoreError } from '../../errors.ts';
import type { Codec } from '../../model/codec.ts';
import type {
  Change,
  Collection,
  CreateOptions,
  Entry,
  Held,
  LockOptions,
  Unreadable,
  View,
} from '../store.ts';
import { checkId } from '../ids.ts';
import type { Database } from './database.ts';
import { counterKey, ephemeralKey, lockKey, pathOf, readRecord, recordKey, writeRecord } from './layout.ts';
import type { RawRecord } from './layout.ts';
import type { Locks } from './locks.ts';
import type { Mirror } from './mirror.ts';
import type { OwnSession } from './session.ts';
import type { Transaction } from './batch.ts';
import type { Writer } from './writer.ts';

export interface CollectionParts<T> {
  name: string;
  codec: Codec<T>;
  db: Database;
  writer: Writer;
  clock: Clock;
  session: OwnSession;
  locks: Locks;
  mirror: Mirror<T>;
  /** Follows what other processes change; keeps this process alive until the returned function is called. */
  follow: () => () => void;
}

/** One kind of record: `r/<name>/…`. */
export class EmbeddedCollection<T> implements Collection<T> {
  readonly name: string;
  readonly #parts: CollectionParts<T>;

  constructor(parts: CollectionParts<T>) {
    this.name = parts.name;
    this.#parts = parts;
  }

  async get(id: string): Promise<Entry<T> | undefined> {
    const { db, writer } = this.#parts;
    return await writer.read(() => {
      const path = pathOf(this.name, id);
      const stored = id === '' ? undefined : db.get(recordKey(path));
      if (stored === undefined) return undefined;
      try {
        return this.#parts.mirror.decode(id, readRecord(stored), db.doesExist(lockKey(path)));
      } catch {
        return undefined;
      }
    });
  }

  async list(): Promise<Entry<T>[]> {
    return (await this.listAll()).readable;
  }

  async listAll(): Promise<{ readable: Entry<T>[]; unreadable: Unreadable[] }> {
    return await this.#parts.writer.read(() => this.#parts.mirror.scan());
  }

  async create(value: T, options: CreateOptions = {}): Promise<Entry<T>> {
    return await this.#parts.writer.run((txn) => this.#create(txn, value, options, false));
  }

  async createLocked(value: T, options: CreateOptions = {}): Promise<Held<T>> {
    const { writer, locks } = this.#parts;
    const { entry, contender } = await writer.run((txn) => {
      const entry = this.#create(txn, value, options, true);
      return { entry, contender: locks.join(txn, pathOf(this.name, entry.id)) };
    });
    return locks.keep(this, entry, contender);
  }

  async update(target: string | Entry<T>, change: (value: T) => T | undefined): Promise<Entry<T>> {
    const id = typeof target === 'string' ? target : target.id;
    return await this.#parts.writer.run((txn) => {
      const { raw, entry } = this.read(txn, id);
      const value = change(entry.value);
      return value === undefined ? entry : this.#write(txn, id, value, raw, entry.locked);
    });
  }

  async remove(id: string): Promise<void> {
    await this.#parts.writer.run((txn) => void this.#remove(txn, id, () => true));
  }

  async removeUnchanged({ id, version }: Entry<T>): Promise<boolean> {
    return await this.#parts.writer.run((txn) => this.#remove(txn, id, (raw) => raw.version === version));
  }

  async lock(id: string, options: LockOptions = {}): Promise<Held<T> | undefined> {
    return await this.#parts.locks.lock(this, id, options);
  }

  async watch(onChange: (change: Change<T>) => void = () => undefined): Promise<View<T>> {
    const { writer, mirror, follow } = this.#parts;
    await writer.read(() => undefined);
    const release = follow();
    return mirror.open(onChange, release);
  }

  /** The record inside a transaction. Throws NotFoundError, or StoreError when it cannot be read. */
  read(txn: Pick<Transaction, 'get'>, id: string): { raw: RawRecord; entry: Entry<T> } {
    const path = pathOf(this.name, id);
    const stored = id === '' ? undefined : txn.get(recordKey(path));
    if (stored === undefined) throw new NotFoundError(this.name, id);
    const raw = readRecord(stored);
    try {
      return { raw, entry: this.#parts.mirror.decode(id, raw, txn.get(lockKey(path)) !== undefined) };
    } catch (error) {
      throw new StoreError(`${path} cannot be read: ${reasonOf(error)}. It can only be removed.`, {
        cause: error,
      });
    }
  }

  #create(txn: Transaction, value: T, options: CreateOptions, locked: boolean): Entry<T> {
    const { session, clock } = this.#parts;
    const { id, count } = this.#newId(txn, options);
    const owner = options.ephemeral ? session.enter(txn) : undefined;
    if (count !== undefined) txn.put(counterKey(this.name), String(count));
    if (owner !== undefined) txn.put(ephemeralKey(owner, pathOf(this.name, id)), '-');
    return this.#write(txn, id, value, { session: owner, createdMs: clock.nowMs() }, locked);
  }

  /** False: there is none, or none that is meant. */
  #remove(txn: Transaction, id: string, isMeant: (raw: RawRecord) => boolean): boolean {
    const path = pathOf(this.name, id);
    const stored = id === '' ? undefined : txn.get(recordKey(path));
    if (stored === undefined) return false;
    const raw = readRecord(stored);
    if (!isMeant(raw)) return false;
    if (raw.session !== undefined) txn.remove(ephemeralKey(raw.session, path));
    txn.remove(recordKey(path));
    txn.remove(lockKey(path));
    txn.touch(path, null);
    this.#parts.locks.expectRemoval(path);
    return true;
  }

  #newId(txn: Transaction, { id, prefix = '' }: CreateOptions): { id: string; count?: number } {
    const exists = (candidate: string) => txn.get(recordKey(pathOf(this.name, candidate))) !== undefined;
    if (id !== undefined) {
      checkId(this.name, id);
      if (exists(id)) throw new StoreError(`${this.name}/${id} exists already`);
      return { id };
    }
    let count = Number(txn.get(counterKey(this.name)) ?? 0);
    let candidate: string;
    do {
      count += 1;
      candidate = prefix + String(count).padStart(10, '0');
    } while (exists(candidate));
    checkId(this.name, candidate);
    return { id: candidate, count };
  }

  #write(
    txn: Transaction,
    id: string,
    value: T,
    { session, createdMs }: Pick<RawRecord, 'session' | 'createdMs'>,
    locked: boolean,
  ): Entry<T> {
    const text = this.#parts.codec.encode(value);
    const stamp = { version: txn.nextVersion(), createdMs, modifiedMs: this.#parts.clock.nowMs() };
    const path = pathOf(this.name, id);
    txn.put(recordKey(path), writeRecord({ ...stamp, session, text }));
    const entry: Entry<T> = { id, value, locked, ...stamp };
    txn.touch(path, entry);
    return entry;
  }
}
