/** Floating IPs: one for a server that has no other way in, gone with it. */
import type { LaunchContext } from '../driver/driver.ts';
import { addressesOf, type AddressRules } from './addresses.ts';
import { hasStatus } from './errors.ts';
import { takeLeftOver } from './left-over-ips.ts';
import { floatingIpMark } from './mark.ts';
import { textOf, type Section } from './section.ts';
import { createFloatingIp, deleteFloatingIp, listPorts } from './services.ts';
import type { Session } from './session.ts';
import type { Workshop } from './workshop.ts';

/**
 * Gives the server a floating IP, on its port in the network that is meant for it, and tells its address; undefined when
 * the server has no such port. One that an earlier server has left behind is taken before a new one is made.
 */
export async function giveFloatingIp(
  session: Session,
  shop: Workshop,
  server: Section,
  { networks }: AddressRules,
  { signal, log }: Pick<LaunchContext, 'signal' | 'log'>,
): Promise<string | undefined> {
  const serverId = textOf(server['id']);
  const ports = await listPorts(session, { device_id: serverId }, signal);
  const target = findPort(ports, networks.natDestination?.id);
  if (target === undefined || networks.natSource === undefined) return undefined;
  const attachment = {
    port_id: target.portId,
    fixed_ip_address: target.address,
    description: floatingIpMark(shop.provider, serverId),
  };
  const networkId = networks.natSource.id;
  const found = await takeLeftOver(session, shop, networkId, attachment, signal);
  if (found !== undefined) log.debug('floating IP of an earlier server taken', { address: found });
  if (found !== undefined) return found;
  const made = await createFloatingIp(session, { floating_network_id: networkId, ...attachment }, signal);
  return textOf(made['floating_ip_address']);
}

/** The newest port of the wanted network, or of any where there is only one. */
function findPort(
  ports: readonly Section[],
  networkId: string | undefined,
): { portId: string; address: string } | undefined {
  const newestFirst = [...ports].sort((a, b) =>
    textOf(b['created_at']).localeCompare(textOf(a['created_at'])),
  );
  const inNetwork = newestFirst.filter((port) => port['network_id'] === networkId);
  for (const port of inNetwork.length > 0 ? inNetwork : newestFirst.length === 1 ? newestFirst : []) {
    const fixed = (Array.isArray(port['fixed_ips']) ? (port['fixed_ips'] as Section[]) : []).find((ip) =>
      /^\d+\.\d+\.\d+\.\d+$/.test(textOf(ip['ip_address'])),
    );
    if (fixed) return { portId: textOf(port['id']), address: textOf(fixed['ip_address']) };
  }
  return undefined;
}

/** Those that this driver made for the server, and those that the server shows: made by others, say by Nodepool. */
export function floatingIpsOf(
  all: readonly Section[],
  provider: string,
  serverId: string,
  server: Section | undefined,
): Section[] {
  const mark = floatingIpMark(provider, serverId);
  const shown = new Set(
    addressesOf(server ?? {}).flatMap(({ floating, address }) => (floating ? [address] : [])),
  );
  return all.filter((ip) => ip['description'] === mark || shown.has(textOf(ip['floating_ip_address'])));
}

/** False: one has changed since it was listed, so that it may not be the server's any more. */
export async function removeFloatingIps(
  session: Session,
  ips: readonly Section[],
  signal: AbortSignal,
): Promise<boolean> {
  const remove = async (ip: Section) => {
    try {
      await deleteFloatingIp(session, ip, signal);
      return true;
    } catch (error) {
      if (hasStatus(error, 412)) return false;
      throw error;
    }
  };
  return (await Promise.all(ips.map(remove))).every(Boolean);
}
