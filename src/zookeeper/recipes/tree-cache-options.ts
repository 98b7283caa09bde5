import type { OrderedQueue } from './ordered-queue.ts';
import type { TreeChange } from './tree.ts';

/**
 * What to know about a znode: `data` and everything below it; `children` only, which saves reading the data; `name`, the
 * mere existence, which costs no request at all; or `nothing`, then also for everything below.
 */
export type Interest = 'data' | 'children' | 'name' | 'nothing';

export interface TreeCacheOptions<D = Buffer> {
  /** `data` for everything unless given. Must give the same answer each time. */
  interest?: (path: string) => Interest;
  /** Called for every change, after the cache shows it. Also for each znode found at the beginning. */
  onChange?: (change: TreeChange<D>) => void;
  /**
   * What to keep of a znode's data, once for each version of it: a copy of the bytes unless given. The buffer is part of a
   * larger one, so what is kept must not refer to it. Must not throw.
   */
  keep?: (data: Buffer) => D;
  /** `false`: changes may be unseen because the connection is away. `true`: complete again. */
  onCurrent?: (isCurrent: boolean) => void;
  /**
   * Caches of one client that share it apply the changes of all of them in the order in which they were told. What is read
   * for a change may be newer than it, so one path may show more than another one yet does, but never less.
   */
  queue?: OrderedQueue;
  /** A znode could not be read, because of its access control list for instance; it counts as absent. */
  onError?: (error: unknown, path: string) => void;
}
