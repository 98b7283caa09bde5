import type { ZooKeeperClient } from '../client.ts';
import { LockLostError } from '../errors.ts';
import { callListener } from '../session/emitter.ts';
import type { WatchEvent } from '../types.ts';
import { removeContender } from './contender.ts';

/**
 * A lock that has been acquired. It is lost when the session is over, or can be over for all this process knows (no sign
 * of life from the servers for the session time-out), or when somebody deletes the contender.
 */
export class HeldLock {
  /** Path of the contender. */
  readonly contender: string;
  readonly #client: ZooKeeperClient;
  readonly #ephemeral: boolean;
  readonly #stopListening: () => void;
  #lossListeners: ((error: LockLostError) => void)[] = [];
  #loss: LockLostError | undefined;
  /** Made for whoever asks: there may be thousands of locks. */
  #lost: AbortController | undefined;
  #released: Promise<void> | undefined;

  constructor(
    client: ZooKeeperClient,
    contender: string,
    { ephemeral = true, watchContender = true }: { ephemeral?: boolean; watchContender?: boolean },
  ) {
    this.#client = client;
    this.contender = contender;
    this.#ephemeral = ephemeral;
    this.#stopListening = client.onState(({ state, mayBeExpired }) => {
      if (ephemeral && mayBeExpired) this.#lose('the session has ended, or may have');
      if (ephemeral && state === 'closed') this.#lose('the client has been closed');
    });
    if (ephemeral && !client.sessionIsSafe)
      this.#lose('the session may have ended while the answer was on its way');
    else if (watchContender) this.#watch();
  }

  /** Aborted with a LockLostError when the lock is gone without having been released. */
  get lost(): AbortSignal {
    if (!this.#lost) {
      const lost = new AbortController();
      this.#lost = lost;
      this.onLost((error) => lost.abort(error));
    }
    return this.#lost.signal;
  }

  /** The same as a call, which comes at once when the lock is lost already. */
  onLost(listener: (error: LockLostError) => void): void {
    if (this.#loss) listener(this.#loss);
    else this.#lossListeners.push(listener);
  }

  /** Whether nobody else can have the lock now. Exact also when this process was stopped for a while. */
  get isHeld(): boolean {
    if (this.#released || this.#loss) return false;
    return !this.#ephemeral || this.#client.sessionIsSafe;
  }

  /**
   * Gives the lock back. Resolves when the contender is gone, or the lock is lost anyway. Through a lost connection it
   * goes on in the background. Safe to call twice.
   */
  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  /** The caller deletes the contender itself, together with other things perhaps: this is over without a word. */
  forget(): void {
    this.#released ??= Promise.resolve();
    this.#client.removeWatch(this.contender, this.#onEvent);
    this.#stopListening();
  }

  async #release(): Promise<void> {
    this.#client.removeWatch(this.contender, this.#onEvent);
    const lost = new Promise<void>((resolve) => this.onLost(() => resolve()));
    try {
      await Promise.race([removeContender(this.#client, this.contender), lost]);
    } finally {
      this.#stopListening();
    }
  }

  /** Not waited for: acquiring takes one round trip less, and the answer is needed only if it is bad. */
  #watch(): void {
    this.#client
      .exists(this.contender, { watch: this.#onEvent, timeoutMs: 0 })
      .then((stat) => !stat && this.#lose('the contender has been deleted'))
      // The session is gone, which the listener has heard.
      .catch(() => undefined);
  }

  readonly #onEvent = ({ type }: WatchEvent) => {
    if (this.#released) return;
    if (type === 'deleted') this.#lose('the contender has been deleted');
    else if (type !== 'lost') this.#watch();
  };

  #lose(why: string): void {
    if (this.#loss) return;
    // While it is being released nobody depends on it any more; only `release` needs to know.
    if (!this.#released) this.#stopListening();
    const loss = new LockLostError(`${this.contender}: the lock is lost: ${why}`, this.contender);
    this.#loss = loss;
    for (const listener of this.#lossListeners.splice(0)) callListener(listener, loss);
  }
}
