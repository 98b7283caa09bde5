import { Queue } from '../session/queue.ts';

/** A step whose result is applied only after all steps queued before it have been. */
export interface Step {
  /** Overtaken: something later tells more, so the result must not be applied. */
  isVoid: boolean;
}

interface Entry extends Step {
  apply: ((isVoid: boolean) => void) | undefined;
}

/**
 * Work that is started at once but takes effect in the order in which it was queued. Answers of one connection come in the
 * order of the requests, so nothing waits for long.
 */
export class OrderedQueue {
  readonly #entries = new Queue<Entry>();
  #applying = false;

  /** `start` begins the work; when its promise resolves, the function it resolves with is called in turn. */
  add(start: () => Promise<(isVoid: boolean) => void>): Step {
    const entry: Entry = { isVoid: false, apply: undefined };
    this.#entries.push(entry);
    void start().then((apply) => {
      entry.apply = apply;
      this.#applyReady();
    });
    return entry;
  }

  /** Something that needs no waiting of its own. */
  addReady(apply: () => void): void {
    this.#entries.push({ isVoid: false, apply });
    this.#applyReady();
  }

  #applyReady(): void {
    if (this.#applying) return;
    this.#applying = true;
    try {
      for (let entry = this.#entries.peek(); entry?.apply; entry = this.#entries.peek()) {
        this.#entries.shift();
        entry.apply(entry.isVoid);
      }
    } finally {
      this.#applying = false;
    }
  }
}
