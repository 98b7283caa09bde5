/**
 * The state store: what launchers, builders and commands know in common. Two implementations (embedded, ZooKeeper) and
 * one contract, which `test/integration/store/contract.ts` checks over both.
 *
 * The contract, beyond the method comments:
 * - Order: the operations that one store object issues for a record are applied in the order of their calls, also when
 *   the caller does not wait in between. One that fails does not hold up the ones behind it. Who needs an order between
 *   records waits for the first one.
 * - Durability: a resolved promise means that the change survives `kill -9` and power loss.
 * - Own writes: when an operation resolves, every open view of the same store object shows it already.
 * - An operation that failed or changed nothing because of another process has brought the open views up to date too.
 * - Views of different collections follow the order of changes, but one may run ahead: in ZooKeeper a record that is read
 *   for one change may show the next one already, before views show what happened in between.
 * - An open view, a wait for a lock and an operation under way keep the process alive; a held lock does not.
 * - Locks and ephemeral records belong to the session of the store object; they vanish when its process dies.
 */
import type { Component } from '../model/component.ts';
import type { DecisionRecord } from '../model/decision.ts';
import type { Drain } from '../model/drain.ts';
import type { ImageBuild, ImageMark, ImageUpload } from '../model/image.ts';
import type { Node } from '../model/node.ts';
import type { PoolStatus } from '../model/pool-status.ts';
import type { NodeRequest } from '../model/request.ts';

export interface Store {
  readonly nodes: Collection<Node>;
  readonly requests: Collection<NodeRequest>;
  readonly components: Collection<Component>;
  /** Ids are `<image>/<build>`, given by the creator: 32 hex digits for the build. */
  readonly builds: Collection<ImageBuild>;
  /** Ids are `<image>/<build>/<provider>/<10 digits>`: created with `prefix: '<image>/<build>/<provider>/'`. */
  readonly uploads: Collection<ImageUpload>;
  /** Ids are `<image>`. A build of the image is wanted; the entry's `createdMs` says since when, `modifiedMs` when it was last asked for. */
  readonly buildRequests: Collection<ImageMark>;
  /** Ids are `<image>`. The image is not to be built. */
  readonly imagePauses: Collection<ImageMark>;
  /** Ours alone; other programs on the same state ignore them. */
  readonly pools: Collection<PoolStatus>;
  readonly decisions: Collection<DecisionRecord>;
  readonly drains: Collection<Drain>;

  /**
   * Takes a lock that belongs to no record: who builds an image, who uploads a build to a provider. Undefined: somebody
   * else has it (after `waitMs`).
   */
  acquire(name: MutexName, options?: LockOptions): Promise<HeldMutex | undefined>;

  /** `lost`: all locks and ephemeral records of this store object are gone; drop the work that depended on them. */
  readonly session: Session;

  /** Removes what is left of records that are long gone. For launchers, about once a minute; cheap when there is nothing. */
  tidy(): Promise<void>;

  /** Releases locks and ephemeral records, ends views, closes files and connections. Safe to call twice. */
  close(): Promise<void>;
}

export type SessionState = 'connected' | 'suspended' | 'lost';

export interface Session {
  readonly state: SessionState;
  /** Calls on every change of state; returns a function that ends this. */
  onChange(listener: (state: SessionState) => void): () => void;
}

/** A record as read: immutable, never changed in place. */
export interface Entry<T> {
  readonly id: string;
  readonly value: T;
  /** Grows with each write of the record; not with locking. */
  readonly version: number;
  /** Somebody holds or waits for its lock. A hint: true may be over already, and may be kept for nodes only. */
  readonly locked: boolean;
  /** Milliseconds since 1970, by the store's clock. */
  readonly createdMs: number;
  readonly modifiedMs: number;
}

/** A record whose stored text cannot be read (zero bytes, foreign data); ids only, so that it can be removed. */
export interface Unreadable {
  readonly id: string;
  readonly reason: string;
  readonly locked: boolean;
}

export interface CreateOptions {
  /** The whole id. Without it the store numbers the records: 10 digits, never used twice. */
  id?: string;
  /** Put before the number: `'200-'` → `200-0000000017`. */
  prefix?: string;
  /** The record lives as long as the session of its creator. */
  ephemeral?: boolean;
}

export interface LockOptions {
  /** How long to wait for the lock; 0 (the default) gives up at once. */
  waitMs?: number;
  /** Ends the wait; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

export interface Collection<T> {
  readonly name: string;

  /** Undefined also for a record that cannot be read; `update` and `lock` throw StoreError for it. */
  get(id: string): Promise<Entry<T> | undefined>;

  /** Every readable record, ordered by id. */
  list(): Promise<Entry<T>[]>;

  /** The same, and those that `list` leaves out because they cannot be read. */
  listAll(): Promise<{ readable: Entry<T>[]; unreadable: Unreadable[] }>;

  /** Throws StoreError when a record with the given id exists. */
  create(value: T, options?: CreateOptions): Promise<Entry<T>>;

  /**
   * Creates a record and takes its lock. Where these are two steps, others may see the record unlocked for a moment;
   * they leave a node alone that is `init`.
   */
  createLocked(value: T, options?: CreateOptions): Promise<Held<T>>;

  /**
   * Reads, changes and writes in one step; `change` may be called again on a fresh value if another writer was faster,
   * so it must be pure. Returning undefined leaves the record as it is. Throws NotFoundError.
   * An entry instead of an id saves the read where the store is remote.
   */
  update(target: string | Entry<T>, change: (value: T) => T | undefined): Promise<Entry<T>>;

  /**
   * Removes the record and everything below it, locks included. Already gone is fine. For a lock held by the same store
   * object it counts as a release; a holder elsewhere is told through `lost`.
   */
  remove(id: string): Promise<void>;

  /**
   * Removes a record on the condition that it has not been written since it was read as `entry`, in one step. False: it has been,
   * or is gone. For records with nothing below them, not even a lock.
   */
  removeUnchanged(entry: Entry<T>): Promise<boolean>;

  /**
   * Takes the record's lock and reads the record under it. Undefined: somebody else has it (after `waitMs`).
   * Throws NotFoundError, without leaving a trace, when the record does not exist.
   */
  lock(id: string, options?: LockOptions): Promise<Held<T> | undefined>;

  /**
   * A copy that is kept current. Resolves when it is complete; `onChange` is called for every record it starts with and
   * then for every change, after `entries` shows it. A change by another process arrives within 50 ms.
   */
  watch(onChange?: (change: Change<T>) => void): Promise<View<T>>;
}

/** `entry` absent: removed (or unreadable now). `previous` absent: new. Neither is ever both. */
export interface Change<T> {
  readonly id: string;
  readonly entry: Entry<T> | undefined;
  readonly previous: Entry<T> | undefined;
}

export interface View<T> {
  readonly entries: ReadonlyMap<string, Entry<T>>;
  close(): void;
}

/** A lock and the record as read under it. */
export interface Held<T> {
  readonly entry: Entry<T>;
  /** Aborted with a LockLostError when the lock is gone without having been released. */
  readonly lost: AbortSignal;
  /** Gives the lock back. Safe to call twice, and after the record was removed. */
  release(): Promise<void>;
}

/**
 * In ZooKeeper `images/<image>/builds/lock` and `images/<image>/builds/<build>/providers/<provider>/images/lock`. As that
 * is below the record of the build, the lock for an upload can be had only while there is one: NotFoundError (the embedded
 * store does not mind).
 */
export type MutexName =
  | { readonly kind: 'build'; readonly image: string }
  | { readonly kind: 'upload'; readonly image: string; readonly build: string; readonly provider: string };

/** A lock without a record. */
export type HeldMutex = Omit<Held<never>, 'entry'>;
