import type { ZooKeeperClient } from '../client.ts';
import { TreeCache } from './tree-cache.ts';
import type { TreeCacheOptions } from './tree-cache-options.ts';
import { ownCopy } from './tree.ts';

type OpenOptions<D> = TreeCacheOptions<D> & { signal?: AbortSignal };

/** Begins to copy everything from `root` down; resolves when the copy is complete. The root need not exist. */
export async function openTreeCache<D = Buffer>(
  client: ZooKeeperClient,
  root: string,
  // Without `keep` nothing but the default can be D, unless somebody insists.
  { keep = ownCopy as (data: Buffer) => D & Buffer, signal, ...options }: OpenOptions<D> = {},
): Promise<TreeCache<D>> {
  const cache = new TreeCache(client, root, { ...options, keep });
  try {
    await cache.open(signal);
    return cache;
  } catch (error) {
    await cache.close();
    throw error;
  }
}
