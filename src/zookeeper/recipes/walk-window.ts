/** Reads of a walk that are under way at once: calls of the program share the connection and must not wait long. */
const windowSize = 256;

/** Lets a walk through a tree go on a limited number of reads at a time, and tells when the last one is done. */
export class WalkWindow {
  readonly #onDone: () => void;
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;
  #cancelled = false;
  #done = false;

  constructor(onDone: () => void) {
    this.#onDone = onDone;
  }

  get isDone(): boolean {
    return this.#done;
  }

  get isCancelled(): boolean {
    return this.#cancelled;
  }

  /** Starts the read now or when there is room. It must lead to one call of `done`. */
  add(start: () => void): void {
    if (this.#underWay >= windowSize) {
      this.#waiting.push(start);
      return;
    }
    this.#underWay++;
    start();
  }

  /** One more that has begun without waiting for room. */
  begin(): void {
    this.#underWay++;
  }

  done(): void {
    this.#underWay--;
    if (this.#cancelled) return;
    while (this.#underWay < windowSize) {
      const start = this.#waiting.pop();
      if (!start) break;
      this.#underWay++;
      start();
    }
    if (this.#underWay > 0 || this.#done) return;
    this.#done = true;
    this.#onDone();
  }

  /** Another walk has begun: nothing more is started, and nobody is told. */
  cancel(): void {
    this.#cancelled = true;
    this.#waiting.length = 0;
  }
}
