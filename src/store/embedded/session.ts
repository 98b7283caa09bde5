import fs from 'node:fs';
import os from 'node:os';
import type { Clock } from '../../clock.ts';
import { reasonOf, StoreError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Session, SessionState } from '../store.ts';
import type { Files } from './files.ts';
import {
  ephemeralKey,
  lockKey,
  pathOf,
  readQueue,
  recordKey,
  sessionKey,
  sessionOf,
  SESSIONS,
} from './layout.ts';
import { listenOn } from './socket.ts';
import type { Transaction } from './batch.ts';
import type { Writer } from './writer.ts';

/**
 * What makes locks and ephemeral records end with this process. A session begins with the first of them: the socket
 * listens first, and the session is written in the same transaction as what depends on it. So a session that is in the
 * database and whose socket refuses is dead, at any moment.
 */
export class OwnSession implements Session {
  readonly #files: Files;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #listeners = new Set<(state: SessionState) => void>();
  readonly #onLost: (() => void)[] = [];
  #id: string | undefined;
  #written = false;
  #contenders = 0;
  #listener: ReturnType<typeof listenOn> | undefined;
  state: SessionState = 'connected';

  constructor(options: { files: Files; log: Logger; clock: Clock }) {
    this.#files = options.files;
    this.#log = options.log;
    this.#clock = options.clock;
  }

  get id(): string | undefined {
    return this.#id;
  }

  onChange(listener: (state: SessionState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** For the parts of the store that must forget what belonged to the session. */
  onLost(call: () => void): void {
    this.#onLost.push(call);
  }

  /** Makes sure, inside a transaction, that there is a session; returns its id. */
  enter(txn: Transaction): string {
    if (this.#written && this.#id !== undefined && txn.get(sessionKey(this.#id)) === undefined) this.lose();
    const id = this.#listen();
    if (this.#written) return id;
    const who = {
      pid: process.pid,
      host: os.hostname(),
      program: process.argv[1],
      started: this.#clock.nowMs() / 1000,
    };
    txn.put(sessionKey(id), JSON.stringify(who));
    txn.touch(pathOf(SESSIONS, id));
    txn.afterCommit(() => {
      this.#written = true;
      this.#become('connected');
    });
    return id;
  }

  /** A name in a lock's queue. */
  contender(id: string): string {
    this.#contenders += 1;
    return `${id}.${this.#contenders}`;
  }

  /** Somebody has removed the session although this process lives; whatever depended on it is gone. */
  lose(): void {
    if (!this.#written) return;
    this.#log.warning('the session in the state store is lost, and all locks with it', { session: this.#id });
    this.#stopListening();
    this.#written = false;
    for (const call of this.#onLost) call();
    this.#become('lost');
  }

  /** Gives everything back. */
  async close(writer: Writer): Promise<void> {
    const id = this.#written ? this.#id : undefined;
    this.#written = false;
    try {
      if (id !== undefined) await writer.run((txn) => removeSession(txn, id));
    } finally {
      this.#stopListening();
    }
  }

  #listen(): string {
    if (this.#id !== undefined && this.#listener?.server.listening) return this.#id;
    // Not from node:crypto, which takes time to load: who only reads has no session.
    const id = Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString('hex');
    const file = this.#files.socketOf(id);
    this.#listener = listenOn(file);
    try {
      if (!this.#listener.server.listening) throw this.#listener.error ?? new Error('listen failed');
      this.#files.adopt(file, 0o660);
    } catch (error) {
      throw new StoreError(
        `Cannot listen on ${file}: ${reasonOf(error)}. Check the permissions and the free space of ${this.#files.dir}.`,
        { cause: error },
      );
    }
    this.#id = id;
    return id;
  }

  #stopListening(): void {
    if (this.#listener === undefined || this.#id === undefined) return;
    this.#listener.server.close();
    for (const connection of this.#listener.connections) connection.destroy();
    fs.rmSync(this.#files.socketOf(this.#id), { force: true });
    this.#listener = undefined;
    this.#id = undefined;
  }

  #become(state: SessionState): void {
    if (this.state === state) return;
    this.state = state;
    for (const listener of [...this.#listeners]) {
      try {
        listener(state);
      } catch (error) {
        this.#log.error('a listener of the session failed', { error });
      }
    }
  }
}

/** Removes a session with its places in locks and its ephemeral records. */
export function removeSession(txn: Transaction, session: string): void {
  if (txn.get(sessionKey(session)) === undefined) return;
  for (const key of txn.keys(lockKey('')))
    leaveQueue(txn, key.slice(2), (other) => sessionOf(other) === session);
  for (const key of txn.keys(ephemeralKey(session, ''))) {
    const path = key.slice(ephemeralKey(session, '').length);
    txn.remove(recordKey(path));
    txn.remove(lockKey(path));
    txn.remove(key);
    txn.touch(path, null);
  }
  txn.remove(sessionKey(session));
  txn.touch(pathOf(SESSIONS, session));
}

/** Takes contenders out of a lock's queue. */
export function leaveQueue(txn: Transaction, path: string, leaves: (contender: string) => boolean): void {
  const queue = readQueue(txn.get(lockKey(path)));
  const staying = queue.filter((contender) => !leaves(contender));
  if (staying.length === queue.length) return;
  if (staying.length === 0) txn.remove(lockKey(path));
  else txn.put(lockKey(path), staying.join(' '));
  txn.touch(path);
}
