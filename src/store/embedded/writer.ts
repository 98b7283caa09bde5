import type { Clock } from '../../clock.ts';
import { StoreError } from '../../errors.ts';
import type { Entry } from '../store.ts';
import { explainDatabaseError, keysUnder, type Database } from './database.ts';
import type { Files } from './files.ts';
import { commitKey, HEAD, readHead, type Path } from './layout.ts';

/** How long another process may hold the write lock before operations give up. Normally it is a few milliseconds. */
const LOCK_LIMIT_MS = 30_000;
/** A commit that touched more than this many bytes of paths is logged as "everything". */
const MAX_LOGGED_BYTES = 32_768;

/** What a record became, if that is known without reading it again. Null: removed. */
export type Touched = Entry<unknown> | null | undefined;

/** What an operation sees and does inside the write transaction. Check everything first, write then. */
export interface Transaction {
  get(key: string): string | undefined;
  put(key: string, text: string): void;
  remove(key: string): void;
  /** Every key that begins with the prefix. */
  keys(prefix: string): string[];
  /** The version for the next record to be written. */
  nextVersion(): number;
  /** Says in the change log that a record, its lock, or a session changed. */
  touch(path: Path, touched?: Touched): void;
  /** Called once the commit is on the disk, before views are told. */
  afterCommit(call: () => void): void;
}

interface Job {
  work: (txn: Transaction) => unknown;
  resolve: (result: unknown) => void;
  reject: (error: unknown) => void;
}

export interface Commit {
  number: number;
  /** In the order of the last change of each. */
  touched: Map<Path, Touched>;
}

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

/** One transaction and the operations in it. */
class Batch implements Transaction {
  readonly #db: Database;
  readonly #logSlots: number;
  readonly touched = new Map<Path, Touched>();
  readonly afterwards: (() => void)[] = [];
  commit = 0;
  applied = false;
  /** A write that the database refused; nothing of the batch will be kept. */
  failure: unknown;
  #version = 0;
  #outcomes: { job: Job; result?: unknown; error?: unknown }[] = [];

  constructor(db: Database, logSlots: number) {
    this.#db = db;
    this.#logSlots = logSlots;
  }

  apply(jobs: Job[]): void {
    this.applied = true;
    const head = readHead(this.#db.get(HEAD));
    this.commit = head.commit + 1;
    this.#version = head.version;
    for (const job of jobs) this.#outcomes.push(this.#apply(job));
    if (this.touched.size === 0 || this.failure !== undefined) return;
    try {
      this.put(commitKey(this.commit % this.#logSlots), `${this.commit}\n${this.#logText()}`);
      this.put(HEAD, `${this.commit} ${this.#version}`);
    } catch {
      // `put` has noted the failure, and the commit will fail with it.
    }
  }

  #apply(job: Job): { job: Job; result?: unknown; error?: unknown } {
    try {
      return { job, result: this.failure === undefined ? job.work(this) : undefined };
    } catch (error) {
      return { job, error };
    }
  }

  #logText(): string {
    const text = [...this.touched.keys()].join('\n');
    return text.length > MAX_LOGGED_BYTES ? '*' : text;
  }

  settle(): void {
    for (const { job, result, error } of this.#outcomes) {
      if (error === undefined) job.resolve(result);
      else job.reject(error);
    }
  }

  fail(error: StoreError): void {
    for (const { job } of this.#outcomes) job.reject(error);
  }

  get(key: string): string | undefined {
    return this.#db.get(key);
  }

  put(key: string, text: string): void {
    this.#write(() => void this.#db.put(key, text));
  }

  remove(key: string): void {
    this.#write(() => void this.#db.remove(key));
  }

  #write(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.failure ??= error;
      throw error;
    }
  }

  keys(prefix: string): string[] {
    return keysUnder(this.#db, prefix);
  }

  nextVersion(): number {
    this.#version += 1;
    return this.#version;
  }

  touch(path: Path, touched?: Touched): void {
    this.touched.delete(path);
    this.touched.set(path, touched);
  }

  afterCommit(call: () => void): void {
    this.afterwards.push(call);
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
