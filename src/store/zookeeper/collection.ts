import { StoreError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Codec } from '../../model/codec.ts';
import type { OrderedQueue, ZooKeeperClient } from '../../zookeeper/index.ts';
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
import type { Calls } from './calls.ts';
import { Claims } from './claims.ts';
import { createNamed, createNumbered } from './create.ts';
import { toEntry, type StoredEntry } from './entry.ts';
import type { Layout } from './layout.ts';
import { lockRecord } from './lock.ts';
import { Mirror } from './mirror.ts';
import { readAll, readRecord, UnreadableError } from './read.ts';
import { removeRecord, removeUnchanged } from './remove.ts';
import { Serial } from './serial.ts';
import type { Table } from './table.ts';
import { updateRecord } from './update.ts';

/** How long a record just made may be locked by somebody who was faster; an operator's command, for instance. */
const NEW_RECORD_WAIT_MS = 30_000;

/** One kind of record, each in a znode of its own. */
export class ZooKeeperCollection<T> implements Collection<T> {
  readonly name: string;
  readonly #calls: Calls;
  readonly #table: Table<T>;

  constructor(options: {
    client: ZooKeeperClient;
    calls: Calls;
    layout: Layout;
    codec: Codec<T>;
    log: Logger;
    queue: OrderedQueue;
  }) {
    const { client, calls, layout, codec } = options;
    const name = layout.collection;
    const held: Table<T>['held'] = new Map();
    const onContenderGone = (id: string, contender: string) => {
      const record = held.get(id);
      if (record?.contender === contender) record.lose(`${name}/${id}: the lock was taken away`);
    };
    const mirror = new Mirror<T>({ ...options, onContenderGone });
    const [serial, claims] = [new Serial(), new Claims()];
    this.name = name;
    this.#calls = calls;
    this.#table = { name, client, layout, codec, calls, mirror, serial, claims, held };
  }

  get(id: string): Promise<Entry<T> | undefined> {
    return this.#calls.make(() => this.#table.serial.after(id, () => this.#get(id)));
  }

  async list(): Promise<Entry<T>[]> {
    return (await this.listAll()).readable;
  }

  async listAll(): Promise<{ readable: Entry<T>[]; unreadable: Unreadable[] }> {
    const found = await this.#readAll();
    return {
      readable: found.filter((entry) => 'value' in entry),
      unreadable: found.filter((entry) => 'reason' in entry),
    };
  }

  create(value: T, options: CreateOptions = {}): Promise<Entry<T>> {
    return this.#calls.make(async () => {
      const entry = await this.#create(value, options);
      await this.#table.mirror.settled();
      return entry;
    });
  }

  createLocked(value: T, options: CreateOptions = {}): Promise<Held<T>> {
    return this.#calls.make(async () => {
      const { id } = await this.#create(value, options);
      const held = await lockRecord(this.#table, id, { waitMs: NEW_RECORD_WAIT_MS, isNew: true });
      if (!held)
        throw new StoreError(`${this.name}/${id} was locked by somebody else as soon as it was made`);
      return held;
    });
  }

  update(target: string | Entry<T>, change: (value: T) => T | undefined): Promise<Entry<T>> {
    return this.#calls.make((call) => updateRecord(this.#table, call, target, change));
  }

  remove(id: string): Promise<void> {
    return this.#calls.make((call) => this.#table.serial.run(id, () => removeRecord(this.#table, call, id)));
  }

  removeUnchanged(entry: Entry<T>): Promise<boolean> {
    return this.#calls.make(() =>
      this.#table.serial.run(entry.id, () => removeUnchanged(this.#table, entry)),
    );
  }

  lock(id: string, options: LockOptions = {}): Promise<Held<T> | undefined> {
    const isWait = (options.waitMs ?? 0) > 0;
    const take = () => lockRecord(this.#table, id, options);
    return this.#calls.make(() => this.#table.serial.after(id, take), { isWait });
  }

  watch(onChange: (change: Change<T>) => void = () => undefined): Promise<View<T>> {
    return this.#calls.make(async () => {
      const view = await this.#table.mirror.open(onChange);
      const release = this.#calls.keepAlive();
      const close = () => {
        view.close();
        release();
      };
      return { entries: view.entries, close };
    });
  }

  async #get(id: string): Promise<Entry<T> | undefined> {
    try {
      return await readRecord(this.#table, id, { isHeld: false });
    } catch (error) {
      if (error instanceof UnreadableError) return undefined;
      throw error;
    }
  }

  #readAll(): Promise<(StoredEntry<T> | Unreadable)[]> {
    return this.#calls.make(async () => {
      await this.#table.serial.settled();
      return await readAll(this.#table);
    });
  }

  async #create(value: T, { id, prefix = '', ephemeral = false }: CreateOptions): Promise<StoredEntry<T>> {
    const { client, layout, codec, claims, serial } = this.#table;
    const target = { client, layout, ephemeral, data: codec.encode(value) };
    const created =
      id === undefined
        ? await createNumbered({ ...target, prefix, claims })
        : await serial.run(id, () => createNamed({ ...target, id }));
    return toEntry(created.id, value, created.stat, false);
  }
}
