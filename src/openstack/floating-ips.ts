/** Floating IPs: one for a server that has no other way in, gone with it. */
import type { AddressRules } from './addresses.ts';
import { addressesOf } from './addresses.ts';
import { floatingIpMark } from './mark.ts';
import { textOf, type Section } from './section.ts';
import { createFloatingIp, deleteFloatingIp, listPorts } from './services.ts';
import type { Session } from './session.ts';

/**
 * Makes a floating IP on the server's port in the network that is meant for it, and tells its address; undefined when the
 * server has no such port.
 */
export async function giveFloatingIp(
  session: Session,
  provider: string,
  server: Section,
  { networks }: AddressRules,
  signal: AbortSignal,
): Promise<string | undefined> {
  const serverId = textOf(server['id']);
  const ports = await listPorts(session, { device_id: serverId }, signal);
  const target = findPort(ports, networks.natDestination?.id);
  if (target === undefined || networks.natSource === undefined) return undefined;
  const made = await createFloatingIp(
    session,
    {
      floating_network_id: networks.natSource.id,
      port_id: target.portId,
      fixed_ip_address: target.address,
      description: floatingIpMark(provider, serverId),
    },
    signal,
  );
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
): string[] {
  const mark = floatingIpMark(provider, serverId);
  const shown = new Set(
    addressesOf(server ?? {}).flatMap(({ floating, address }) => (floating ? [address] : [])),
  );
  return all
    .filter((ip) => ip['description'] === mark || shown.has(textOf(ip['floating_ip_address'])))
    .map((ip) => textOf(ip['id']));
}

export async function removeFloatingIps(
  session: Session,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(ids.map((id) => deleteFloatingIp(session, id, signal)));
}
