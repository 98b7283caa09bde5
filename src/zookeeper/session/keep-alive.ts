/**
 * Keeps a session alive and notices a dead server. A ping every third of the session time-out; nothing heard for two
 * thirds means dead, which leaves the last third for finding another server.
 */
export class KeepAlive {
  readonly #timeoutMs: number;
  readonly #ping: () => void;
  readonly #onDead: (silentMs: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #heardAt = performance.now();
  #lastPingAt = performance.now();
  /** When the oldest ping without answer left; undefined when all are answered. */
  #waitingSince: number | undefined;
  #provenAliveAt: number;

  /** `provenAliveAt`: when the request was sent that opened or resumed the session. */
  constructor(options: {
    timeoutMs: number;
    provenAliveAt: number;
    ping: () => void;
    onDead: (silentMs: number) => void;
  }) {
    this.#timeoutMs = options.timeoutMs;
    this.#ping = options.ping;
    this.#onDead = options.onDead;
    this.#provenAliveAt = options.provenAliveAt;
    this.#schedule();
  }

  /** The server renewed the session at this time (by `performance.now()`) or later. */
  get provenAliveAt(): number {
    return this.#provenAliveAt;
  }

  /** Something came from the server. */
  heard(): void {
    this.#heardAt = performance.now();
  }

  /** A ping was answered: the server had heard from us when it was sent, or later. */
  answered(): void {
    if (this.#waitingSince === undefined) return;
    this.#provenAliveAt = this.#waitingSince;
    this.#waitingSince = undefined;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    const due = Math.min(this.#lastPingAt + this.#timeoutMs / 3, this.#heardAt + (this.#timeoutMs * 2) / 3);
    this.#timer = setTimeout(() => this.#check(), Math.max(1, due - performance.now()));
    this.#timer.unref();
  }

  #check(): void {
    // If this process was the one that slept, answers may be waiting: they are read before setImmediate calls.
    if (this.#silentMs() >= (this.#timeoutMs * 2) / 3) setImmediate(() => this.#checkAgain());
    else this.#checkAgain();
  }

  #checkAgain(): void {
    if (this.#stopped) return;
    const silentMs = this.#silentMs();
    if (silentMs >= (this.#timeoutMs * 2) / 3) return this.#onDead(Math.round(silentMs));
    const now = performance.now();
    if (now - this.#lastPingAt >= this.#timeoutMs / 3 - 1) {
      this.#lastPingAt = now;
      this.#waitingSince ??= now;
      this.#ping();
    }
    this.#schedule();
  }

  #silentMs(): number {
    return performance.now() - this.#heardAt;
  }
}
