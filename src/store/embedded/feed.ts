import fs from 'node:fs';
import type { Logger } from '../../log.ts';
import type { Database } from './database.ts';
import type { Files } from './files.ts';
import { commitKey, HEAD, readHead, type Path } from './layout.ts';
import type { Commit, Touched } from './batch.ts';

/** Wake-ups come from the watched file; this only covers a writer killed between its commit and the wake-up. */
const SAFETY_NET_MS = 1000;
/** Where files cannot be watched (fs.inotify.max_user_instances used up). */
const POLL_MS = 25;

/** What changed since the last time, in commit order. `everything`: too much was missed, compare all. */
export interface News {
  everything: boolean;
  touched: Map<Path, Touched>;
}

/**
 * Tells what changed in the database, by this and by other processes. It reads the change log from where it stopped
 * last, always up to the newest commit, so that all records read in the same step belong to one state of the database.
 */
export class Feed {
  readonly #db: Database;
  readonly #files: Files;
  readonly #log: Logger;
  readonly #logSlots: number;
  readonly #onNews: (news: News) => void;
  readonly #wakeFd: number;
  #watcher: fs.FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #keepsAlive = 0;
  #telling = false;
  #again = false;
  #seen: number;

  constructor(options: {
    db: Database;
    files: Files;
    log: Logger;
    logSlots: number;
    onNews: (news: News) => void;
  }) {
    this.#db = options.db;
    this.#files = options.files;
    this.#log = options.log;
    this.#logSlots = options.logSlots;
    this.#onNews = options.onNews;
    this.#wakeFd = fs.openSync(options.files.wake, 'r+');
    this.#seen = this.#head();
  }

  get active(): boolean {
    return this.#timer !== undefined;
  }

  /** Follows other processes from now on. */
  start(): void {
    if (this.active) return;
    this.#seen = this.#head();
    this.#lookEvery(this.#watch() ? SAFETY_NET_MS : POLL_MS);
  }

  #lookEvery(periodMs: number): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.check(), periodMs);
    if (this.#keepsAlive === 0) this.#timer.unref();
  }

  /** While somebody waits for news, the process must not end for want of other work. */
  keepAlive(): () => void {
    let ended = false;
    this.#keepsAlive += 1;
    this.#timer?.ref();
    return () => {
      if (ended) return;
      ended = true;
      this.#keepsAlive -= 1;
      if (this.#keepsAlive === 0) this.#timer?.unref();
    };
  }

  /** Called for each commit of this process: tells other processes, and the views here. */
  committed(commit: Commit | undefined): void {
    try {
      if (commit !== undefined) fs.writeSync(this.#wakeFd, '.', 0);
    } catch (error) {
      this.#log.warning('cannot wake other processes; they look once a second', { error });
    }
    this.check(commit);
  }

  /** Reads what is new, if anything. Called while news are told, it waits for their end: they keep their order. */
  check(own?: Commit): void {
    if (!this.active) return;
    this.#again = true;
    if (this.#telling) return;
    this.#telling = true;
    try {
      while (this.#again) {
        this.#again = false;
        this.#tell(own);
      }
    } finally {
      this.#telling = false;
    }
  }

  #tell(own: Commit | undefined): void {
    const head = this.#head();
    if (head === this.#seen) return;
    const news = this.#read(head, own);
    this.#seen = head;
    this.#onNews(news);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#watcher?.close();
    fs.closeSync(this.#wakeFd);
  }

  #head(): number {
    this.#db.resetReadTxn();
    return readHead(this.#db.get(HEAD)).commit;
  }

  #read(head: number, own: Commit | undefined): News {
    const touched = new Map<Path, Touched>();
    if (head < this.#seen || head - this.#seen > this.#logSlots) return { everything: true, touched };
    for (let number = this.#seen + 1; number <= head; number++) {
      const commit = number === own?.number ? own.touched : this.#readCommit(number);
      if (commit === undefined) return { everything: true, touched };
      for (const [path, entry] of commit) {
        touched.delete(path);
        touched.set(path, entry);
      }
    }
    return { everything: false, touched };
  }

  #readCommit(number: number): Map<Path, Touched> | undefined {
    const [logged, ...paths] = this.#db.get(commitKey(number % this.#logSlots))?.split('\n') ?? [];
    if (Number(logged) !== number || paths[0] === '*') return undefined;
    return new Map(paths.map((path) => [path, undefined]));
  }

  #watch(): boolean {
    try {
      this.#watcher = fs.watch(this.#files.wake, { persistent: false }, () => this.check());
      this.#watcher.on('error', (error) => {
        this.#warnUnwatched(error);
        this.#lookEvery(POLL_MS);
      });
      return true;
    } catch (error) {
      this.#warnUnwatched(error);
      return false;
    }
  }

  #warnUnwatched(error: unknown): void {
    this.#log.warning(`cannot watch the state directory, looking every ${POLL_MS} ms instead`, {
      error,
      hint: 'raise fs.inotify.max_user_instances',
    });
  }
}
