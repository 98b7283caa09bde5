import { ConnectionLossError, TimeoutError } from '../errors.ts';
import type { JuteReader } from '../wire/jute-reader.ts';
import type { JuteWriter } from '../wire/jute-writer.ts';
import type { WatchRequest } from './watches.ts';

/** One operation: what to send and how to read the answer. */
export interface CallSpec<T> {
  /** For messages: `getData`. */
  name: string;
  opcode: number;
  /** As the caller gave it, without chroot. */
  path?: string;
  /** Changes nothing, so it may be sent again after a lost connection. */
  isRead: boolean;
  write(writer: JuteWriter): void;
  /** Reads the body of a successful answer. */
  read(reader: JuteReader): T;
  /** Turns an error code of the server into a result, where it is one (`exists`). */
  readError?(code: number): { value: T } | undefined;
  /** The watch that the server sets together with the read. */
  watch?: WatchRequest | undefined;
}

/** A call under way, from the moment it is made until it is settled: by the answer, by its limits or by a loss. */
export class Call<T = unknown> {
  readonly spec: CallSpec<T>;
  readonly promise: Promise<T>;
  /** Number on the present connection; 0 while it has not been written to one. */
  xid = 0;
  settled = false;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #stopListening: (() => void) | undefined;
  /** Told when the call ends before an answer, so that a queue can forget it. */
  onGivenUp: (() => void) | undefined;

  /** `timeoutMs` 0: without a limit. */
  constructor(spec: CallSpec<T>, timeoutMs: number, signal: AbortSignal | undefined) {
    this.spec = spec;
    this.promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (signal) this.#listen(signal);
    if (timeoutMs > 0 && !this.settled) this.#timer = setTimeout(() => this.#onTimeout(timeoutMs), timeoutMs);
  }

  resolve(value: T): void {
    if (this.#settle()) this.#resolve(value);
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#reject(error);
  }

  /** The connection went away: the answer will not come. */
  rejectAsLost(server: string, cause: Error): void {
    this.reject(
      new ConnectionLossError(`${this.label}: the connection to ${server} was lost before the answer came`, {
        path: this.spec.path,
        cause,
        mayHaveBeenApplied: !this.spec.isRead,
      }),
    );
  }

  get label(): string {
    return this.spec.path === undefined ? this.spec.name : `${this.spec.name} ${this.spec.path}`;
  }

  #settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    clearTimeout(this.#timer);
    this.#stopListening?.();
    return true;
  }

  #giveUp(error: unknown): void {
    this.reject(error);
    this.onGivenUp?.();
  }

  #onTimeout(timeoutMs: number): void {
    const mayHaveBeenApplied = this.xid !== 0 && !this.spec.isRead;
    const why = this.xid === 0 ? 'there is no connection' : 'the server did not answer';
    const message = `${this.label}: not done after ${timeoutMs} ms, ${why}`;
    this.#giveUp(new TimeoutError(message, { path: this.spec.path, mayHaveBeenApplied }));
  }

  #listen(signal: AbortSignal): void {
    if (signal.aborted) return this.#giveUp(signal.reason);
    const onAbort = () => this.#giveUp(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#stopListening = () => signal.removeEventListener('abort', onAbort);
  }
}
