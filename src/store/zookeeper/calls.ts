import { StoreError } from '../../errors.ts';
import { toStoreError } from './failures.ts';

/** A call of a store that is under way. */
export interface Call {
  /** Resolves when every call made before this one has ended. What failed is then made again in the old order. */
  earlier(): Promise<void>;
}

/** The calls of a store that are under way, in the order in which they were made. */
export class Calls {
  readonly #underWay = new Map<number, Promise<void>>();
  readonly #views = new Set<NodeJS.Timeout>();
  #made = 0;
  #isClosed = false;

  /**
   * Makes a call, at once, and translates its errors. `isWait`: it may take as long as somebody else wants, so nobody waits
   * for it, and closing ends it.
   */
  make<T>(work: (call: Call) => Promise<T>, { isWait = false } = {}): Promise<T> {
    if (this.#isClosed) return Promise.reject(new StoreError('the state store is closed'));
    const number = ++this.#made;
    const call = work({ earlier: () => this.#endOfEarlier(number) }).catch((error: unknown): never => {
      throw toStoreError(error);
    });
    if (isWait) return call;
    const done = () => void this.#underWay.delete(number);
    this.#underWay.set(number, call.then(done, done));
    return call;
  }

  /** An open view keeps the process alive, also while there is no connection that would. */
  keepAlive(): () => void {
    const timer = setInterval(nothing, 2 ** 30);
    this.#views.add(timer);
    return () => {
      this.#views.delete(timer);
      clearInterval(timer);
    };
  }

  /** Refuses new calls; resolves when those under way are answered. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#views) clearInterval(timer);
    await Promise.all(this.#underWay.values());
  }

  async #endOfEarlier(number: number): Promise<void> {
    const earlier: Promise<void>[] = [];
    for (const [other, done] of this.#underWay) {
      if (other >= number) break;
      earlier.push(done);
    }
    await Promise.all(earlier);
  }
}

const nothing = () => undefined;
