/** One server, from a label to an instance that has proven to be reachable. */
import { networkInterfaces } from 'node:os';
import { cancelledLaunch } from '../driver/cancelled.ts';
import type { Instance, LaunchContext, LaunchSpec } from '../driver/driver.ts';
import { checkTcp, scanHostKey } from '../driver/keyscan.ts';
import { LaunchError, reasonOf } from '../errors.ts';
import {
  addressesOf,
  chooseAddresses,
  needsFloatingIp,
  type AddressRules,
  type NodeAddresses,
} from './addresses.ts';
import { hasStatus, ServiceError } from './errors.ts';
import { asLaunchError, faultOf } from './faults.ts';
import { chooseFlavor, missingFlavor } from './flavors.ts';
import { giveFloatingIp } from './floating-ips.ts';
import { findNetworks, type Inventory } from './inventory.ts';
import { markOf, serverMetadata, volumeMetadata } from './mark.ts';
import { readLabelOptions, readPoolOptions, type ImageConnection, type LabelOptions } from './options.ts';
import { asSection, textOf, type Section } from './section.ts';
import { serverRequest } from './server-request.ts';
import { createServer, listServers, markVolume, readConsole } from './services.ts';
import type { Session } from './session.ts';
import { fillTemplate } from './template.ts';
import { nextServers, type Workshop } from './workshop.ts';

/** What a label boots from, and how the result is logged in to. */
export interface BootImage extends ImageConnection {
  /** For metadata: the name in the configuration. */
  name: string;
  id: string;
  /** For the node: the name of a cloud image, the record of an upload. */
  record: string;
  username?: string | undefined;
  pythonPath: string;
  shellType?: string | undefined;
}

interface Launch {
  spec: LaunchSpec;
  context: LaunchContext;
  label: LabelOptions;
  image: BootImage;
  inventory: Inventory;
  session: Session;
  shop: Workshop;
}

/** Removing what a failed launch has made may take so long; the reaper or the leak round goes on after that. */
const CLEAN_UP_TIME_MS = 120_000;

export async function launchServer(
  spec: LaunchSpec,
  context: LaunchContext,
  findImage: () => BootImage,
  shop: Workshop,
): Promise<Instance> {
  const { signal } = context;
  const label = readLabelOptions(spec.pool, spec.label);
  let launch: Launch;
  try {
    const [session, inventory] = await Promise.all([
      shop.connection.session(signal),
      shop.connection.inventory(signal),
    ]);
    launch = { spec, context, label, image: findImage(), inventory, session, shop };
  } catch (error) {
    throw signal.aborted ? cancelledLaunch(signal) : asLaunchError(error, 'prepare');
  }
  return makeServer(launch);
}

async function makeServer(launch: Launch): Promise<Instance> {
  const { context, shop, spec } = launch;
  const request = planServer(launch);
  // Until its id is stored, the leak round must not take the server for a leak.
  shop.unnamed.add(spec.nodeId);
  let serverId: string | undefined;
  try {
    serverId = await create(launch, request);
    await context.onExternalId(serverId);
    shop.unnamed.delete(spec.nodeId);
    return await finish(launch, serverId);
  } catch (error) {
    if (serverId !== undefined) await removeFailed(launch, serverId);
    throw context.signal.aborted ? cancelledLaunch(context.signal) : asLaunchError(error, 'create');
  } finally {
    shop.unnamed.delete(spec.nodeId);
  }
}

async function create(launch: Launch, request: Section): Promise<string> {
  const { session, context, shop } = launch;
  context.signal.throwIfAborted();
  try {
    return await createServer(session, request, context.signal);
  } catch (error) {
    if (error instanceof ServiceError && error.mayHaveWorked) await removeStrays(launch);
    if (hasStatus(error, 400)) shop.connection.refresh();
    throw error;
  }
}

async function finish(launch: Launch, serverId: string): Promise<Instance> {
  launch.context.log.debug('server created', { externalId: serverId });
  const active = await waitUntilActive(launch, serverId);
  await markVolumes(launch, active);
  const { server, addresses } = await waitForAddress(launch, active);
  const hostKeys = await scan(launch, serverId, addresses);
  return describe(launch, server, addresses, hostKeys);
}

function planServer({ spec, context, label, image, inventory, shop }: Launch): Section {
  const flavor = chooseFlavor(inventory.flavors, label);
  if (flavor === undefined)
    throw new LaunchError('prepare', missingFlavor(inventory.flavors, label), { retriable: false });
  const { found, unknown } = findNetworks(inventory, label.networks);
  if (unknown.length > 0)
    throw new LaunchError('prepare', `networks: the cloud has no ${unknown.join(', ')}`, {
      retriable: false,
    });
  const { defaultInterface } = inventory.networks;
  const { provider, options } = shop;
  const metadata = serverMetadata(provider, image.name, spec, label, (key, problem) =>
    context.log.warning('a dynamic-instance-property is left out', { key, error: problem }),
  );
  return serverRequest({
    name: serverName(options.hostnameFormat, provider, spec),
    flavor,
    imageId: image.id,
    configDrive: image.configDrive,
    label,
    securityGroups: readPoolOptions(spec.pool).securityGroups,
    zone: spec.zone,
    metadata,
    networks: found.length > 0 ? found : defaultInterface ? [defaultInterface] : [],
    automaticNetwork: inventory.automaticNetwork,
  });
}

/** `np0000000012`, as Nodepool names them, unless `hostname-format` says otherwise. */
function serverName(format: string | undefined, provider: string, { nodeId, label }: LaunchSpec): string {
  if (format === undefined) return `np${nodeId}`;
  return fillTemplate(format, {
    label: { name: label.name },
    provider: { name: provider },
    node: { id: nodeId },
  });
}

async function waitUntilActive({ shop, context }: Launch, id: string): Promise<Section> {
  for (;;) {
    const server = (await nextServers(shop, context.signal)).find((candidate) => candidate['id'] === id);
    if (server === undefined) {
      // A list that began after the creation and does not show it: somebody has deleted it.
      throw new LaunchError('start', `the server ${id} is gone, deleted by somebody else`);
    }
    if (server['status'] === 'ACTIVE') return server;
    if (server['status'] === 'ERROR') throw faultOf(id, textOf(asSection(server['fault'])?.['message']));
    if (server['status'] === 'DELETED' || server['status'] === 'SOFT_DELETED')
      throw new LaunchError('start', `the server ${id} was deleted by somebody else`);
  }
}

/** So that a volume that Nova leaves behind is known to be ours. Only the leak round needs it, so it may fail. */
async function markVolumes({ label, session, shop, spec, context }: Launch, server: Section): Promise<void> {
  if (!label.bootFromVolume) return;
  for (const id of volumesOf(server)) {
    try {
      await markVolume(session, id, volumeMetadata(shop.provider, spec.nodeId), context.signal);
    } catch (error) {
      context.signal.throwIfAborted();
      context.log.warning('a volume is not marked as ours', { volume: id, error: reasonOf(error) });
    }
  }
}

function volumesOf(server: Section): string[] {
  const attached = server['os-extended-volumes:volumes_attached'];
  return (Array.isArray(attached) ? (attached as Section[]) : []).map((volume) => textOf(volume['id']));
}

async function waitForAddress(
  launch: Launch,
  active: Section,
): Promise<{ server: Section; addresses: NodeAddresses }> {
  const { session, inventory, shop, spec, context } = launch;
  const rules = addressRules(session, inventory);
  const wanted =
    session.cloud.floatingIps && readPoolOptions(spec.pool).autoFloatingIp && needsFloatingIp(active, rules)
      ? await giveFloatingIp(session, shop.provider, active, rules, context.signal)
      : undefined;
  let server = active;
  if (wanted !== undefined) {
    context.log.debug('floating IP given', { address: wanted });
    while (!addressesOf(server).some(({ address }) => address === wanted)) {
      const listed = (await nextServers(shop, context.signal)).find(({ id }) => id === active['id']);
      if (listed === undefined)
        throw new LaunchError('address', `the server ${textOf(active['id'])} is gone`);
      server = listed;
    }
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

function addressRules({ cloud }: Session, { networks }: Inventory): AddressRules {
  return { networks, private: cloud.private, forceIpv4: cloud.forceIpv4, hostHasIpv6: hostHasIpv6() };
}

/** Has this host an IPv6 address that others can reach? */
function hostHasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(
      ({ family, internal, address }) => family === 'IPv6' && !internal && !/^fe80/i.test(address),
    ),
  );
}

const SCANNED_TYPES = new Set(['ssh', 'network_cli']);

async function scan(
  launch: Launch,
  serverId: string,
  { interfaceIp = '' }: NodeAddresses,
): Promise<string[]> {
  const { label, image, context, shop } = launch;
  if (!label.hostKeyChecking) return [];
  const target = {
    host: interfaceIp,
    port: image.connectionPort,
    timeoutMs: shop.bootTimeoutMs,
    signal: context.signal,
  };
  try {
    if (SCANNED_TYPES.has(image.connectionType)) return await scanHostKey(target);
    await checkTcp(target);
    return [];
  } catch (error) {
    if (label.consoleLog) await logConsole(launch, serverId);
    throw error;
  }
}

/** One line each, as they are searched for by node and attempt. */
async function logConsole({ session, context }: Launch, serverId: string): Promise<void> {
  try {
    const output = await readConsole(session, serverId, AbortSignal.timeout(CONSOLE_TIME_MS));
    for (const line of output.split(/\r?\n/)) {
      if (line !== '') context.log.info('console', { externalId: serverId, line });
    }
  } catch (error) {
    context.log.warning('the console cannot be read', { externalId: serverId, error: reasonOf(error) });
  }
}

const CONSOLE_TIME_MS = 30_000;

async function removeFailed({ shop, context }: Launch, serverId: string): Promise<void> {
  try {
    await shop.destroy(serverId, AbortSignal.timeout(CLEAN_UP_TIME_MS));
  } catch (error) {
    context.log.warning('what a failed launch has made is not gone yet', {
      externalId: serverId,
      error: reasonOf(error),
    });
  }
}

/** Nova may have made the server although its answer was lost: it is found by the node in its metadata. */
async function removeStrays({ shop, session, spec, context }: Launch): Promise<void> {
  const signal = AbortSignal.timeout(CLEAN_UP_TIME_MS);
  try {
    const servers = await listServers(session, signal);
    const strays = servers.filter((server) => markOf(server, shop.provider)?.nodeId === spec.nodeId);
    for (const server of strays) await shop.destroy(textOf(server['id']), signal);
  } catch (error) {
    context.log.warning('a server may have been left behind; the leak round removes it', {
      error: reasonOf(error),
    });
  }
}

function describe(
  { image, label, session, shop, spec }: Launch,
  server: Section,
  addresses: NodeAddresses,
  hostKeys: readonly string[],
): Instance {
  const { interfaceIp, publicIpv4, privateIpv4, publicIpv6 } = addresses;
  const zone = textOf(server['OS-EXT-AZ:availability_zone']) || spec.zone;
  const hostId = textOf(server['hostId']);
  return {
    externalId: textOf(server['id']),
    hostname: textOf(server['name']),
    ...(interfaceIp && { interfaceIp }),
    ...(publicIpv4 && { publicIpv4 }),
    ...(privateIpv4 && { privateIpv4 }),
    ...(publicIpv6 && { publicIpv6 }),
    connectionType: image.connectionType,
    connectionPort: image.connectionPort,
    ...(image.username && { username: image.username }),
    hostKeys: label.hostKeyChecking ? hostKeys : [],
    pythonPath: image.pythonPath,
    ...(image.shellType && { shellType: image.shellType }),
    imageId: image.record,
    cloud: session.cloud.name,
    ...(shop.options.region && { region: shop.options.region }),
    ...(zone && { az: zone }),
    ...(hostId && { hostId }),
  };
}
