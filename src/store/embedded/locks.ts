import type { Clock } from '../../clock.ts';
import { LockLostError, NotFoundError, reasonOf } from '../../errors.ts';
import type { Entry, Held, HeldMutex, LockOptions } from '../store.ts';
import type { Database } from './database.ts';
import type { News } from './feed.ts';
import { lockKey, MUTEXES, pathOf, readQueue, recordKey, sessionOf, type Path } from './layout.ts';
import type { Peers } from './peers.ts';
import { leaveQueue, type OwnSession } from './session.ts';
import type { Transaction } from './batch.ts';
import type { Writer } from './writer.ts';

/** What the locks need of a collection. */
export interface Lockable<T> {
  readonly name: string;
  read(txn: Pick<Transaction, 'get'>, id: string): { entry: Entry<T> };
}

/** A place of this process in a lock's queue. */
interface Claim {
  readonly path: Path;
  readonly contender: string;
  /** Given back, given up or lost: nobody here is interested any more. */
  over: boolean;
  /** The place is the first one; absent once that was told. */
  onFirst?: (() => void) | undefined;
  /** The place has vanished without our doing. */
  onVanished: (error: Error) => void;
}

/** Locks without records are asked for like the others; what is read under them is nothing. */
const NO_RECORDS: Lockable<undefined> = {
  name: MUTEXES,
  read: (_txn, id) => ({
    entry: { id, value: undefined, version: 0, locked: false, createdMs: 0, modifiedMs: 0 },
  }),
};

const MAX_TIMER_MS = 2 ** 31 - 1;

export interface LocksParts {
  db: Database;
  writer: Writer;
  session: OwnSession;
  peers: Peers;
  clock: Clock;
  /** Follows what other processes change; keeps this process alive until the returned function is called. */
  follow: () => () => void;
}

/**
 * Locks are queues: whoever comes first holds, the others wait in the order of their arrival. Entering a queue is one
 * transaction; the change feed says when a queue has moved.
 */
export class Locks {
  readonly #parts: LocksParts;
  readonly #claims = new Map<Path, Set<Claim>>();

  constructor(parts: LocksParts) {
    this.#parts = parts;
    parts.session.onLost(() => this.#endAll(new LockLostError('the session in the state store is lost')));
  }

  async lock<T>(collection: Lockable<T>, id: string, options: LockOptions): Promise<Held<T> | undefined> {
    options.signal?.throwIfAborted();
    const { writer, peers } = this.#parts;
    for (;;) {
      const { entry, contender, queue } = await writer.run((txn) =>
        this.#enter(txn, collection, id, options),
      );
      if (contender !== undefined && queue.length === 0) return this.keep(collection, entry, contender);
      if (contender !== undefined) return await this.#wait(collection, id, contender, options);
      const doubtful = new Set(queue.map(sessionOf).filter((session) => !peers.knowsAlive(session)));
      if (!(await peers.sweep([...doubtful]))) return undefined;
    }
  }

  /** A lock without a record. */
  async acquire(id: string, options: LockOptions): Promise<HeldMutex | undefined> {
    return await this.lock(NO_RECORDS, id, options);
  }

  /** Joins the queue, unless that would mean to wait and the caller does not want to. */
  #enter<T>(txn: Transaction, collection: Lockable<T>, id: string, { waitMs = 0 }: LockOptions) {
    const found = collection.read(txn, id).entry;
    const path = pathOf(collection.name, id);
    const queue = readQueue(txn.get(lockKey(path)));
    if (queue.length > 0 && waitMs <= 0) return { entry: found, contender: undefined, queue };
    const contender = this.join(txn, path);
    const entry = found.locked ? found : { ...found, locked: true };
    txn.touch(path, entry);
    return { entry, contender, queue };
  }

  /** Adds this process to the end of a lock's queue. */
  join(txn: Transaction, path: Path): string {
    const { session } = this.#parts;
    const contender = session.contender(session.enter(txn));
    txn.put(lockKey(path), [...readQueue(txn.get(lockKey(path))), contender].join(' '));
    return contender;
  }

  /** The lock that belongs to the first place of a queue. */
  keep<T>(collection: Lockable<T>, entry: Entry<T>, contender: string): Held<T> {
    const lost = new AbortController();
    const claim: Claim = {
      path: pathOf(collection.name, entry.id),
      contender,
      over: false,
      onVanished: (error) => lost.abort(error instanceof LockLostError ? error : lockLost(claim.path, error)),
    };
    let release: Promise<void> | undefined;
    const held: Held<T> = {
      entry,
      lost: lost.signal,
      release: () =>
        (release ??= this.#leave(claim).catch((error: unknown) => ((release = undefined), fail(error)))),
    };
    this.#parts.follow()();
    this.#add(claim);
    return held;
  }

  #wait<T>(
    collection: Lockable<T>,
    id: string,
    contender: string,
    { waitMs = 0, signal }: LockOptions,
  ): Promise<Held<T> | undefined> {
    const { clock, db, follow } = this.#parts;
    return new Promise((resolve, reject) => {
      const timeIsUp = () =>
        void this.#giveUp(claim, { evenIfFirst: false }).then(
          (gone) => gone && end(() => resolve(undefined)),
          (error: Error) => end(() => reject(error)),
        );
      const onAbort = () =>
        void this.#giveUp(claim, { evenIfFirst: true }).then(
          (gone) => gone && end(() => reject(signal?.reason as Error)),
          (error: Error) => end(() => reject(error)),
        );
      const unfollow = follow();
      const cancelTimer = waitMs > MAX_TIMER_MS ? () => undefined : clock.after(waitMs, timeIsUp);
      const end = (settle: () => void) => {
        unfollow();
        cancelTimer();
        signal?.removeEventListener('abort', onAbort);
        settle();
      };
      const claim: Claim = {
        path: pathOf(collection.name, id),
        contender,
        over: false,
        onFirst: () => {
          this.#forget(claim);
          try {
            const { entry } = collection.read({ get: (key) => db.get(key) }, id);
            end(() => resolve(this.keep(collection, entry, contender)));
          } catch (error) {
            end(() => reject(error instanceof Error ? error : new Error(reasonOf(error))));
            void this.#leave({ ...claim, over: false }).catch(() => undefined);
          }
        },
        onVanished: (error) => end(() => reject(error)),
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#add(claim);
      if (signal?.aborted) onAbort();
    });
  }

  /** Leaves the queue. False when the lock has come in the meantime: then it is kept. */
  async #giveUp(claim: Claim, { evenIfFirst }: { evenIfFirst: boolean }): Promise<boolean> {
    const left = await this.#parts.writer.run((txn) => {
      if (claim.over) return false;
      if (!evenIfFirst && readQueue(txn.get(lockKey(claim.path)))[0] === claim.contender) return false;
      claim.over = true;
      leaveQueue(txn, claim.path, (contender) => contender === claim.contender);
      return true;
    });
    if (left) this.#forget(claim);
    else this.#look(claim.path);
    return left;
  }

  async #leave(claim: Claim): Promise<void> {
    const { writer } = this.#parts;
    if (claim.over || writer.closed) return;
    claim.over = true;
    try {
      await writer.run((txn) => leaveQueue(txn, claim.path, (contender) => contender === claim.contender));
      this.#forget(claim);
    } catch (error) {
      claim.over = false;
      throw error;
    }
  }

  /** Removing a record is a way to give its lock back, so the holder here need not be told. */
  expectRemoval(path: Path): void {
    for (const claim of this.#claims.get(path) ?? []) if (claim.onFirst === undefined) claim.over = true;
  }

  onNews({ everything, touched }: News): void {
    if (this.#claims.size === 0) return;
    for (const path of everything ? [...this.#claims.keys()] : touched.keys()) this.#look(path);
  }

  close(error: Error): void {
    for (const claim of [...this.#claims.values()].flatMap((claims) => [...claims])) {
      this.#forget(claim);
      if (claim.onFirst !== undefined) claim.onVanished(error);
    }
  }

  #endAll(error: Error): void {
    for (const claim of [...this.#claims.values()].flatMap((claims) => [...claims]))
      this.#vanish(claim, error);
  }

  /** The news about a queue may have come before the claim was known here, so it is looked at once in any case. */
  #add(claim: Claim): void {
    const claims = this.#claims.get(claim.path) ?? new Set();
    this.#claims.set(claim.path, claims.add(claim));
    this.#look(claim.path);
  }

  #forget(claim: Claim): void {
    claim.over = true;
    const claims = this.#claims.get(claim.path);
    claims?.delete(claim);
    if (claims?.size === 0) this.#claims.delete(claim.path);
  }

  #look(path: Path): void {
    const claims = this.#claims.get(path);
    if (claims === undefined) return;
    const { db } = this.#parts;
    db.resetReadTxn();
    const queue = readQueue(db.get(lockKey(path)));
    for (const claim of [...claims]) {
      if (claim.over) {
        // Its record was removed; a claim that waits for its release to be written is still in the queue.
        if (!queue.includes(claim.contender)) this.#forget(claim);
      } else if (!queue.includes(claim.contender)) this.#vanish(claim, this.#whyVanished(path));
      else if (queue[0] === claim.contender) claim.onFirst?.();
    }
  }

  #vanish(claim: Claim, error: Error): void {
    if (claim.over) return;
    this.#forget(claim);
    claim.onVanished(error);
  }

  #whyVanished(path: Path): Error {
    if (path.startsWith(pathOf(MUTEXES, '')) || this.#parts.db.doesExist(recordKey(path)))
      return new LockLostError(`the lock of ${path} was taken away`);
    const slash = path.indexOf('/');
    return new NotFoundError(path.slice(0, slash), path.slice(slash + 1));
  }
}

function lockLost(path: Path, error: Error): LockLostError {
  return new LockLostError(`the lock of ${path} is gone: ${error.message}`);
}

function fail(error: unknown): never {
  throw error;
}
