import { floatingIpsOf, removeFloatingIps } from './floating-ips.ts';
import { deleteServer } from './services.ts';
import { textOf, type Section } from './section.ts';
import { nextServers, type Workshop } from './workshop.ts';

/** After this, a server that is still there is asked to go once more: Nova forgets requests when it is restarted. */
const ASK_AGAIN_MS = 60_000;

/**
 * Removes a server and its floating IPs, and waits until the cloud does not show it any more. The floating IPs go first and
 * are found by their mark: a server that is deleted before Nova knows its address would leave it behind.
 */
export async function destroyServer(serverId: string, shop: Workshop, signal: AbortSignal): Promise<void> {
  const session = await shop.connection.session(signal);
  if (session.cloud.floatingIps && hasFloatingIps(shop)) {
    for (let removed = false; !removed;) {
      const [servers, ips] = await Promise.all([nextServers(shop, signal), shop.floatingIps.next(signal)]);
      const server = servers.find(({ id }) => id === serverId);
      removed = await removeFloatingIps(session, floatingIpsOf(ips, shop.provider, serverId, server), signal);
    }
  }
  const sinceMs = shop.clock.nowMs();
  while (await deleteServer(session, serverId, signal)) {
    const askedMs = shop.clock.nowMs();
    do {
      if (!isThere(await nextServers(shop, signal, sinceMs), serverId)) return;
    } while (shop.clock.nowMs() - askedMs < ASK_AGAIN_MS);
  }
}

/** Only a cloud that is known to have no external network cannot have any. */
function hasFloatingIps({ connection }: Workshop): boolean {
  const inventory = connection.known();
  return inventory === undefined || inventory.networks.natSource !== undefined;
}

function isThere(servers: readonly Section[], id: string): boolean {
  return servers.some((server) => server['id'] === id && !GONE.has(textOf(server['status'])));
}

const GONE = new Set(['DELETED', 'SOFT_DELETED']);
