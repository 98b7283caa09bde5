import type { ZooKeeperClient } from '../client.ts';
import { ClosedError, closedError, NoNodeError, SessionExpiredError, UnimplementedError } from '../errors.ts';
import { joinPath } from '../paths.ts';
import { callListener } from '../session/emitter.ts';
import type { Stat, StateChange, WatchEvent } from '../types.ts';
import { OrderedQueue } from './ordered-queue.ts';
import { PendingReads } from './pending-reads.ts';
import { Tree, type TreeChange, type TreeNode } from './tree.ts';
import type { Interest, TreeCacheOptions } from './tree-cache-options.ts';
import { WalkWindow } from './walk-window.ts';

type Options<D> = TreeCacheOptions<D> & { keep: (data: Buffer) => D };

/**
 * A copy of a subtree that follows the servers' changes in their order.
 *
 * With one persistent recursive watch every change of data costs one read and every deletion none. Servers before 3.6 do
 * not have it; there each znode carries one-shot watches, and a change of children costs a listing.
 *
 * Why it stays right: answers and events of a connection come in the order in which things happened, so a read that was
 * asked for after an event shows at least that event. All results, and deletions too, go through one queue and are applied
 * in the order of asking. A deletion voids the reads of the same path in front of it. News of a znode whose parent is not
 * known yet is left out: the parent's listing, still to be asked for, will have it. After a reconnect the watch is set first
 * and then everything is read again, so what happened meanwhile is found, deletions included.
 */
export class TreeCache<D = Buffer> {
  readonly root: string;
  readonly #client: ZooKeeperClient;
  readonly #options: Options<D>;
  readonly #tree: Tree<D>;
  readonly #queue: OrderedQueue;
  readonly #reads: PendingReads;
  #walk: WalkWindow | undefined;
  #usesOneShots = false;
  #isCurrent = false;
  #isClosed = false;
  #removeWatch: (() => Promise<void>) | undefined;
  readonly #stopListening: () => void;
  #onWalked: ((error?: Error) => void) | undefined;

  constructor(client: ZooKeeperClient, root: string, options: Options<D>) {
    this.root = root;
    this.#client = client;
    this.#options = options;
    this.#tree = new Tree(root);
    this.#reads = new PendingReads(client);
    this.#queue = options.queue ?? new OrderedQueue();
    this.#stopListening = client.onState((change) => this.#onState(change));
  }

  /** Whether the copy is complete and followed. Otherwise it shows what was known last. */
  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  get size(): number {
    return this.#tree.size;
  }

  get(path: string): TreeNode<D> | undefined {
    return this.#tree.get(path);
  }

  /** Names of the known children, in no particular order. */
  childrenOf(path: string): ReadonlySet<string> {
    return this.#tree.childrenOf(path);
  }

  nodes(): IterableIterator<TreeNode<D>> {
    return this.#tree.nodes();
  }

  /**
   * Resolves when everything the client has heard of by now is in the cache: after an awaited write, that write. (With
   * one-shot watches this holds for changes of data and deletions, and for creations one level deep.)
   */
  async settled(): Promise<void> {
    for (let round = 0; round < (this.#usesOneShots ? 2 : 1); round++) {
      await new Promise<void>((resolve) => this.#queue.addReady(resolve));
    }
  }

  async open(signal?: AbortSignal): Promise<void> {
    const walked = new Promise<void>((resolve, reject) => {
      this.#onWalked = (error) => (error ? reject(error) : resolve());
    });
    const onAbort = () => this.#onWalked?.(signal?.reason as Error);
    signal?.throwIfAborted();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#setWatch().then(() => walked), walked]);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Stops following; what is known stays readable. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#setCurrent(false);
    this.#stopListening();
    await this.#removeWatch?.();
    if (!this.#usesOneShots) return;
    this.#client.removeWatch(this.root, this.#onEvent);
    for (const { path } of this.#tree.nodes()) this.#client.removeWatch(path, this.#onEvent);
  }

  /** The watch first, then the walk: nothing falls in between. */
  async #setWatch(): Promise<void> {
    try {
      const remove = await this.#client.addWatch(this.root, this.#onEvent, { recursive: true, timeoutMs: 0 });
      this.#removeWatch = remove;
      if (this.#isClosed) return await remove();
    } catch (error) {
      if (error instanceof SessionExpiredError) return this.#setWatch();
      if (!(error instanceof UnimplementedError)) throw error;
      this.#usesOneShots = true;
    }
    this.#startWalk();
  }

  #onState({ state, error }: StateChange): void {
    if (state === 'closed') {
      this.#setCurrent(false);
      this.#onWalked?.(error ?? closedError());
    }
    if (state === 'suspended' || state === 'lost') this.#setCurrent(false);
    // With one-shot watches the servers report what was missed, unless the session is gone with its watches.
    if (!this.#usesOneShots) return;
    if (state === 'lost') {
      this.#walk?.cancel();
      this.#walk = undefined;
    }
    if (state !== 'connected') return;
    if (!this.#walk) this.#startWalk();
    else if (this.#walk.isDone) void this.#becomeCurrent();
  }

  /** What was missed is reported before the answer to the first request. */
  async #becomeCurrent(): Promise<void> {
    const walk = this.#walk;
    const answered = await this.#read(this.root, () => this.#client.exists(this.root, { timeoutMs: 0 }));
    if (answered !== null)
      this.#queue.addReady(() => this.#walk === walk && this.#setCurrent(!this.#isClosed));
  }

  readonly #onEvent = ({ type, path }: WatchEvent): void => {
    if (this.#isClosed || this.#interestIn(path) === 'nothing') return;
    if (type === 'resync') this.#startWalk();
    else if (type === 'removed') {
      this.#removeWatch = undefined;
      void this.#setWatch().catch((error: unknown) => this.#options.onError?.(error, this.root));
    } else if (type === 'deleted') this.#enqueueRemoval(path);
    else if (type === 'children') this.#enqueueListing(path);
    else if (type === 'changed' || type === 'created') this.#enqueueRead(path, undefined);
  };

  /** Reads everything. A walk that is still under way goes no deeper. */
  #startWalk(): void {
    this.#setCurrent(false);
    this.#walk?.cancel();
    const walk: WalkWindow = new WalkWindow(() => {
      if (this.#walk !== walk || this.#isClosed) return;
      this.#setCurrent(true);
      this.#onWalked?.();
    });
    this.#walk = walk;
    walk.add(() => this.#enqueueRead(this.root, walk));
  }

  /** `walk`: part of a walk, so that what is below is read as well. */
  #enqueueRead(path: string, walk: WalkWindow | undefined): void {
    const interest = this.#interestIn(path);
    if (interest === 'data' && !walk && this.#reads.isUnsent(path)) return;
    if (interest === 'data') this.#readData(path, walk);
    else this.#queue.addReady(() => this.#applyName(path, interest, walk));
  }

  #readData(path: string, walk: WalkWindow | undefined): void {
    this.#reads.markUnsent(path);
    const step = this.#queue.add(async () => {
      const found = await this.#read(path, () => this.#client.getData(path, this.#readOptions()));
      return (isVoid) => {
        this.#reads.delete(path, step);
        if (!isVoid && found) this.#applyData(path, found, walk);
        else if (!isVoid && found === undefined) this.#applyAbsent(path);
        walk?.done();
      };
    });
    this.#reads.add(path, step);
  }

  #applyData(path: string, { data, stat }: { data: Buffer; stat: Stat }, walk: WalkWindow | undefined): void {
    if (!this.#tree.hasPlaceFor(path)) return;
    const previous = this.#tree.get(path);
    const isNews = previous?.stat?.mzxid !== stat.mzxid;
    const node = { path, data: isNews ? this.#options.keep(data) : previous.data, stat };
    this.#tree.put(node);
    if (isNews) this.#report({ path, node, previous });
    const isNew = !previous && this.#usesOneShots;
    if (
      isNew ||
      (walk && (this.#usesOneShots || stat.numChildren > 0 || this.#tree.childrenOf(path).size > 0))
    ) {
      this.#enqueueListing(path, walk);
    }
  }

  #applyName(path: string, interest: Interest, walk: WalkWindow | undefined): void {
    if (interest !== 'nothing' && !this.#tree.get(path) && this.#tree.hasPlaceFor(path)) {
      const node = { path, data: undefined, stat: undefined };
      this.#tree.put(node);
      this.#report({ path, node, previous: undefined });
    }
    if (interest === 'children' && (walk || this.#usesOneShots)) this.#enqueueListing(path, walk);
    walk?.done();
  }

  #enqueueListing(path: string, walk?: WalkWindow): void {
    if (this.#interestIn(path) === 'name') return;
    walk?.begin();
    const deleted = this.#reads.beginListing(path);
    const step = this.#queue.add(async () => {
      const names = await this.#read(path, () => this.#client.getChildren(path, this.#readOptions()));
      return (isVoid) => {
        this.#reads.delete(path, step);
        this.#reads.endListing(path, deleted);
        if (!isVoid && names) this.#applyListing(path, { names, deleted }, walk);
        else if (!isVoid && names === undefined) this.#applyAbsent(path);
        walk?.done();
      };
    });
    this.#reads.add(path, step);
  }

  #applyListing(
    path: string,
    { names, deleted }: { names: string[]; deleted: ReadonlySet<string> },
    walk: WalkWindow | undefined,
  ): void {
    const found = new Set(names);
    const known = this.#tree.childrenOf(path);
    for (const name of [...known]) if (!found.has(name)) this.#applyAbsent(joinPath(path, name));
    for (const name of names) {
      const child = joinPath(path, name);
      const interest = this.#interestIn(child);
      if (interest === 'nothing') continue;
      // In the listing's turn: the news that the child has gone may wait behind it.
      if (interest === 'name') this.#applyName(child, interest, undefined);
      else if (walk && !walk.isCancelled) walk.add(() => this.#enqueueRead(child, walk));
      else if (this.#usesOneShots && (deleted.has(name) || !known.has(name)))
        this.#enqueueRead(child, undefined);
    }
  }

  #enqueueRemoval(path: string): void {
    this.#reads.voidAll(path);
    this.#queue.addReady(() => this.#applyAbsent(path));
  }

  #applyAbsent(path: string): void {
    for (const previous of this.#tree.remove(path)) {
      this.#report({ path: previous.path, node: undefined, previous });
    }
    if (path === this.root && this.#usesOneShots) this.#waitForRoot();
  }

  /** One-shot watches cannot be set on what is absent, except this one. */
  #waitForRoot(): void {
    void this.#client
      .exists(this.root, { timeoutMs: 0, watch: this.#onEvent })
      .then((stat) => stat && !this.#tree.get(this.root) && this.#enqueueRead(this.root, undefined))
      // The session or the client has ended, which the listener has heard.
      .catch(() => undefined);
  }

  /** Undefined: the znode does not exist. Null: it could not be read, and nothing is known. */
  async #read<T>(path: string, read: () => Promise<T>): Promise<T | undefined | null> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof NoNodeError) return undefined;
      // After a lost session everything is read anew anyway.
      if (error instanceof SessionExpiredError || error instanceof ClosedError) return null;
      this.#options.onError?.(error, path);
      return undefined;
    }
  }

  #readOptions() {
    return this.#usesOneShots ? { timeoutMs: 0, watch: this.#onEvent } : { timeoutMs: 0 };
  }

  #interestIn(path: string): Interest {
    return this.#options.interest?.(path) ?? 'data';
  }

  #setCurrent(isCurrent: boolean): void {
    if (this.#isCurrent === isCurrent) return;
    this.#isCurrent = isCurrent;
    if (this.#options.onCurrent) callListener(this.#options.onCurrent, isCurrent);
  }

  #report(change: TreeChange<D>): void {
    if (this.#options.onChange) callListener(this.#options.onChange, change);
  }
}
