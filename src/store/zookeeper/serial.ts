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
    this.#setTail(key, running.then(nothing, nothing));
    return running;
  }

  /** Starts behind everything begun before for the key, and holds up nothing. */
  after<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    return before ? before.then(work) : work();
  }

  /** What runs already: whatever is begun later for the key waits for it. */
  track(key: string, running: Promise<unknown>): void {
    const before = this.#tails.get(key);
    const end = running.then(nothing, nothing);
    this.#setTail(key, before ? Promise.all([before, end]).then(nothing) : end);
  }

  /** Resolves when everything begun for the key by now has ended. */
  async ended(key: string): Promise<void> {
    await this.#tails.get(key);
  }

  #setTail(key: string, end: Promise<void>): void {
    const tail = end.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    this.#tails.set(key, tail);
  }

  /** Resolves when everything begun by now has ended. */
  async settled(): Promise<void> {
    if (this.#tails.size > 0) await Promise.all(this.#tails.values());
  }
}

const nothing = () => undefined;
