/** Floating IPs that servers have left behind are taken by the next ones, each by one only. */
import t, { type Test } from 'tap';
import { openProvider, section } from '../../support/openstack/provider.ts';
import { startOpenstack, type TestOpenstack } from '../../support/openstack/server.ts';

const never = new AbortController().signal;
const unchecked = { 'host-key-checking': false };
const mark = (server: string, provider = 'cloud-a') => `nodepool ${provider} server ${server}`;
const FLOATING_IP = /\/floatingips\/[^/]+$/;

/** One of a server that is gone; `127.1.9.x`, so that it is told apart from those that are made. */
function leaveBehind({ world }: TestOpenstack, id: string, changes: Record<string, unknown> = {}): void {
  world.floatingIps.push({
    id,
    description: mark('gone'),
    floating_network_id: 'net-public',
    floating_ip_address: `127.1.9.${world.floatingIps.length + 1}`,
    port_id: null,
    revision_number: 4,
    ...changes,
  });
}

async function open(t: Test, provider: Record<string, unknown> = {}) {
  const cloud = await startOpenstack(t);
  const opened = openProvider(t, cloud, section(provider, unchecked));
  await opened.settled();
  return { cloud, opened };
}

const made = (cloud: TestOpenstack) => cloud.count('POST', /\/floatingips$/);

t.test('one that is left over is taken before a new one is made, and goes with its new server', async (t) => {
  const { cloud, opened } = await open(t);
  leaveBehind(cloud, 'free');
  const instance = await opened.launch('tiny');
  t.equal(instance.interfaceIp, '127.1.9.1');
  t.equal(made(cloud), 0);
  t.match(cloud.world.floatingIps, [
    { id: 'free', port_id: /^port-1/, fixed_ip_address: '10.20.0.1', description: mark(instance.externalId) },
  ]);
  await opened.provider.tidy?.(never);
  await opened.provider.tidy?.(never);
  t.equal(cloud.world.floatingIps.length, 1, 'the leak round lets it be');
  await opened.provider.destroy(instance.externalId, never);
  t.same(cloud.world.floatingIps, []);
});

t.test('what is attached, of another network, or of others is not taken', async (t) => {
  const { cloud, opened } = await open(t);
  const first = await opened.launch('tiny');
  leaveBehind(cloud, 'attached', { port_id: 'some-port' });
  leaveBehind(cloud, 'of-another-network', { floating_network_id: 'net-other' });
  leaveBehind(cloud, 'of-another-provider', { description: mark('gone', 'cloud-b') });
  leaveBehind(cloud, 'of-a-person', { description: 'for the web server' });
  leaveBehind(cloud, 'of-a-server-that-is-there', { description: mark(first.externalId) });
  const before = structuredClone(cloud.world.floatingIps);
  const second = await opened.launch('tiny', { nodeId: '0000000008' });
  t.match(second.interfaceIp, /^127\.1\.1\./);
  t.equal(made(cloud), 2);
  t.same(cloud.world.floatingIps.slice(0, before.length), before);
});

t.test('with clean-floating-ips those of others are taken as well', async (t) => {
  const { cloud, opened } = await open(t, { 'clean-floating-ips': true });
  leaveBehind(cloud, 'of-a-person', { description: '' });
  t.equal((await opened.launch('tiny')).interfaceIp, '127.1.9.1');
});

t.test('twelve launches take ten, each another one, and two are made', async (t) => {
  const { cloud, opened } = await open(t);
  cloud.world.quota.instances = 20;
  for (let number = 0; number < 10; number += 1) leaveBehind(cloud, `free-${number}`);
  const launches = Array.from({ length: 12 }, (_, number) =>
    opened.launch('tiny', { nodeId: String(number).padStart(10, '0') }),
  );
  const addresses = (await Promise.all(launches)).map(({ interfaceIp }) => interfaceIp);
  t.equal(new Set(addresses).size, 12);
  t.equal(addresses.filter((address) => address?.startsWith('127.1.9.')).length, 10);
  t.equal(made(cloud), 2);
});

t.test('launchers on one project take each another one', async (t) => {
  const cloud = await startOpenstack(t);
  const both = [0, 1].map(() => openProvider(t, cloud, section({}, unchecked)));
  await Promise.all(both.map((opened) => opened.settled()));
  for (let number = 0; number < 3; number += 1) leaveBehind(cloud, `free-${number}`);
  const launches = both.flatMap((opened, launcher) =>
    [0, 1].map((number) => opened.launch('tiny', { nodeId: `000000000${launcher * 2 + number}` })),
  );
  const addresses = (await Promise.all(launches)).map(({ interfaceIp }) => interfaceIp);
  t.equal(new Set(addresses).size, 4);
  const ports = cloud.world.floatingIps.map((ip) => ip['port_id']);
  t.equal(new Set(ports).size, ports.length, 'no port has two');
});

t.test('one that somebody else takes or removes meanwhile is left, and the next one is tried', async (t) => {
  const { cloud, opened } = await open(t);
  for (const id of ['taken', 'removed', 'free']) leaveBehind(cloud, id);
  cloud.fault = ({ method, path }) => {
    if (method !== 'PUT') return undefined;
    const { floatingIps } = cloud.world;
    const ip = floatingIps.find(({ id }) => path.endsWith(`/${id}`));
    if (ip?.id === 'taken') Object.assign(ip, { port_id: 'of-another-launcher', revision_number: 5 });
    if (ip?.id === 'removed') floatingIps.splice(floatingIps.indexOf(ip), 1);
    return undefined;
  };
  t.equal((await opened.launch('tiny')).interfaceIp, '127.1.9.3');
  t.match(cloud.world.floatingIps, [{ id: 'taken', port_id: 'of-another-launcher' }, { id: 'free' }]);
});

t.test('one whose answer was lost is recognised as taken', async (t) => {
  const { cloud, opened } = await open(t);
  leaveBehind(cloud, 'free');
  let lost = 0;
  const { floatingIps } = cloud.world;
  cloud.fault = ({ method, path, body }) => {
    if (method !== 'PUT' || !FLOATING_IP.test(path) || lost > 0) return undefined;
    lost += 1;
    const { floatingip } = body as { floatingip: Record<string, unknown> };
    const server = cloud.world.ports.find(({ id }) => id === floatingip['port_id'])?.['device_id'];
    Object.assign(floatingIps[0] ?? {}, floatingip, { server, revision_number: 5 });
    const addresses = cloud.world.servers[0]?.['addresses'] as Record<string, object[]>;
    addresses['private']?.push({ addr: '127.1.9.1', version: 4, 'OS-EXT-IPS:type': 'floating' });
    return 'reset';
  };
  t.equal((await opened.launch('tiny')).interfaceIp, '127.1.9.1');
  t.equal(lost, 1);
  t.equal(made(cloud), 0);
});

t.test('the leak round does not remove one that was taken since it was listed', async (t) => {
  const { cloud, opened } = await open(t);
  leaveBehind(cloud, 'free');
  await opened.provider.tidy?.(never);
  cloud.fault = ({ method, path }) => {
    const [ip] = cloud.world.floatingIps;
    if (method === 'DELETE' && FLOATING_IP.test(path) && ip?.['port_id'] === null)
      Object.assign(ip, { port_id: 'of-another-launcher', revision_number: 5 });
    return undefined;
  };
  await opened.provider.tidy?.(never);
  t.match(cloud.world.floatingIps, [{ id: 'free', port_id: 'of-another-launcher' }]);
});

t.test('a server whose floating IP changes while it is deleted still takes it along', async (t) => {
  const { cloud, opened } = await open(t);
  const { externalId } = await opened.launch('tiny');
  let changes = 0;
  cloud.fault = ({ method, path }) => {
    const [ip] = cloud.world.floatingIps;
    if (method !== 'DELETE' || !FLOATING_IP.test(path) || changes > 0) return undefined;
    changes += 1;
    if (ip) ip['revision_number'] = 9; // Neutron counts changes of its status too
    return undefined;
  };
  await opened.provider.destroy(externalId, never);
  t.equal(changes, 1);
  t.same(cloud.world.floatingIps, []);
  t.same(cloud.world.servers, []);
});
