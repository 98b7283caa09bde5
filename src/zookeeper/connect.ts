import { ZooKeeperClient } from './client.ts';
import { loadTls } from './net/tls.ts';
import type { ClientOptions } from './options.ts';
import type { CallOptions } from './types.ts';

/** Connects; resolves when there is a session. Rejects with ConnectError, saying why for each server, after `timeoutMs`. */
export async function connect(options: ClientOptions & CallOptions): Promise<ZooKeeperClient> {
  const { timeoutMs = 30_000, signal } = options;
  if (options.tls) await loadTls(options.tls);
  const client = new ZooKeeperClient(options);
  try {
    await client.connected({ timeoutMs, ...(signal && { signal }) });
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}
