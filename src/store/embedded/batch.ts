import type { StoreError } from '../../errors.ts';
import type { Entry } from '../store.ts';
import { keysUnder, type Database } from './database.ts';
import { commitKey, HEAD, readHead, type Path } from './layout.ts';

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

/** An operation that waits for its turn. */
export interface Job {
  work: (txn: Transaction) => unknown;
  resolve: (result: unknown) => void;
  reject: (error: unknown) => void;
}

export interface Commit {
  number: number;
  /** In the order of the last change of each. */
  touched: Map<Path, Touched>;
}

/** One transaction and the operations in it. */
export class Batch implements Transaction {
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
