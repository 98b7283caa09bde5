import type { Codec } from '../../model/codec.ts';
import type { Logger } from '../../log.ts';
import {
  openTreeCache,
  type OrderedQueue,
  type TreeCache,
  type TreeChange,
  type ZooKeeperClient,
} from '../../zookeeper/index.ts';
import type { Change, View } from '../store.ts';
import { decode, toEntry, type StoredEntry } from './entry.ts';
import type { Layout, Place } from './layout.ts';

const INTEREST = {
  above: 'children',
  record: 'data',
  lock: 'children',
  contender: 'name',
  elsewhere: 'nothing',
} as const satisfies Record<Place['kind'], string>;

type Listener<T> = (change: Change<T>) => void;
/** Undefined: the data is not a record. */
type Decoded<T> = { value: T } | undefined;
type Cache<T> = TreeCache<Decoded<T>>;

/**
 * The decoded records of one collection. While somebody watches, it follows ZooKeeper, and all views share it. What arrives
 * together is told together: a record that is created and locked in one step is never seen unlocked.
 */
export class Mirror<T> {
  readonly #client: ZooKeeperClient;
  readonly #layout: Layout;
  readonly #codec: Codec<T>;
  readonly #log: Logger;
  readonly #queue: OrderedQueue;
  readonly #onContenderGone: (id: string, contender: string) => void;
  readonly #entries = new Map<string, StoredEntry<T>>();
  readonly #views = new Set<Listener<T>>();
  readonly #changed = new Set<string>();
  #records: Cache<T> | undefined;
  /** The same one, unless locks are elsewhere. */
  #locks: Cache<T> | undefined;
  #opening: Promise<void> | undefined;

  constructor(options: {
    client: ZooKeeperClient;
    layout: Layout;
    codec: Codec<T>;
    log: Logger;
    /** Shared by all collections of a store: what was told first is seen first. */
    queue: OrderedQueue;
    /** A contender for a record's lock has been deleted, by whomever. */
    onContenderGone: (id: string, contender: string) => void;
  }) {
    this.#client = options.client;
    this.#layout = options.layout;
    this.#codec = options.codec;
    this.#log = options.log;
    this.#queue = options.queue;
    this.#onContenderGone = options.onContenderGone;
  }

  /** The record as last heard of; undefined while nobody watches. */
  get(id: string): StoredEntry<T> | undefined {
    return this.#entries.get(id);
  }

  /** Whether the locks of this collection are being watched. */
  get seesLocks(): boolean {
    return this.#locks?.isCurrent === true;
  }

  /** Resolves when the views show everything that the client has heard of by now, its own answered writes included. */
  async settled(): Promise<void> {
    if (!this.#records) return;
    await this.#records.settled(); // that of the locks too: they share the queue
    this.#tellChanges();
  }

  async open(onChange: Listener<T>): Promise<View<T>> {
    await (this.#opening ??= this.#open());
    await this.settled();
    const listener: Listener<T> = (change) => onChange(change);
    this.#views.add(listener);
    for (const entry of [...this.#entries.values()]) {
      this.#call(listener, { id: entry.id, entry, previous: undefined });
    }
    return {
      entries: this.#entries,
      close: () => {
        if (this.#views.delete(listener) && this.#views.size === 0) this.#close();
      },
    };
  }

  async #open(): Promise<void> {
    const { root, lockRoot } = this.#layout;
    try {
      const [records, locks] = await Promise.all([
        this.#follow(root),
        lockRoot === undefined ? undefined : this.#follow(lockRoot),
      ]);
      this.#records = records;
      this.#locks = locks ?? records;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
    for (const { path } of this.#records.nodes()) this.#noteChange(this.#layout.placeOf(path));
    this.#tellChanges();
  }

  #follow(root: string): Promise<Cache<T>> {
    return openTreeCache<Decoded<T>>(this.#client, root, {
      queue: this.#queue,
      keep: (data) => this.#decode(data),
      interest: (path) => INTEREST[this.#layout.placeOf(path).kind],
      onChange: (change) => this.#onChange(change),
      onError: (error, path) => this.#log.warning('a znode cannot be read', { path, error }),
    });
  }

  #caches(): Cache<T>[] {
    const { lockRoot } = this.#layout;
    return [this.#records, lockRoot === undefined ? undefined : this.#locks].filter(
      (cache) => cache !== undefined,
    );
  }

  #close(): void {
    for (const cache of this.#caches()) void cache.close().catch(() => undefined);
    this.#records = undefined;
    this.#locks = undefined;
    this.#opening = undefined;
    this.#entries.clear();
    this.#changed.clear();
  }

  #onChange({ path, node }: TreeChange<Decoded<T>>): void {
    if (!this.#records) return; // still opening
    const place = this.#layout.placeOf(path);
    this.#noteChange(place);
    if (place.kind === 'contender' && !node) this.#onContenderGone(place.id, path);
  }

  #noteChange(place: Place): void {
    if (!('id' in place)) return;
    if (this.#changed.size === 0) queueMicrotask(() => this.#tellChanges());
    this.#changed.add(place.id);
  }

  #tellChanges(): void {
    if (this.#changed.size === 0) return;
    const changes = Array.from(this.#changed, (id) => this.#refresh(id));
    this.#changed.clear();
    const listeners = [...this.#views];
    for (const change of changes) {
      if (change) for (const listener of listeners) this.#call(listener, change);
    }
  }

  /** Brings one record up to date; undefined when nothing is different. */
  #refresh(id: string): Change<T> | undefined {
    const previous = this.#entries.get(id);
    const entry = this.#read(id, previous);
    if (entry === previous) return undefined;
    if (entry) this.#entries.set(id, entry);
    else this.#entries.delete(id);
    return { id, entry, previous };
  }

  #read(id: string, known: StoredEntry<T> | undefined): StoredEntry<T> | undefined {
    const node = this.#records?.get(this.#layout.recordPath(id));
    if (!node?.stat || !node.data) return undefined;
    const locked = (this.#locks?.childrenOf(this.#layout.lockPath(id)).size ?? 0) > 0;
    if (known?.version === Number(node.stat.mzxid)) {
      return known.locked === locked ? known : { ...known, locked };
    }
    return toEntry(id, node.data.value, node.stat, locked);
  }

  #decode(data: Buffer): Decoded<T> {
    try {
      return { value: decode(this.#codec, data) };
    } catch {
      return undefined;
    }
  }

  #call(listener: Listener<T>, change: Change<T>): void {
    if (!this.#views.has(listener)) return;
    try {
      listener(change);
    } catch (error) {
      const { collection } = this.#layout;
      this.#log.error('a listener of the state store failed', { collection, record: change.id, error });
    }
  }
}
