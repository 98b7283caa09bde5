/** A moment on the clock of `performance.now()`, which does not stand still while a process is stopped. */
export class Deadline {
  at = 0;
  #timer: NodeJS.Timeout | undefined;

  get hasPassed(): boolean {
    return this.at <= performance.now();
  }

  /** Calls once when the moment has come, unless it has passed already or `stop` comes first. */
  start(at: number, onPassed: () => void): void {
    this.stop();
    this.at = at;
    if (!this.hasPassed) this.#wait(onPassed);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(onPassed: () => void): void {
    this.#timer = setTimeout(
      () => (this.hasPassed ? onPassed() : this.#wait(onPassed)),
      Math.max(1, Math.ceil(this.at - performance.now())),
    );
    this.#timer.unref();
  }
}
