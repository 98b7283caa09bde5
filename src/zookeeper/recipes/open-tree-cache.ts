import type { ZooKeeperClient } from '../client.ts';
import { TreeCache } from './tree-cache.ts';
import type { TreeCacheOptions } from './tree-cache-options.ts';

/** Begins to copy everything from `root` down; resolves when the copy is complete. The root need not exist. */
export async function openTreeCache(
  client: ZooKeeperClient,
  root: string,
  options: TreeCacheOptions & { signal?: AbortSignal } = {},
): Promise<TreeCache> {
  const cache = new TreeCache(client, root, options);
  try {
    await cache.open(options.signal);
    return cache;
  } catch (error) {
    await cache.close();
    throw error;
  }
}
