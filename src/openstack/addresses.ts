/** Which of a server's addresses is which. Rules: those of the OpenStack SDK, which Nodepool follows. */
import { isIP, isIPv4 } from 'node:net';
import type { NetworkHint } from './cloud-networks.ts';
import { asSection, textOf, type Section } from './section.ts';

export interface Network {
  id: string;
  name: string;
  external: boolean;
  /** Has a `provider:` attribute: only administrators see these. */
  hasProviderAttributes: boolean;
  /** One of its subnets has a gateway. */
  hasGateway: boolean;
}

/** The networks of a cloud by what they are for. */
export interface NetworkMap {
  all: readonly Network[];
  externalIpv4: ReadonlySet<string>;
  internalIpv4: ReadonlySet<string>;
  /** Where floating IPs come from. */
  natSource: Network | undefined;
  /** Where they go to. */
  natDestination: Network | undefined;
  /** `default_interface` of clouds.yaml. */
  defaultInterface: Network | undefined;
}

export function readNetwork(network: Section, subnets: readonly Section[]): Network {
  return {
    id: textOf(network['id']),
    name: textOf(network['name']),
    external: network['router:external'] === true,
    hasProviderAttributes: Boolean(network['provider:network_type'] ?? network['provider:physical_network']),
    hasGateway: subnets.some(
      (subnet) => subnet['network_id'] === network['id'] && Boolean(subnet['gateway_ip']),
    ),
  };
}

export function classifyNetworks(all: readonly Network[], hints: readonly NetworkHint[]): NetworkMap {
  const hintOf = ({ id, name }: Network) => hints.find((hint) => hint.name === name || hint.name === id);
  const flagged = (flag: 'natSource' | 'natDestination' | 'defaultInterface') =>
    all.find((network) => hintOf(network)?.[flag]);
  const external = all.filter((network) => hintOf(network)?.routesExternally ?? network.external);
  const internal = all.filter((network) => {
    const routesExternally = hintOf(network)?.routesExternally;
    return routesExternally === undefined
      ? !network.external && !network.hasProviderAttributes
      : !routesExternally;
  });
  return {
    all,
    externalIpv4: new Set(external.map(({ name }) => name)),
    internalIpv4: new Set(internal.map(({ name }) => name)),
    natSource: flagged('natSource') ?? all.find(({ external }) => external),
    natDestination: flagged('natDestination') ?? internal.find(({ hasGateway }) => hasGateway),
    defaultInterface: flagged('defaultInterface'),
  };
}

/** `{ network: 'private', address: '10.20.0.7', floating: false }` */
export interface Address {
  network: string;
  address: string;
  floating: boolean;
}

/** Of a server as Nova lists it. */
export function addressesOf(server: Section): Address[] {
  return Object.entries(asSection(server['addresses']) ?? {}).flatMap(([network, given]) =>
    (Array.isArray(given) ? (given as unknown[]) : []).flatMap((value) => {
      const entry = asSection(value);
      const address = entry?.['addr'];
      if (typeof address !== 'string' || isIP(address) === 0) return [];
      return [{ network, address, floating: entry?.['OS-EXT-IPS:type'] === 'floating' }];
    }),
  );
}

export interface NodeAddresses {
  interfaceIp: string | undefined;
  publicIpv4: string | undefined;
  privateIpv4: string | undefined;
  publicIpv6: string | undefined;
}

export interface AddressRules {
  networks: NetworkMap;
  private: boolean;
  forceIpv4: boolean;
  /** This host can reach IPv6 addresses. */
  hostHasIpv6: () => boolean;
}

export function chooseAddresses(server: Section, rules: AddressRules): NodeAddresses {
  const addresses = addressesOf(server);
  const { networks } = rules;
  const v4 = addresses.filter(({ address }) => isIPv4(address));
  const on = (names: ReadonlySet<string>, floating?: boolean) =>
    v4.find((found) => names.has(found.network) && (floating === undefined || found.floating === floating));
  const publicIpv4 =
    (textOf(server['accessIPv4']) || undefined) ??
    on(networks.externalIpv4)?.address ??
    v4.find(({ floating }) => floating)?.address ??
    on(new Set(['public']))?.address ??
    v4.find(({ address }) => isGlobal(address))?.address;
  const privateIpv4 =
    on(networks.internalIpv4, false)?.address ?? on(new Set(['private']), false)?.address ?? publicIpv4;
  const publicIpv6 = rules.forceIpv4
    ? undefined
    : textOf(server['accessIPv6']) || addresses.find(({ address }) => !isIPv4(address))?.address;
  const preferred = addresses.find(({ network }) => network === networks.defaultInterface?.name)?.address;
  const usual = rules.private
    ? privateIpv4
    : publicIpv6 !== undefined && rules.hostHasIpv6()
      ? publicIpv6
      : publicIpv4;
  return { interfaceIp: preferred ?? usual, publicIpv4, privateIpv4, publicIpv6 };
}

/** Is there neither a way in from outside nor a reason to do without? */
export function needsFloatingIp(server: Section, rules: AddressRules): boolean {
  const addresses = addressesOf(server);
  const { networks } = rules;
  if (rules.private || networks.natSource === undefined) return false;
  if (addresses.some(({ floating }) => floating)) return false;
  if (textOf(server['accessIPv4']) !== '') return false;
  const v4 = addresses.filter(({ address }) => isIPv4(address));
  if (v4.length === 0) return false;
  return !v4.some(({ network, address }) => networks.externalIpv4.has(network) || isGlobal(address));
}

/** Not one of the ranges for private use, shared space, links, loopback, tests and groups (RFC 6890). */
function isGlobal(address: string): boolean {
  const [a = 0, b = 0, c = 0] = address.split('.').map(Number);
  if (a === 0 || a === 10 || a === 127 || a >= 224) return false;
  if (a === 100 && b >= 64 && b < 128) return false;
  if ((a === 169 && b === 254) || (a === 192 && b === 168) || (a === 172 && b >= 16 && b < 32)) return false;
  if (a === 192 && b === 0 && (c === 0 || c === 2)) return false;
  if ((a === 198 && (b === 18 || b === 19)) || (a === 198 && b === 51 && c === 100)) return false;
  return !(a === 203 && b === 0 && c === 113);
}
