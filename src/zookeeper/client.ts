import { ErrorCode, NodeExistsError, reasonOf, type ServerFailure, ZooKeeperError } from './errors.ts';
import { type ClientOptions, resolveOptions } from './options.ts';
import { addChroot, checkPath, prefixesOf, stripChroot } from './paths.ts';
import { createWithParents, ensurePath } from './recipes/parents.ts';
import { deleteRecursive } from './recipes/delete-recursive.ts';
import type { CallSpec } from './session/call.ts';
import { addLastingWatch } from './session/lasting-watch.ts';
import * as requests from './session/requests.ts';
import { Session } from './session/session.ts';
import { waitConnected } from './session/wait-connected.ts';
import type { OneShotKind } from './session/watches.ts';
import {
  type Acl,
  type CallOptions,
  type ConnectionState,
  type CreateMode,
  type Data,
  openAcl,
  type Stat,
  type StateChange,
  type WatchListener,
} from './types.ts';
import type { Created, Operation, TransactionResult } from './wire/multi.ts';

export interface CreateOptions extends CreateMode, CallOptions {
  acl?: readonly Acl[];
}

/** `version`: refuse with BadVersionError unless the znode has this one. */
export interface VersionOptions extends CallOptions {
  version?: number;
}

/** `watch`: called once, when what was read changes (see WatchEvent). */
export interface ReadOptions extends CallOptions {
  watch?: WatchListener;
}

export interface AddWatchOptions extends CallOptions {
  /** Also everything below the path, but no `children` events. */
  recursive?: boolean;
}

/**
 * A client with one session at a time. It begins to connect when it is made and keeps itself connected until it is
 * closed. Operations take effect in the order of their calls; do not wait for one before making the next.
 */
export class ZooKeeperClient {
  readonly chroot: string;
  readonly #session: Session;
  /** Cleared when a server turns out not to know `create2`. */
  #createsWithStat = true;

  constructor(options: ClientOptions) {
    const resolved = resolveOptions(options);
    this.chroot = resolved.chroot;
    this.#session = new Session(resolved);
  }

  get state(): ConnectionState {
    return this.#session.state;
  }

  /** 0n while there is none. */
  get sessionId(): bigint {
    return this.#session.id;
  }

  /** As granted by the server. */
  get sessionTimeoutMs(): number {
    return this.#session.timeoutMs;
  }

  /** `host:port` of the server now connected to. */
  get server(): string | undefined {
    return this.#session.server;
  }

  /** Why the servers that are not in use failed when they were tried last: for messages while there is no connection. */
  get failures(): ServerFailure[] {
    return this.#session.dialer.failures;
  }

  /** False when the server may have ended the session by now, for all this process can know; needs no network. */
  get sessionIsSafe(): boolean {
    return this.#session.id !== 0n && performance.now() < this.#session.safeUntil;
  }

  /** How often something has left for a server. While this does not change, no call that was made meanwhile has left. */
  get writes(): number {
    return this.#session.writes;
  }

  /** Calls on every change of state; returns a function that ends this. */
  onState(listener: (change: StateChange) => void): () => void {
    return this.#session.changes.on(listener);
  }

  /** Waits until there is a connection. Rejects with ConnectError after `timeoutMs`. */
  connected(limits: CallOptions = {}): Promise<void> {
    return waitConnected(this.#session, limits);
  }

  /**
   * Throws NoNodeError when the parent does not exist, NodeExistsError when the znode does. A sequential path may end with
   * a slash: the name is then the number alone.
   */
  create(path: string, data: Data = '', options: CreateOptions = {}): Promise<Created> {
    const { acl = openAcl } = options;
    return this.#withStatIfPossible((withStat) =>
      this.#submit(
        () =>
          requests.createSpec(
            this.#newPlace(path, options),
            data,
            { acl, mode: options, withStat },
            this.#toClient,
          ),
        options,
      ),
    );
  }

  /** Creates what is missing above the path as well, the chroot included. */
  createWithParents(path: string, data: Data = '', options: CreateOptions = {}): Promise<Created> {
    return createWithParents(this, path, data, options);
  }

  /** Makes sure that the path exists, with its parents; existing znodes stay as they are. */
  ensurePath(path: string, options: CreateOptions = {}): Promise<void> {
    return ensurePath(this, path, options);
  }

  /** Creates the chroot itself, in case it does not exist yet. */
  async ensureChroot(options: CreateOptions = {}): Promise<void> {
    const { acl = openAcl } = options;
    for (const full of prefixesOf(this.chroot)) {
      const spec = requests.createSpec(
        { path: full, full },
        '',
        { acl, mode: {}, withStat: false },
        (path) => path,
      );
      await ignoreExisting(this.#submit(() => spec, options));
    }
  }

  /** `data` is a view into the bytes received; copy it to keep it long. */
  getData(path: string, options: ReadOptions = {}): Promise<{ data: Buffer; stat: Stat }> {
    return this.#submit(() => requests.getDataSpec(this.#watched('data', path, options)), options);
  }

  setData(path: string, data: Data, options: VersionOptions = {}): Promise<Stat> {
    return this.#submit(() => requests.setDataSpec(this.#place(path), data, options.version ?? -1), options);
  }

  delete(path: string, options: VersionOptions = {}): Promise<void> {
    return this.#submit(() => requests.deleteSpec(this.#place(path), options.version ?? -1), options);
  }

  /** Deletes the znode and everything below it. Already gone is fine. */
  deleteRecursive(path: string, limits: CallOptions = {}): Promise<void> {
    return deleteRecursive(this, path, limits);
  }

  /** The Stat, or undefined when there is no such znode; a watch is set in both cases. */
  exists(path: string, options: ReadOptions = {}): Promise<Stat | undefined> {
    return this.#submit(() => requests.existsSpec(this.#watched('exists', path, options)), options);
  }

  /** Names, in no particular order. */
  getChildren(path: string, options: ReadOptions = {}): Promise<string[]> {
    return this.#submit(() => requests.getChildrenSpec(this.#watched('children', path, options)), options);
  }

  getChildrenAndStat(path: string, options: ReadOptions = {}): Promise<{ children: string[]; stat: Stat }> {
    return this.#submit(
      () => requests.getChildrenAndStatSpec(this.#watched('children', path, options)),
      options,
    );
  }

  /** All operations or none. Throws TransactionError, which says which one failed and why. */
  multi<const T extends readonly Operation[]>(
    operations: T,
    limits: CallOptions = {},
  ): Promise<TransactionResult<T>> {
    const toServer = (operation: Operation) =>
      this.#newPlace(operation.path, (operation.op === 'create' && operation.mode) || {}).full;
    const results = this.#withStatIfPossible((withStat) =>
      this.#submit(
        () => requests.multiSpec(operations, { withStat, toServer, toClient: this.#toClient }),
        limits,
      ),
    );
    return results as Promise<TransactionResult<T>>;
  }

  /** Waits until the server connected to has caught up with the leader. */
  sync(path = '/', limits: CallOptions = {}): Promise<void> {
    return this.#submit(() => requests.syncSpec(this.#place(path)), limits);
  }

  getAcl(path: string, limits: CallOptions = {}): Promise<{ acl: Acl[]; stat: Stat }> {
    return this.#submit(() => requests.getAclSpec(this.#place(path)), limits);
  }

  /** `version` is the Stat's `aversion`. */
  setAcl(path: string, acl: readonly Acl[], options: VersionOptions = {}): Promise<Stat> {
    return this.#submit(() => requests.setAclSpec(this.#place(path), acl, options.version ?? -1), options);
  }

  /** `addAuth('digest', 'user:password')`. A refused credential closes the client with AuthFailedError. */
  addAuth(scheme: string, auth: string | Uint8Array): Promise<void> {
    return this.#session.addCredential({ scheme, auth });
  }

  /**
   * Watches until the returned function is called, through reconnects and new sessions. Throws UnimplementedError on
   * servers before 3.6. After `resync` the listener must read again what it cares for.
   */
  addWatch(
    path: string,
    listener: WatchListener,
    options: AddWatchOptions = {},
  ): Promise<() => Promise<void>> {
    return addLastingWatch(this.#session, this.#place(path), listener, options);
  }

  /** Forgets a one-shot watch that has not fired. */
  removeWatch(path: string, listener: WatchListener): void {
    this.#session.watches.removeOneShot(this.#place(path).full, listener);
  }

  /** Ends the session on the server, waiting for it at most `timeoutMs`. Calls made before are still answered. */
  close({ timeoutMs = 5000 }: { timeoutMs?: number } = {}): Promise<void> {
    return this.#session.close(timeoutMs);
  }

  readonly #toClient = (path: string) => stripChroot(this.chroot, path);

  #place(path: string): requests.Place {
    checkPath(path);
    return { path, full: addChroot(this.chroot, path) };
  }

  /** A sequential path is only the beginning of a name: it may end with a slash. */
  #newPlace(path: string, { sequential = false }: CreateMode): requests.Place {
    if (!sequential) return this.#place(path);
    checkPath(`${path}0`);
    return { path, full: this.chroot + path };
  }

  #watched(kind: OneShotKind, path: string, { watch: listener }: ReadOptions): requests.WatchedRead {
    const { full } = this.#place(path);
    if (!listener) return { path, full, watch: undefined, asks: never };
    const watch = { kind, path: full, listener };
    return { path, full, watch, asks: () => this.#session.watches.needsServer(watch) };
  }

  #withStatIfPossible<T>(send: (withStat: boolean) => Promise<T>): Promise<T> {
    if (!this.#createsWithStat) return send(false);
    return send(true).catch(async (error: unknown) => {
      if (!isUnknownRequest(error)) throw error;
      const result = await send(false);
      this.#createsWithStat = false;
      return result;
    });
  }

  /** Bad arguments reject like all other mistakes. */
  #submit<T>(describe: () => CallSpec<T>, limits: CallOptions): Promise<T> {
    let spec: CallSpec<T>;
    try {
      spec = describe();
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(reasonOf(error)));
    }
    return this.#session.submit(spec, limits);
  }
}

const never = () => false;

/** Servers before 3.5 do not know `create2`, and cannot read a transaction that contains it. */
function isUnknownRequest(error: unknown): boolean {
  if (!(error instanceof ZooKeeperError)) return false;
  return error.code === ErrorCode.unimplemented || error.code === ErrorCode.marshallingError;
}

async function ignoreExisting(creating: Promise<unknown>): Promise<void> {
  try {
    await creating;
  } catch (error) {
    if (!(error instanceof NodeExistsError)) throw error;
  }
}
