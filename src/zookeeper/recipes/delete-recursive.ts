import type { ZooKeeperClient } from '../client.ts';
import { NoNodeError, NotEmptyError } from '../errors.ts';
import { joinPath } from '../paths.ts';
import type { CallOptions } from '../types.ts';

/** Children of one znode that are deleted at the same time. */
const batch = 256;

/**
 * Deletes from the leaves up. Znodes that turn out to be gone are fine; children that others add meanwhile are deleted
 * as well. Below the top deleting is tried before listing: most znodes are leaves, and cost one request that way.
 */
export async function deleteRecursive(
  client: ZooKeeperClient,
  path: string,
  limits: CallOptions,
): Promise<void> {
  do await deleteChildren(client, path, limits);
  while (!(await tryDelete(client, path, limits)));
}

async function deleteChildren(client: ZooKeeperClient, path: string, limits: CallOptions): Promise<void> {
  const names = await listChildren(client, path, limits);
  for (let start = 0; start < names.length; start += batch) {
    const part = names.slice(start, start + batch);
    await Promise.all(part.map((name) => deleteChild(client, joinPath(path, name), limits)));
  }
}

async function deleteChild(client: ZooKeeperClient, path: string, limits: CallOptions): Promise<void> {
  if (await tryDelete(client, path, limits)) return;
  await deleteRecursive(client, path, limits);
}

/** False when it has children. */
async function tryDelete(client: ZooKeeperClient, path: string, limits: CallOptions): Promise<boolean> {
  try {
    await client.delete(path, limits);
    return true;
  } catch (error) {
    if (error instanceof NoNodeError) return true;
    if (error instanceof NotEmptyError) return false;
    throw error;
  }
}

async function listChildren(client: ZooKeeperClient, path: string, limits: CallOptions): Promise<string[]> {
  try {
    return await client.getChildren(path, limits);
  } catch (error) {
    if (error instanceof NoNodeError) return [];
    throw error;
  }
}
