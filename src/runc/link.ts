/** Keeps one connection to a hypervisor: connects, notices the loss, connects again after a growing pause. */
import type { Clock } from '../clock.ts';
import { HostError, reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';

/** What is connected to: it says when it is over, and can be ended. */
export interface Linked {
  ended: Promise<string>;
  close(): void;
}

export interface LinkOptions<T extends Linked> {
  host: string;
  /** Connects and prepares the host, within its own time limit. */
  connect(signal: AbortSignal): Promise<T>;
  /** After every change of `state`. */
  onChange(): void;
  log: Logger;
  clock: Clock;
}

export type LinkState<T> =
  | { is: 'connecting' }
  | { is: 'up'; linked: T }
  /** `reason` is the last error. */
  | { is: 'down'; reason: string };

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

export class Link<T extends Linked> {
  state: LinkState<T> = { is: 'connecting' };
  readonly #options: LinkOptions<T>;
  readonly #closed = new AbortController();
  /** Settles when the first or the next attempt is decided. */
  #attempt: Promise<void>;
  /** A connection was lost and the first attempt at another one is not decided yet. */
  #lost = false;

  constructor(options: LinkOptions<T>) {
    this.#options = options;
    this.#attempt = this.#connectOnce();
    void this.#keep();
  }

  /**
   * The connection; waits for an attempt that is under way, and where one was just lost, for the first attempt at
   * another: a launch tried again at once would only meet the same loss. Throws HostError when there is none.
   */
  async get(signal: AbortSignal): Promise<T> {
    if (this.state.is === 'connecting' || this.#lost) await raceSignal(this.#attempt, signal);
    if (this.state.is === 'up') return this.state.linked;
    const { host } = this.#options;
    throw new HostError(host, this.state.is === 'down' ? this.state.reason : `${host} is not connected`);
  }

  close(): void {
    this.#closed.abort(
      new HostError(this.#options.host, `the connection to ${this.#options.host} was closed`),
    );
    if (this.state.is === 'up') this.state.linked.close();
    this.state = { is: 'down', reason: `the connection to ${this.#options.host} was closed` };
  }

  async #keep(): Promise<void> {
    const { signal } = this.#closed;
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      await this.#attempt;
      if (this.state.is === 'up') {
        pauseMs = FIRST_PAUSE_MS;
        const reason = await this.state.linked.ended;
        if (signal.aborted) return;
        this.#lost = true;
        this.#attempt = this.#connectAfter(pauseMs);
        this.#setDown(reason);
      } else {
        this.#attempt = this.#connectAfter(pauseMs);
      }
      pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    }
  }

  async #connectAfter(pauseMs: number): Promise<void> {
    const { signal } = this.#closed;
    // Not all launchers at once, when a hypervisor comes back.
    await this.#options.clock.sleep(pauseMs * (0.5 + Math.random() / 2), signal).catch(() => undefined);
    if (!signal.aborted) await this.#connectOnce();
    this.#lost = false;
  }

  async #connectOnce(): Promise<void> {
    const { connect, onChange, log, host } = this.#options;
    try {
      const linked = await connect(this.#closed.signal);
      if (this.#closed.signal.aborted) return linked.close();
      this.state = { is: 'up', linked };
      log.info('hypervisor connected', { host });
      onChange();
    } catch (error) {
      if (!this.#closed.signal.aborted) this.#setDown(reasonOf(error));
    }
  }

  /** Says it once; the same reason again is only worth a debug line. */
  #setDown(reason: string): void {
    const { onChange, log, host } = this.#options;
    const known = this.state.is === 'down' && this.state.reason === reason;
    this.state = { is: 'down', reason };
    log[known ? 'debug' : 'error']('hypervisor not usable', { host, error: reason });
    if (!known) onChange();
  }
}

/** The promise, or the signal's reason if that comes first. */
function raceSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
