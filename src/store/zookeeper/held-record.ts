import { LockLostError } from '../../errors.ts';
import type { HeldLock } from '../../zookeeper/index.ts';
import type { Held } from '../store.ts';
import type { StoredEntry } from './entry.ts';

/** More than are ever on their way. */
const REMEMBERED = 16;

/** A lock that this store holds. Writes to its record are made on the condition that its contender is still there. */
export class HeldRecord<T> implements Held<T> {
  readonly entry: StoredEntry<T>;
  /** The record as this store's writes make it, those that are not answered yet included; their version is the old one. */
  latest: StoredEntry<T>;
  /** A write did not go as foreseen: from then on one waits for the other. */
  isDisturbed = false;
  /** The latest writes by the znode version that they make, to recognise them when answers get lost. */
  readonly #written = new Map<number, string>();
  readonly #lock: HeldLock;
  readonly #release: () => Promise<void>;
  readonly #lost = new AbortController();
  #released: Promise<void> | undefined;

  constructor(options: {
    /** `nodes/0000000017` */
    name: string;
    entry: StoredEntry<T>;
    lock: HeldLock;
    release: () => Promise<void>;
  }) {
    const { name, entry, lock, release } = options;
    this.entry = entry;
    this.latest = entry;
    this.#lock = lock;
    this.#release = release;
    lock.onLost((loss) => this.lose(`${name}: ${loss.message}`, loss));
  }

  get contender(): string {
    return this.#lock.contender;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** A write is being sent that makes this version. */
  noteWrite(version: number, data: string): void {
    this.#written.set(version, data);
    this.#written.delete(version - REMEMBERED);
  }

  hasWritten(version: number, data: string): boolean {
    return this.#written.get(version) === data;
  }

  release(): Promise<void> {
    return (this.#released ??= this.#release());
  }

  /** The caller is about to remove the record, which gives the lock back. */
  expectRemoval(): void {
    this.#released ??= Promise.resolve();
    this.#lock.forget();
  }

  /** Tells whoever depends on the lock; nobody does any more when it is being given back. */
  lose(why: string, cause?: unknown): void {
    if (this.#released || this.#lost.signal.aborted) return;
    this.#lost.abort(new LockLostError(why, { cause }));
  }
}
