import fs from 'node:fs';
import net from 'node:net';
import type { Logger } from '../../log.ts';
import { keysUnder, type Database } from './database.ts';
import type { Files } from './files.ts';
import { sessionKey, splitPath, SESSIONS } from './layout.ts';
import type { News } from './feed.ts';
import { connectTo, isAlive } from './socket.ts';
import { removeSession } from './session.ts';
import type { Writer } from './writer.ts';

/** Until the next attempt to reach a process that cannot answer, for instance because it is stopped. */
const RETRY_MS = 1000;

/**
 * The other sessions. A process that follows the store keeps a connection to each of them, so that the kernel tells it
 * at once when one ends; whoever hears it first removes what the dead one has left.
 */
export class Peers {
  readonly #db: Database;
  readonly #files: Files;
  readonly #log: Logger;
  readonly #writer: Writer;
  readonly #ownId: () => string | undefined;
  /** Undefined while connecting. */
  readonly #connections = new Map<string, net.Socket | undefined>();
  #following = false;

  constructor(options: {
    db: Database;
    files: Files;
    log: Logger;
    writer: Writer;
    ownId: () => string | undefined;
  }) {
    this.#db = options.db;
    this.#files = options.files;
    this.#log = options.log;
    this.#writer = options.writer;
    this.#ownId = options.ownId;
  }

  /** Removes the sessions that died unnoticed. */
  async sweep(sessions = this.#all()): Promise<boolean> {
    const dead = await Promise.all(
      sessions.map(async (id) => {
        if (id === this.#ownId() || (await isAlive(this.#files.socketOf(id)))) return false;
        await this.#bury(id);
        return true;
      }),
    );
    return dead.includes(true);
  }

  /** True when the session's process was alive a moment ago, without asking again. */
  knowsAlive(id: string): boolean {
    return id === this.#ownId() || this.#connections.get(id) !== undefined;
  }

  follow(): void {
    if (this.#following) return;
    this.#following = true;
    for (const id of this.#all()) this.#connect(id);
  }

  /** Notices sessions that begin and end. */
  onNews(news: News): void {
    if (!this.#following) return;
    if (news.everything) {
      for (const id of this.#all()) this.#connect(id);
      return;
    }
    for (const path of news.touched.keys()) {
      const [collection, id] = splitPath(path);
      if (collection !== SESSIONS) continue;
      if (this.#db.doesExist(sessionKey(id))) this.#connect(id);
      else this.#disconnect(id);
    }
  }

  close(): void {
    this.#following = false;
    for (const id of [...this.#connections.keys()]) this.#disconnect(id);
  }

  #all(): string[] {
    this.#db.resetReadTxn();
    return keysUnder(this.#db, sessionKey('')).map((key) => key.slice(sessionKey('').length));
  }

  #connect(id: string): void {
    if (id === this.#ownId() || this.#connections.has(id)) return;
    this.#connections.set(id, undefined);
    void this.#hold(id).catch((error: unknown) => {
      this.#connections.delete(id);
      if (this.#following) this.#log.warning('cannot remove a dead session', { session: id, error });
    });
  }

  async #hold(id: string): Promise<void> {
    const socket = await connectTo(this.#files.socketOf(id));
    if (!this.#following || !this.#connections.has(id)) {
      if (socket instanceof net.Socket) socket.destroy();
      return;
    }
    if (!(socket instanceof net.Socket)) {
      this.#connections.delete(id);
      if (socket === 'dead') await this.#bury(id);
      else setTimeout(() => this.#following && this.#exists(id) && this.#connect(id), RETRY_MS).unref();
      return;
    }
    this.#connections.set(id, socket);
    socket.unref();
    socket.resume();
    socket.on('close', () => {
      if (this.#connections.get(id) !== socket) return;
      this.#connections.delete(id);
      if (this.#following && this.#exists(id)) this.#connect(id);
    });
  }

  #disconnect(id: string): void {
    const socket = this.#connections.get(id);
    this.#connections.delete(id);
    socket?.destroy();
  }

  #exists(id: string): boolean {
    this.#db.resetReadTxn();
    return this.#db.doesExist(sessionKey(id));
  }

  async #bury(id: string): Promise<void> {
    if (!this.#exists(id)) return;
    await this.#writer.run((txn) => removeSession(txn, id));
    fs.rmSync(this.#files.socketOf(id), { force: true });
    this.#log.info('removed the locks of a process that has ended', { session: id });
  }
}
