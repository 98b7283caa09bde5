import type { ZookeeperConfig } from '../../config/config.ts';
import { reasonOf, StoreError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import { connect, ConnectError, type ZooKeeperClient } from '../../zookeeper/index.ts';

/** Between two lines of the log while no server can be reached. */
const WARN_MS = 10_000;

/**
 * Waits for a connection, for `patienceMs` or as long as it takes. Throws StoreError, naming each server and what is wrong
 * with it, or the file of a certificate that cannot be read.
 */
export async function connectToServers(options: {
  zookeeper: ZookeeperConfig;
  log: Logger;
  patienceMs?: number;
  signal?: AbortSignal;
}): Promise<ZooKeeperClient> {
  const { zookeeper, log, patienceMs, signal } = options;
  const { servers, chroot, tls, sessionTimeoutMs } = zookeeper;
  for (;;) {
    try {
      const client = await connect({
        servers,
        chroot,
        sessionTimeoutMs,
        timeoutMs: patienceMs ?? WARN_MS,
        requestTimeoutMs: patienceMs ?? 0,
        ...(tls && { tls }),
        ...(signal && { signal }),
      });
      if (chroot !== '') await client.ensureChroot();
      return client;
    } catch (error) {
      signal?.throwIfAborted();
      if (patienceMs !== undefined || !(error instanceof ConnectError)) {
        throw new StoreError(describe(error), { cause: error });
      }
      log.warning('ZooKeeper cannot be reached; trying again', { error });
    }
  }
}

function describe(error: unknown): string {
  const next = 'check zookeeper-servers and zookeeper-tls in the configuration';
  return error instanceof ConnectError
    ? `${error.message}\n${next}, and that the servers run`
    : `ZooKeeper cannot be used: ${reasonOf(error)}; ${next}`;
}
