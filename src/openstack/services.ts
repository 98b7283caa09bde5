/** The calls that the driver makes, one function each; nothing is decided here. */
import { hasStatus, ServiceError } from './errors.ts';
import { readNetwork, type Network } from './addresses.ts';
import { readFlavor, type Flavor } from './flavors.ts';
import { asSection, textOf, type Section } from './section.ts';
import type { Session } from './session.ts';

export async function listFlavors(session: Session, signal: AbortSignal): Promise<Flavor[]> {
  const found = await session.list({ service: 'compute', path: '/flavors/detail', key: 'flavors', signal });
  return found.map(readFlavor);
}

/** Available ones; none where the cloud does not tell. */
export async function listZones(session: Session, signal: AbortSignal): Promise<string[]> {
  try {
    const zones = await session.list({
      service: 'compute',
      path: '/os-availability-zone',
      key: 'availabilityZoneInfo',
      signal,
    });
    return zones
      .filter((zone) => asSection(zone['zoneState'])?.['available'] === true)
      .map((zone) => textOf(zone['zoneName']))
      .sort();
  } catch (error) {
    if (hasStatus(error, 403, 404)) return [];
    throw error;
  }
}

export async function listNetworks(session: Session, signal: AbortSignal): Promise<Network[]> {
  const networks = await session.list({ service: 'network', path: '/networks', key: 'networks', signal });
  const subnets = await session.list({ service: 'network', path: '/subnets', key: 'subnets', signal });
  return networks.map((network) => readNetwork(network, subnets));
}

/** All servers of the project; or those that were made, changed or deleted since then, deleted ones as such. */
export function listServers(
  session: Session,
  signal: AbortSignal,
  { changedSince, onDate }: { changedSince?: Date; onDate?: (dateMs: number) => void } = {},
): Promise<Section[]> {
  const query = changedSince && { 'changes-since': `${changedSince.toISOString().slice(0, 19)}Z` };
  const wanted = { ...(query && { query }), ...(onDate && { onDate }) };
  return session.list({ service: 'compute', path: '/servers/detail', key: 'servers', signal, ...wanted });
}

/** Undefined: it is gone. */
export async function getServer(
  session: Session,
  id: string,
  signal: AbortSignal,
): Promise<Section | undefined> {
  try {
    const { body } = await session.call({
      service: 'compute',
      method: 'GET',
      path: `/servers/${id}`,
      signal,
    });
    return asSection(asSection(body)?.['server']);
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

/** The new server's id. Cancelled while it waits for its turn only: an unread answer would be an unknown server. */
export async function createServer(session: Session, server: Section, signal: AbortSignal): Promise<string> {
  const { body } = await session.call({
    service: 'compute',
    method: 'POST',
    path: '/servers',
    json: { server },
    signal,
    timeoutMs: CREATE_TIME_MS,
    uncut: true,
  });
  const id = asSection(asSection(body)?.['server'])?.['id'];
  if (typeof id === 'string') return id;
  const reason = 'expected a server with an id, found none';
  throw new ServiceError(`compute POST /servers: ${reason}`, {
    kind: 'unavailable',
    reason,
    mayHaveWorked: true,
  });
}

/** Nova under load takes its time; what it does after this is found by the node's mark. */
const CREATE_TIME_MS = 120_000;

/** False: there is no such server. */
export async function deleteServer(session: Session, id: string, signal: AbortSignal): Promise<boolean> {
  return deleteAt(session, 'compute', `/servers/${id}`, signal);
}

/** The end of what the server wrote to its console; empty where there is none. */
export async function readConsole(session: Session, id: string, signal: AbortSignal): Promise<string> {
  try {
    const { body } = await session.call({
      service: 'compute',
      method: 'POST',
      path: `/servers/${id}/action`,
      json: { 'os-getConsoleOutput': {} },
      signal,
    });
    const output = asSection(body)?.['output'];
    return typeof output === 'string' ? output : '';
  } catch (error) {
    if (error instanceof ServiceError && error.kind === 'refused') return '';
    throw error;
  }
}

/** Nova's or Cinder's `absolute` limits: `{ maxTotalInstances: 10, … }`. */
export async function readLimits(
  session: Session,
  service: 'compute' | 'volume',
  signal: AbortSignal,
): Promise<Section> {
  const { body } = await session.call({ service, method: 'GET', path: '/limits', signal });
  return asSection(asSection(asSection(body)?.['limits'])?.['absolute']) ?? {};
}

export function listVolumes(session: Session, signal: AbortSignal): Promise<Section[]> {
  return session.list({ service: 'volume', path: '/volumes/detail', key: 'volumes', signal });
}

export async function markVolume(
  session: Session,
  id: string,
  metadata: Section,
  signal: AbortSignal,
): Promise<void> {
  await session.call({
    service: 'volume',
    method: 'POST',
    path: `/volumes/${id}/metadata`,
    json: { metadata },
    signal,
  });
}

export function deleteVolume(session: Session, id: string, signal: AbortSignal): Promise<boolean> {
  return deleteAt(session, 'volume', `/volumes/${id}`, signal);
}

export function listPorts(
  session: Session,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Section[]> {
  return session.list({ service: 'network', path: '/ports', key: 'ports', query, signal });
}

export function deletePort(session: Session, id: string, signal: AbortSignal): Promise<boolean> {
  return deleteAt(session, 'network', `/ports/${id}`, signal);
}

/** All floating IPs of the project. */
export function listFloatingIps(session: Session, signal: AbortSignal): Promise<Section[]> {
  return session.list({ service: 'network', path: '/floatingips', key: 'floatingips', signal });
}

export async function createFloatingIp(
  session: Session,
  floatingip: Section,
  signal: AbortSignal,
): Promise<Section> {
  const { body } = await session.call({
    service: 'network',
    method: 'POST',
    path: '/floatingips',
    json: { floatingip },
    signal,
  });
  return asSection(asSection(body)?.['floatingip']) ?? {};
}

/** Gives one that is there to a port. Throws ServiceError 412 when it is not as it was listed any more. */
export async function attachFloatingIp(
  session: Session,
  ip: Section,
  floatingip: Section,
  signal: AbortSignal,
): Promise<void> {
  await session.call({
    service: 'network',
    method: 'PUT',
    path: `/floatingips/${textOf(ip['id'])}`,
    json: { floatingip },
    headers: ifUnchanged(ip),
    signal,
  });
}

/** Undefined: it is gone. */
export async function getFloatingIp(
  session: Session,
  id: string,
  signal: AbortSignal,
): Promise<Section | undefined> {
  try {
    const path = `/floatingips/${id}`;
    const { body } = await session.call({ service: 'network', method: 'GET', path, signal });
    return asSection(asSection(body)?.['floatingip']);
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

/** Throws ServiceError 412 when it is not as it was listed any more: somebody has taken it. */
export function deleteFloatingIp(session: Session, ip: Section, signal: AbortSignal): Promise<boolean> {
  return deleteAt(session, 'network', `/floatingips/${textOf(ip['id'])}`, signal, ifUnchanged(ip));
}

/** Neutron's extension `revision-if-match`. */
function ifUnchanged({ revision_number: revision }: Section): Record<string, string> {
  return typeof revision === 'number' ? { 'if-match': `revision_number=${revision}` } : {};
}

/** Active images of the name, the newest first; `name` may be an id as well. */
export async function findImages(session: Session, name: string, signal: AbortSignal): Promise<Section[]> {
  const query = { name, status: 'active', sort: 'created_at:desc' };
  const named = await session.list({ service: 'image', path: '/images', key: 'images', query, signal });
  if (named.length > 0 || !/^[0-9a-f-]{32,36}$/i.test(name)) return named;
  const image = await getImage(session, name, signal);
  return image?.['status'] === 'active' ? [image] : [];
}

/** All active images that the project can use. */
export function listImages(session: Session, signal: AbortSignal): Promise<Section[]> {
  const query = { status: 'active', limit: '1000' };
  return session.list({ service: 'image', path: '/images', key: 'images', query, signal });
}

/** Undefined: there is no such image. */
export async function getImage(
  session: Session,
  id: string,
  signal: AbortSignal,
): Promise<Section | undefined> {
  try {
    const { body } = await session.call({ service: 'image', method: 'GET', path: `/images/${id}`, signal });
    return asSection(body);
  } catch (error) {
    if (hasStatus(error, 404, 400)) return undefined;
    throw error;
  }
}

async function deleteAt(
  session: Session,
  service: 'compute' | 'network' | 'volume' | 'image',
  path: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<boolean> {
  try {
    await session.call({ service, method: 'DELETE', path, headers, signal });
    return true;
  } catch (error) {
    if (hasStatus(error, 404)) return false;
    throw error;
  }
}

export function deleteImage(session: Session, id: string, signal: AbortSignal): Promise<boolean> {
  return deleteAt(session, 'image', `/images/${id}`, signal);
}
