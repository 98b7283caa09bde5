import type { Clock } from '../../clock.ts';
import { StoreError } from '../../errors.ts';
import { Batch, type Commit, type Job, type Transaction } from './batch.ts';
import { explainDatabaseError, type Database } from './database.ts';
import type { Files } from './files.ts';

/** How long another process may hold the write lock before operations give up. Normally it is a few milliseconds. */
const LOCK_LIMIT_MS = 30_000;

/**
 * The one way to the database for operations that write. They are applied in the order of `run`, many of them in one
 * commit: whatever was asked for until the write lock is ours goes into the same transaction.
 */
export class Writer {
  readonly #db: Database;
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #logSlots: number;
  readonly #onCommit: (commit: Commit | undefined) => void;
  #queue: Job[] = [];
  #turn: Promise<void> | undefined;
  #closed = false;

  constructor(options: {
    db: Database;
    files: Files;
    clock: Clock;
    logSlots: number;
    /** Called before the operations settle. Undefined: they changed nothing. */
    onCommit: (commit: Commit | undefined) => void;
  }) {
    this.#db = options.db;
    this.#files = options.files;
    this.#clock = options.clock;
    this.#logSlots = options.logSlots;
    this.#onCommit = options.onCommit;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Reads one state of the database: at once, or behind the operations that were issued before. */
  async read<R>(work: () => R): Promise<R> {
    if (this.#turn !== undefined) return await this.run(work);
    if (this.#closed) throw closedError(this.#files.dir);
    try {
      this.#db.resetReadTxn();
      return work();
    } catch (error) {
      throw explainDatabaseError(error, this.#files);
    }
  }

  /** Resolves with what `work` returned when its writes are on the disk; rejects with what it threw. */
  run<R>(work: (txn: Transaction) => R): Promise<R> {
    if (this.#closed) return Promise.reject(closedError(this.#files.dir));
    return new Promise<R>((resolve, reject) => {
      this.#queue.push({ work, resolve: resolve as (result: unknown) => void, reject });
      this.#turn ??= this.#work();
    });
  }

  /** Takes nothing more; resolves when everything asked for before is done. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#turn;
  }

  async #work(): Promise<void> {
    while (this.#queue.length > 0) await this.#commitQueue();
    this.#turn = undefined;
  }

  async #commitQueue(): Promise<void> {
    const batch = new Batch(this.#db, this.#logSlots);
    const stopWaiting = this.#limitWait();
    try {
      await this.#db.transaction(() => {
        stopWaiting();
        batch.apply(this.#queue.splice(0));
      });
      if (batch.failure !== undefined) throw batch.failure as Error;
    } catch (error) {
      const reason = explainDatabaseError(batch.failure ?? (await commitError(error)), this.#files);
      batch.fail(reason);
      if (!batch.applied) this.#reject(reason);
      return;
    } finally {
      stopWaiting();
    }
    for (const call of batch.afterwards) call();
    this.#onCommit(batch.touched.size > 0 ? { number: batch.commit, touched: batch.touched } : undefined);
    batch.settle();
  }

  /** Rejects what waits for the write lock again and again until the returned function is called. */
  #limitWait(): () => void {
    let cancel = this.#clock.after(LOCK_LIMIT_MS, () => {
      this.#reject(
        new StoreError(
          `Another process has kept the write lock of ${this.#files.data} for ${LOCK_LIMIT_MS / 1000} s. Look for a ` +
            'nodepool process that is stopped (state T in ps) and continue or end it.',
        ),
      );
      cancel = this.#limitWait();
    });
    return () => cancel();
  }

  #reject(error: StoreError): void {
    for (const job of this.#queue.splice(0)) job.reject(error);
  }
}

/** lmdb hands out the cause of a failed commit as a promise that rejects. */
async function commitError(error: unknown): Promise<unknown> {
  try {
    await (error as { commitError?: Promise<unknown> }).commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}

export function closedError(dir: string): StoreError {
  return new StoreError(
    `The state store in ${dir} is closed. This is a mistake in the program: it uses a closed store.`,
  );
}
