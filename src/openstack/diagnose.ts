/** Tries everything that nodes of a provider need, one finding each; for `nodepool provider-check`. */
import { BlockList, isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { ProviderConfig } from '../config/config.ts';
import type { Finding } from '../driver/driver.ts';
import { reasonOf } from '../errors.ts';
import type { Connection } from './connection.ts';
import { chooseFlavor } from './flavors.ts';
import { findNetworks, missingNetworks, whyUnready, type Inventory } from './inventory.ts';
import { readLabelOptions, readPoolOptions, type ProviderOptions } from './options.ts';
import { textOf, type Section } from './section.ts';
import type { Session } from './session.ts';

export interface Diagnosis {
  config: ProviderConfig;
  options: ProviderOptions;
  connection: Connection;
  readQuota(): Promise<Readonly<Record<string, number>>>;
}

/** Ports that must be open on nodes: SSH for launcher and executors, Zuul's console streamer for executors. */
const PORTS = [22, 19885];

export async function* diagnose(diagnosis: Diagnosis, signal: AbortSignal): AsyncIterable<Finding> {
  const { connection, options } = diagnosis;
  let session: Session;
  try {
    session = await connection.session(signal);
  } catch (error) {
    yield { what: 'clouds.yaml', ok: false, detail: reasonOf(error) };
    return;
  }
  const { cloud } = session;
  yield { what: 'clouds.yaml', ok: true, detail: `cloud ${cloud.name} of ${cloud.file}` };
  const project = await attempt('authentication', async () => {
    const id = await session.projectId(signal);
    return `project ${id} at ${cloud.authUrl}, region ${options.region ?? cloud.region ?? 'any'}`;
  });
  yield project;
  if (!project.ok) return;
  yield await attempt('quota', async () => describeQuota(await diagnosis.readQuota()));
  let inventory: Inventory;
  try {
    inventory = await connection.inventory(signal);
  } catch (error) {
    yield { what: 'services', ok: false, detail: reasonOf(error) };
    return;
  }
  yield* checkLabels(diagnosis, inventory);
  yield* checkPools(diagnosis, session, inventory, signal);
}

async function attempt(what: string, work: () => Promise<string>): Promise<Finding> {
  try {
    return { what, ok: true, detail: await work() };
  } catch (error) {
    return { what, ok: false, detail: reasonOf(error) };
  }
}

function describeQuota(quota: Readonly<Record<string, number>>): string {
  const amounts = Object.entries(quota).map(([resource, amount]) => `${amount} ${resource}`);
  return amounts.length === 0 ? 'unlimited' : `${amounts.join(', ')} without what others use`;
}

function* checkLabels({ config, options }: Diagnosis, inventory: Inventory): Iterable<Finding> {
  for (const pool of config.pools.values()) {
    for (const poolLabel of pool.labels.values()) {
      const what = `label ${poolLabel.name}`;
      const problem = whyUnready(inventory, pool, poolLabel, options);
      const label = readLabelOptions(pool, poolLabel);
      const flavor = chooseFlavor(inventory.flavors, label);
      const image =
        label.diskimage === undefined
          ? `image ${inventory.imageIds.get(label.cloudImage ?? '') ?? '?'}`
          : `diskimage ${label.diskimage}`;
      const detail = problem?.reason ?? `${image}, flavor ${flavor?.name ?? '?'}`;
      yield { what, ok: problem === undefined, detail };
    }
  }
}

async function* checkPools(
  { config }: Diagnosis,
  session: Session,
  inventory: Inventory,
  signal: AbortSignal,
): AsyncIterable<Finding> {
  const groups = new Set<string>();
  for (const pool of config.pools.values()) {
    const { found, unknown } = findNetworks(
      inventory,
      (pool.options['networks'] as string[] | undefined) ?? [],
    );
    const networks = found.map(({ name }) => name).join(', ') || 'chosen by Nova';
    const { natSource } = inventory.networks;
    const floating =
      readPoolOptions(pool).autoFloatingIp && session.cloud.floatingIps && natSource
        ? `, floating IPs of ${natSource.name}`
        : '';
    yield {
      what: `networks of ${pool.name}`,
      ok: unknown.length === 0,
      detail: unknown.length === 0 ? networks + floating : missingNetworks(inventory, unknown),
    };
    const named = readPoolOptions(pool).securityGroups;
    for (const group of named.length > 0 ? named : ['default']) groups.add(group);
  }
  if (groups.size === 0) return;
  yield* checkGroups([...groups], session, signal);
}

/** A server is behind all of its groups; what any of them opens is open. */
async function* checkGroups(
  names: readonly string[],
  session: Session,
  signal: AbortSignal,
): AsyncIterable<Finding> {
  const what = `security group ${names.join(', ')}`;
  let found: Section[];
  try {
    const all = await session.list({
      service: 'network',
      path: '/security-groups',
      key: 'security_groups',
      signal,
    });
    found = all.filter(
      (group) => names.includes(textOf(group['name'])) || names.includes(textOf(group['id'])),
    );
  } catch (error) {
    yield { what, ok: false, detail: reasonOf(error) };
    return;
  }
  if (found.length === 0) {
    yield { what, ok: false, detail: 'the cloud has no such group' };
    return;
  }
  const rules = found.flatMap(({ security_group_rules: given }) =>
    Array.isArray(given) ? (given as Section[]) : [],
  );
  for (const port of PORTS) {
    const open = rules.filter((rule) => opens(rule, port));
    const here = open.some((rule) => letsIn(rule, ownAddresses()));
    const from = [...new Set(open.map((rule) => textOf(rule['remote_ip_prefix']) || 'a group'))].join(', ');
    const detail = here ? 'open from here' : from === '' ? 'closed' : `open, but only from ${from}`;
    yield { what: `${what}, TCP ${port}`, ok: here, detail };
  }
}

function opens(rule: Section, port: number): boolean {
  if (rule['direction'] !== 'ingress' || rule['ethertype'] === 'IPv6') return false;
  const protocol = rule['protocol'];
  if (protocol !== null && protocol !== undefined && !['tcp', '6', 'any'].includes(textOf(protocol)))
    return false;
  const [first, last] = [rule['port_range_min'], rule['port_range_max']];
  return typeof first !== 'number' || typeof last !== 'number' || (first <= port && port <= last);
}

function letsIn(rule: Section, addresses: readonly string[]): boolean {
  if (textOf(rule['remote_group_id']) !== '') return false;
  const [network = '', bits = ''] = textOf(rule['remote_ip_prefix']).split('/');
  if (network === '' || bits === '0') return true;
  if (!isIPv4(network)) return false;
  const inside = new BlockList();
  inside.addSubnet(network, Number(bits));
  return addresses.some((address) => inside.check(address));
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).flatMap(({ address, family, internal }) => (family === 'IPv4' && !internal ? [address] : [])),
  );
}
