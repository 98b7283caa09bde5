import { parentOf } from '../paths.ts';
import type { WatchEvent, WatchEventType, WatchListener } from '../types.ts';
import { callListener } from './emitter.ts';

export type OneShotKind = 'data' | 'exists' | 'children';
export type PersistentKind = 'persistent' | 'recursive';

/** A one-shot watch that comes with a read. `path` is the server's, with chroot. */
export interface WatchRequest {
  kind: OneShotKind;
  path: string;
  listener: WatchListener;
}

type Listeners = Map<string, Set<WatchListener>>;

/**
 * Who wants to know what. Paths are the server's, with chroot; `toClient` takes it off for listeners.
 *
 * The server remembers one mode for each path and session (until 3.9): a one-shot watch set on exactly the path of a
 * persistent one would silently replace it. So such a one-shot watch is kept here only, and the events of the persistent
 * one serve it; see `needsServer` and `dispatch`.
 */
export class Watches {
  readonly #oneShot: Record<OneShotKind, Listeners> = {
    data: new Map(),
    exists: new Map(),
    children: new Map(),
  };
  readonly #lasting: Record<PersistentKind, Listeners> = { persistent: new Map(), recursive: new Map() };
  readonly #toClient: (path: string) => string;

  constructor(toClient: (path: string) => string) {
    this.#toClient = toClient;
  }

  /** Whether a read must ask the server for the watch, or a persistent one covers it already. */
  needsServer({ kind, path }: WatchRequest): boolean {
    if (this.#lasting.persistent.has(path)) return false;
    return kind === 'children' || !this.#lasting.recursive.has(path);
  }

  addOneShot({ kind, path, listener }: WatchRequest): void {
    add(this.#oneShot[kind], path, listener);
  }

  /** Forgets a one-shot listener, whatever it waits for. */
  removeOneShot(path: string, listener: WatchListener): void {
    for (const listeners of Object.values(this.#oneShot)) remove(listeners, path, listener);
  }

  hasOneShot(path: string): boolean {
    return Object.values(this.#oneShot).some((listeners) => listeners.has(path));
  }

  addLasting(kind: PersistentKind, path: string, listener: WatchListener): void {
    add(this.#lasting[kind], path, listener);
  }

  /** True when that was the last one on the path. */
  removeLasting(kind: PersistentKind, path: string, listener: WatchListener): boolean {
    return remove(this.#lasting[kind], path, listener);
  }

  hasLasting(kind: PersistentKind, path: string): boolean {
    return this.#lasting[kind].has(path);
  }

  /** Everything the server must know again after a reconnect. */
  paths(): Record<OneShotKind | PersistentKind, string[]> {
    const { data, exists, children } = this.#oneShot;
    const { persistent, recursive } = this.#lasting;
    const keys = (listeners: Listeners) => [...listeners.keys()];
    return {
      data: keys(data),
      exists: keys(exists),
      children: keys(children),
      persistent: keys(persistent),
      recursive: keys(recursive),
    };
  }

  /** An event of the server. */
  dispatch(type: WatchEventType, path: string): void {
    const event: WatchEvent = { type, path: this.#toClient(path) };
    for (const listener of this.#listenersOf(type, path)) callListener(listener, event);
    if (type !== 'created' && type !== 'deleted') return;
    // A recursive watch on the parent keeps the server from reporting `children` there.
    const parent = parentOf(path);
    if (path === '/' || !this.#lasting.recursive.has(parent)) return;
    const change: WatchEvent = { type: 'children', path: this.#toClient(parent) };
    for (const listener of take(this.#oneShot.children, parent) ?? []) callListener(listener, change);
  }

  /** The session is over: one-shot watches end. */
  loseOneShots(): void {
    const ended = Object.values(this.#oneShot).flatMap((listeners) => [...listeners]);
    for (const listeners of Object.values(this.#oneShot)) listeners.clear();
    for (const [path, listeners] of ended) this.#tell(listeners, 'lost', path);
  }

  /** The server knows the persistent watches again, but events may have been missed. */
  resync(): void {
    for (const kind of Object.values(this.#lasting)) {
      for (const [path, listeners] of [...kind]) this.#tell(listeners, 'resync', path);
    }
  }

  /** The server does not support persistent watches. */
  removeAllLasting(): void {
    const ended = Object.values(this.#lasting).flatMap((kind) => [...kind]);
    for (const kind of Object.values(this.#lasting)) kind.clear();
    for (const [path, listeners] of ended) this.#tell(listeners, 'removed', path);
  }

  #tell(listeners: Iterable<WatchListener>, type: WatchEventType, path: string): void {
    const event: WatchEvent = { type, path: this.#toClient(path) };
    for (const listener of [...listeners]) callListener(listener, event);
  }

  /** Takes the one-shot listeners that this event ends, and finds the lasting ones. Nobody twice. */
  #listenersOf(type: WatchEventType, path: string): readonly WatchListener[] {
    const { data, exists, children } = this.#oneShot;
    const found: WatchListener[] = [];
    if (type === 'children' || type === 'deleted') addTo(found, take(children, path));
    if (type !== 'children') {
      addTo(found, take(data, path));
      addTo(found, take(exists, path));
    }
    addTo(found, this.#lasting.persistent.get(path));
    if (type === 'children' || this.#lasting.recursive.size === 0) return found;
    for (let at = path; ; at = parentOf(at)) {
      addTo(found, this.#lasting.recursive.get(at));
      if (at === '/') return found;
    }
  }
}

/** Rarely more than one or two, so looking through them is quick. */
function addTo(found: WatchListener[], listeners: ReadonlySet<WatchListener> | undefined): void {
  if (!listeners) return;
  for (const listener of listeners) if (!found.includes(listener)) found.push(listener);
}

function add(listeners: Listeners, path: string, listener: WatchListener): void {
  const known = listeners.get(path);
  if (known) known.add(listener);
  else listeners.set(path, new Set([listener]));
}

function remove(listeners: Listeners, path: string, listener: WatchListener): boolean {
  const known = listeners.get(path);
  if (!known?.delete(listener) || known.size > 0) return false;
  return listeners.delete(path);
}

function take(listeners: Listeners, path: string): ReadonlySet<WatchListener> | undefined {
  const known = listeners.get(path);
  if (known) listeners.delete(path);
  return known;
}
