import type { CreateOptions, ZooKeeperClient } from '../client.ts';
import { NoNodeError, NodeExistsError } from '../errors.ts';
import { parentOf } from '../paths.ts';
import type { CallOptions, Data } from '../types.ts';
import type { Created } from '../wire/multi.ts';

/** Creates the znode, and first its parents if the server says that they are missing. */
export async function createWithParents(
  client: ZooKeeperClient,
  path: string,
  data: Data,
  options: CreateOptions,
): Promise<Created> {
  for (;;) {
    try {
      return await client.create(path, data, options);
    } catch (error) {
      // Parents may be deleted while we create; then it begins again. Only the time limits of the calls end this.
      if (!(error instanceof NoNodeError) || path === '/') throw error;
      await ensurePath(client, parentOf(path), parentOptions(options));
    }
  }
}

/** Creates what is missing of the path. */
export async function ensurePath(
  client: ZooKeeperClient,
  path: string,
  options: CreateOptions,
): Promise<void> {
  if (path === '/') return client.ensureChroot(options);
  try {
    await createWithParents(client, path, '', options);
  } catch (error) {
    if (!(error instanceof NodeExistsError)) throw error;
  }
}

function parentOptions({ acl, timeoutMs, signal }: CreateOptions): CreateOptions {
  const limits: CallOptions = { ...(timeoutMs !== undefined && { timeoutMs }), ...(signal && { signal }) };
  return { ...limits, ...(acl && { acl }) };
}
