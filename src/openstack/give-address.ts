/** The address at which a server that runs is reached, with a floating IP where it needs one. */
import { networkInterfaces } from 'node:os';
import { LaunchError } from '../errors.ts';
import {
  addressesOf,
  chooseAddresses,
  needsFloatingIp,
  type AddressRules,
  type NodeAddresses,
} from './addresses.ts';
import { giveFloatingIp } from './floating-ips.ts';
import type { Inventory } from './inventory.ts';
import type { Launch } from './launch-record.ts';
import { readPoolOptions } from './options.ts';
import { textOf, type Section } from './section.ts';
import type { Session } from './session.ts';

export async function waitForAddress(
  launch: Launch,
  active: Section,
): Promise<{ server: Section; addresses: NodeAddresses }> {
  const { session, inventory, shop, spec, context } = launch;
  const rules = addressRules(session, inventory);
  const wanted =
    session.cloud.floatingIps && readPoolOptions(spec.pool).autoFloatingIp && needsFloatingIp(active, rules)
      ? await giveFloatingIp(session, shop, active, rules, context)
      : undefined;
  let server = active;
  if (wanted !== undefined) {
    context.log.debug('floating IP given', { address: wanted });
    server = await waitUntilShown(launch, textOf(active['id']), wanted);
  }
  const addresses = chooseAddresses(server, rules);
  if (addresses.interfaceIp !== undefined) return { server, addresses };
  const has = addressesOf(server).map(({ address, network }) => `${address} (${network})`);
  throw new LaunchError(
    'address',
    `the server has no address to reach it from here, only ${has.join(', ') || 'none'}; ` +
      'give it a network, a floating IP (auto-floating-ip), or set "private: true" in clouds.yaml',
  );
}

function waitUntilShown({ shop, context }: Launch, id: string, wanted: string): Promise<Section> {
  return shop.servers.until(
    ({ byId }) => {
      const server = byId.get(id);
      if (server === undefined) throw new LaunchError('address', `the server ${id} is gone`);
      return addressesOf(server).some(({ address }) => address === wanted) ? server : undefined;
    },
    { signal: context.signal },
  );
}

function addressRules({ cloud }: Session, { networks }: Inventory): AddressRules {
  return { networks, private: cloud.private, forceIpv4: cloud.forceIpv4, hostHasIpv6 };
}

/** Has this host an IPv6 address that others can reach? */
function hostHasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(
      ({ family, internal, address }) => family === 'IPv6' && !internal && !/^fe80/i.test(address),
    ),
  );
}
