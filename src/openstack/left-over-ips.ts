/** Floating IPs that servers have left behind: the next server takes them, or the leak round removes them. */
import { hasStatus } from './errors.ts';
import { floatingIpPrefix } from './mark.ts';
import { textOf, type Section } from './section.ts';
import { attachFloatingIp, getFloatingIp } from './services.ts';
import type { Session } from './session.ts';
import { allServers, type Workshop } from './workshop.ts';

/** Unattached, and ours of a server that is not there; with `clean-floating-ips` also those of others. */
export function isLeftOver(
  ip: Section,
  servers: ReadonlySet<string>,
  { provider, options }: Pick<Workshop, 'provider' | 'options'>,
): boolean {
  if (ip['port_id']) return false;
  const [prefix, description] = [floatingIpPrefix(provider), textOf(ip['description'])];
  if (!description.startsWith(prefix)) return options.cleanFloatingIps;
  return !servers.has(description.slice(prefix.length));
}

/**
 * Attaches one of the network as `attachment` says, and tells its address; undefined when there is none. No two launches get
 * the same: those of this process know what is taken, and for others Neutron refuses to change what is not as it was listed.
 */
export async function takeLeftOver(
  session: Session,
  shop: Workshop,
  networkId: string,
  attachment: Readonly<{ port_id: string; fixed_ip_address: string; description: string }>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const none = new Set<string>();
  const isCandidate = (ip: Section, servers: ReadonlySet<string>) =>
    ip['floating_network_id'] === networkId &&
    !shop.takenIps.has(textOf(ip['id'])) &&
    isLeftOver(ip, servers, shop);
  const listed = await shop.floatingIps.next(signal);
  // Whose server still is there is asked only when it matters, which is hardly ever.
  if (!listed.some((ip) => isCandidate(ip, none))) return undefined;
  const servers = new Set((await allServers(shop, signal)).keys());
  for (const ip of listed) {
    if (!isCandidate(ip, servers)) continue;
    shop.takenIps.add(textOf(ip['id']));
    if (await attach(session, ip, attachment, signal)) return textOf(ip['floating_ip_address']);
  }
  return undefined;
}

/** False: somebody else was quicker. */
async function attach(
  session: Session,
  ip: Section,
  attachment: Readonly<{ port_id: string }>,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await attachFloatingIp(session, ip, attachment, signal);
    return true;
  } catch (error) {
    if (!hasStatus(error, 404, 409, 412)) throw error;
    // A call that was repeated because its answer was lost finds its own change.
    const now = await getFloatingIp(session, textOf(ip['id']), signal);
    return now?.['port_id'] === attachment.port_id;
  }
}
