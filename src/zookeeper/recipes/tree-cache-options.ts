import type { OrderedQueue } from './ordered-queue.ts';
import type { TreeChange } from './tree.ts';

/**
 * What to know about a znode: `data` and everything below it; `children` only, which saves reading the data; `name`, the
 * mere existence, which costs no request at all; or `nothing`, then also for everything below.
 */
export type Interest = 'data' | 'children' | 'name' | 'nothing';

export interface TreeCacheOptions {
  /** `data` for everything unless given. Must give the same answer each time. */
  interest?: (path: string) => Interest;
  /** Called for every change, after the cache shows it. Also for each znode found at the beginning. */
  onChange?: (change: TreeChange) => void;
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
