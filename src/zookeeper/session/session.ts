import { closedError, ErrorCode, SessionExpiredError } from '../errors.ts';
import { type Dialed, Dialer } from '../net/dialer.ts';
import type { Credential, ResolvedOptions } from '../options.ts';
import { stripChroot } from '../paths.ts';
import type { CallOptions, ConnectionState, StateChange } from '../types.ts';
import { eventTypes, OpCode, SpecialXid } from '../wire/opcodes.ts';
import { authenticate } from './authenticate.ts';
import { Call, type CallSpec } from './call.ts';
import { closeSession } from './close-session.ts';
import { Connection } from './connection.ts';
import { Deadline } from './deadline.ts';
import { Emitter } from './emitter.ts';
import { type RewatchRequest, rewatchOnePath, rewatchRequests } from './rewatch.ts';
import { Watches } from './watches.ts';

/** A connection that lived less than this counts as a failed attempt. */
const shortLifeMs = 1000;

interface Identity {
  id: bigint;
  password: Buffer;
  timeoutMs: number;
}

/**
 * The session behind a client: connects, resumes after a lost connection, begins a new session after an expired one, and
 * carries calls from one connection to the next.
 *
 * A call made without a connection waits for it. A call that was on its way when the connection went fails if it is a
 * write, and is sent again if it is a read. When the session is lost all calls fail, so nothing that was meant for one
 * session is ever applied in another.
 */
export class Session {
  readonly watches: Watches;
  readonly changes = new Emitter<StateChange>();
  readonly dialer: Dialer;
  /** How often something has been written to a connection. */
  writes = 0;
  readonly #options: ResolvedOptions;
  readonly #credentials: Credential[];
  readonly #stop = new AbortController();
  #state: ConnectionState = 'connecting';
  #identity: Identity | undefined;
  #connection: Connection | undefined;
  #waiting = new Set<Call>();
  #lastZxid = 0n;
  readonly #deadline = new Deadline();
  /** Resolves the wait for the end of the present connection. */
  #onDisconnected: (() => void) | undefined;
  readonly #running: Promise<void>;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#credentials = [...options.auth];
    this.watches = new Watches((path) => stripChroot(options.chroot, path));
    this.dialer = new Dialer(options);
    this.#running = this.#run();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get id(): bigint {
    return this.#identity?.id ?? 0n;
  }

  get timeoutMs(): number {
    return this.#identity?.timeoutMs ?? this.#options.sessionTimeoutMs;
  }

  get server(): string | undefined {
    return this.#connection?.server;
  }

  /**
   * Until when (by `performance.now()`) the server cannot have ended the session, judged by the last sign of life that
   * it has confirmed.
   */
  get safeUntil(): number {
    return this.#connection ? this.#connection.provenAliveAt + this.timeoutMs : this.#deadline.at;
  }

  submit<T>(
    spec: CallSpec<T>,
    { timeoutMs = this.#options.requestTimeoutMs, signal }: CallOptions = {},
  ): Promise<T> {
    if (this.#state === 'closed') return Promise.reject(closedError());
    const call = new Call<T>(spec, timeoutMs, signal);
    if (call.settled) return call.promise;
    if (this.#connection) this.#connection.send(call as Call);
    else this.#wait(call as Call);
    return call.promise;
  }

  /** Sends the credential now and on every later connection. A refused one closes the client. */
  addCredential(credential: Credential): Promise<void> {
    if (this.#state === 'closed') return Promise.reject(closedError());
    this.#credentials.push(credential);
    const connection = this.#connection;
    return connection ? this.#authenticate(connection, credential) : Promise.resolve();
  }

  /** The last transaction of which this client has heard. */
  get lastZxid(): bigint {
    return this.#lastZxid;
  }

  /** After `removeWatches`: the one-shot watches of the path went with it. Changes after `since` are told at once. */
  restoreOneShots(path: string, since: bigint): void {
    if (this.#connection && this.watches.hasOneShot(path)) {
      this.#rewatch(this.#connection, rewatchOnePath(this.watches, path, since));
    }
  }

  /** Ends the session on the server if it can be reached within the limit, and the connection in any case. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#state !== 'closed') {
      const goodbye = this.#connection && this.submit(closeSession, { timeoutMs });
      this.#shut(undefined, goodbye !== undefined);
      await goodbye?.catch(() => undefined);
      this.#connection?.destroy(closedError());
      // Reads that were answered after the good-bye have set watches.
      this.watches.loseOneShots();
    }
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    try {
      while (!signal.aborted) {
        const dialed = await this.dialer.dial(() => this.#introduce(), signal);
        if (dialed.response.timeoutMs <= 0) {
          dialed.socket.destroy();
          this.#lose(new SessionExpiredError(ErrorCode.sessionExpired, 'the server has ended the session'));
          continue;
        }
        await this.#use(dialed);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** What to say to a server: who we are, and what we have seen. */
  #introduce() {
    this.#abandonUnknownSession();
    const { id, password } = this.#identity ?? { id: 0n, password: Buffer.alloc(16) };
    return { lastZxid: this.#lastZxid, timeoutMs: this.#options.sessionTimeoutMs, sessionId: id, password };
  }

  /**
   * A server whose data is older than what this client has seen (it was set up anew) closes the connection without a
   * word, just as one without quorum does. When that goes on for long after the session can have ended, begin anew
   * rather than wait for ever.
   */
  #abandonUnknownSession(): void {
    if (!this.#identity && this.#lastZxid === 0n) return;
    const rounds = this.dialer.unanswered / this.#options.servers.length;
    if (rounds < 3 || performance.now() < this.#deadline.at + 2 * this.timeoutMs) return;
    this.#lastZxid = 0n;
    this.dialer.unanswered = 0;
    if (!this.#identity) return;
    this.#lose(new SessionExpiredError(ErrorCode.sessionExpired, 'no server knows the session any more'));
  }

  /** Works with a connection until it ends. */
  async #use(dialed: Dialed): Promise<void> {
    const begun = performance.now();
    const ended = new Promise<void>((resolve) => (this.#onDisconnected = resolve));
    this.#begin(dialed);
    await ended;
    if (performance.now() - begun >= shortLifeMs) this.dialer.calm();
    else if (!this.#stop.signal.aborted) await this.dialer.pause(this.#stop.signal);
  }

  #begin({ server, socket, splitter, response, openedAt }: Dialed): void {
    this.#identity = { id: response.sessionId, password: response.password, timeoutMs: response.timeoutMs };
    this.#deadline.stop();
    const connection = new Connection({
      server,
      socket,
      splitter,
      timeoutMs: response.timeoutMs,
      openedAt,
      maxRequestBytes: this.#options.maxRequestBytes,
      handlers: {
        onEvent: (type, path) => this.#onEvent(type, path),
        onReply: (call, code, zxid) => this.#onReply(call, code, zxid),
        onWrite: () => void (this.writes += 1),
        onClose: (error, unanswered) => this.#onClose(connection, error, unanswered),
      },
    });
    this.#connection = connection;
    for (const credential of this.#credentials)
      this.#authenticate(connection, credential).catch(() => undefined);
    for (const request of rewatchRequests(this.watches, this.#lastZxid)) this.#rewatch(connection, request);
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const call of waiting) connection.send(call);
    this.#announce('connected');
  }

  #onEvent(type: number, path: string): void {
    const name = eventTypes[type];
    if (name) this.watches.dispatch(name, path);
  }

  #onReply(call: Call, code: number, zxid: bigint): void {
    if (zxid > this.#lastZxid) this.#lastZxid = zxid;
    const { watch } = call.spec;
    if (!watch || call.settled) return;
    if (code === ErrorCode.ok) {
      this.watches.addOneShot(watch.kind === 'exists' ? { ...watch, kind: 'data' } : watch);
    } else if (code === ErrorCode.noNode && watch.kind === 'exists') {
      this.watches.addOneShot(watch);
    }
  }

  #onClose(connection: Connection, error: Error, unanswered: Call[]): void {
    const safeUntil = this.safeUntil;
    this.#connection = undefined;
    if (this.#state === 'closed') {
      for (const call of unanswered) call.reject(error);
    } else {
      this.#keepReads(connection.server, error, unanswered);
      // Passed already when this process was stopped for long.
      this.#deadline.start(safeUntil, () => this.#announce('suspended'));
      this.#announce('suspended', error);
    }
    this.#onDisconnected?.();
  }

  /** Reads go first in the next connection, in their order; the fate of writes is unknown. */
  #keepReads(server: string, error: Error, unanswered: Call[]): void {
    const later = [...this.#waiting];
    this.#waiting = new Set();
    for (const call of unanswered) {
      if (call.settled) continue;
      if (call.spec.isRead) this.#wait(call);
      else call.rejectAsLost(server, error);
    }
    for (const call of later) this.#waiting.add(call);
  }

  #wait(call: Call): void {
    call.xid = 0;
    call.onGivenUp = () => void this.#waiting.delete(call);
    this.#waiting.add(call);
  }

  /** The session is over. Everything that depended on it fails, and the next connection begins a new one. */
  #lose(error: SessionExpiredError): void {
    this.#deadline.stop();
    const lost = this.#identity;
    this.#identity = undefined;
    for (const call of [...this.#waiting]) {
      this.#waiting.delete(call);
      call.reject(
        new SessionExpiredError(error.code, `${call.label}: ${error.message}`, { path: call.spec.path }),
      );
    }
    this.#announce('lost', error, lost?.id);
    this.watches.loseOneShots();
  }

  async #authenticate(connection: Connection, credential: Credential): Promise<void> {
    const error = await authenticate(connection, credential);
    if (!error) return;
    this.#shut(error, false);
    throw error;
  }

  #rewatch(connection: Connection, request: RewatchRequest): void {
    connection.sendControl(request, SpecialXid.setWatches, (code) => {
      if (request.opcode !== OpCode.setWatches2) return;
      if (code === ErrorCode.ok) this.watches.resync();
      else if (code !== ErrorCode.connectionLoss) this.watches.removeAllLasting();
    });
  }

  /** No more calls, no more connections. With `saysGoodbye` the present connection is left to finish. */
  #shut(error: Error | undefined, saysGoodbye: boolean): void {
    this.#state = 'closed';
    this.#deadline.stop();
    this.#stop.abort();
    if (!saysGoodbye) this.#connection?.destroy(error ?? closedError());
    for (const call of [...this.#waiting]) call.reject(error ?? closedError());
    this.#waiting.clear();
    this.#announce('closed', error);
    this.watches.loseOneShots();
  }

  #announce(state: ConnectionState, error?: Error, sessionId = this.id): void {
    this.#state = state;
    const mayBeExpired = state === 'lost' || (state === 'suspended' && this.#deadline.hasPassed);
    this.changes.emit({ state, mayBeExpired, sessionId, ...(error && { error }) });
  }
}
