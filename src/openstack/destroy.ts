import { floatingIpsOf, removeFloatingIps } from './floating-ips.ts';
import { deleteServer } from './services.ts';
import { allServers, type Workshop } from './workshop.ts';

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
      const [servers, ips] = await Promise.all([allServers(shop, signal), shop.floatingIps.next(signal)]);
      const own = floatingIpsOf(ips, shop.provider, serverId, servers.get(serverId));
      removed = await removeFloatingIps(session, own, signal);
    }
  }
  const sinceMs = shop.clock.nowMs();
  while (await deleteServer(session, serverId, signal)) {
    const askedMs = shop.clock.nowMs();
    const isGone = await shop.servers.until(
      ({ byId, isGone }) => {
        if (isGone(serverId) || byId.get(serverId)?.['status'] === 'SOFT_DELETED') return true;
        return shop.clock.nowMs() - askedMs < ASK_AGAIN_MS ? undefined : false;
      },
      { signal, sinceMs, changesOnly: true },
    );
    if (isGone) return;
  }
}

/** Only a cloud that is known to have no external network cannot have any. */
function hasFloatingIps({ connection }: Workshop): boolean {
  const inventory = connection.known();
  return inventory === undefined || inventory.networks.natSource !== undefined;
}
