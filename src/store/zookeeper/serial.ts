/**
 * Keeps the order of the calls where one call takes several requests: changes of one record happen one after another,
 * those of different records side by side. A call with nothing in front of it starts at once, so that its first request is
 * sent in the order of the calls.
 */
export class Serial {
  readonly #tails = new Map<string, Promise<void>>();

  /** Starts behind everything begun before for the key, and holds up what comes later. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const running = this.after(key, work);
    const tail = running.then(nothing, nothing).then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    this.#tails.set(key, tail);
    return running;
  }

  /** Starts behind everything begun before for the key, and holds up nothing. */
  after<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    return before ? before.then(work) : work();
  }

  isBusy(key: string): boolean {
    return this.#tails.has(key);
  }

  /** Resolves when everything begun by now has ended. */
  async settled(): Promise<void> {
    if (this.#tails.size > 0) await Promise.all(this.#tails.values());
  }
}

const nothing = () => undefined;
