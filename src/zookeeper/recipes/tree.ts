import { nameOf, parentOf } from '../paths.ts';
import type { Stat } from '../types.ts';

/** A znode as last read. Immutable; a change makes a new one. */
export interface TreeNode<D = Buffer> {
  readonly path: string;
  /** What the cache keeps of the data: the bytes, unless told otherwise. Undefined where only the name is tracked. */
  readonly data: D | undefined;
  /**
   * As of the last read of the data. What concerns children (`numChildren`, `cversion`, `pzxid`) may be older than the
   * tree. Undefined where only the name is tracked.
   */
  readonly stat: Stat | undefined;
}

/** `node` absent: removed. `previous` absent: added. */
export interface TreeChange<D = Buffer> {
  readonly path: string;
  readonly node: TreeNode<D> | undefined;
  readonly previous: TreeNode<D> | undefined;
}

interface Entry<D> {
  node: TreeNode<D>;
  children: Set<string>;
}

/** Znodes by path, with the names of their children. */
export class Tree<D> {
  readonly #root: string;
  readonly #entries = new Map<string, Entry<D>>();

  constructor(root: string) {
    this.#root = root;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(path: string): TreeNode<D> | undefined {
    return this.#entries.get(path)?.node;
  }

  childrenOf(path: string): ReadonlySet<string> {
    return this.#entries.get(path)?.children ?? none;
  }

  /** Whether the parent is known. */
  hasPlaceFor(path: string): boolean {
    return path === this.#root || this.#entries.has(parentOf(path));
  }

  *nodes(): IterableIterator<TreeNode<D>> {
    for (const { node } of this.#entries.values()) yield node;
  }

  put(node: TreeNode<D>): void {
    const known = this.#entries.get(node.path);
    if (known) {
      known.node = node;
      return;
    }
    this.#entries.set(node.path, { node, children: new Set() });
    if (node.path !== this.#root) this.#entries.get(parentOf(node.path))?.children.add(nameOf(node.path));
  }

  /** Takes out the znode and everything below it; returns what was there, leaves first. */
  remove(path: string): TreeNode<D>[] {
    const entry = this.#entries.get(path);
    if (!entry) return [];
    const prefix = path === '/' ? '/' : `${path}/`;
    const removed = [...entry.children].flatMap((name) => this.remove(prefix + name));
    this.#entries.delete(path);
    if (path !== this.#root) this.#entries.get(parentOf(path))?.children.delete(nameOf(path));
    return [...removed, entry.node];
  }
}

const none: ReadonlySet<string> = new Set();

/** What is received is a view into a larger buffer, which should not live as long as a cache. */
export function ownCopy(data: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(data.length);
  data.copy(copy);
  return copy;
}
