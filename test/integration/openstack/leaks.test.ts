import t from 'tap';
import { openProvider, section } from '../../support/openstack/provider.ts';
import { startOpenstack } from '../../support/openstack/server.ts';

const never = new AbortController().signal;
const unchecked = { 'host-key-checking': false };
const mark = (server: string, provider = 'cloud-a') => `nodepool ${provider} server ${server}`;

t.test('floating IPs without their server go when seen twice; those of others stay', async (t) => {
  const cloud = await startOpenstack(t);
  const opened = openProvider(t, cloud, section({}, unchecked));
  await opened.settled();
  const { externalId } = await opened.launch('tiny');
  const [used] = cloud.world.floatingIps;
  cloud.world.floatingIps.push(
    { id: 'leaked', description: mark('gone'), port_id: null },
    { id: 'attached', description: mark('gone'), port_id: 'some-port' },
    { id: 'of-another-provider', description: mark('gone', 'cloud-b'), port_id: null },
    { id: 'of-a-person', description: '', port_id: null },
    { id: 'on-its-way', description: mark(externalId), port_id: null },
  );
  const ids = () => cloud.world.floatingIps.map(({ id }) => id);
  const all = ids();
  await opened.provider.tidy?.(never);
  t.same(ids(), all, 'the first time nothing goes');
  await opened.provider.tidy?.(never);
  t.same(
    ids(),
    all.filter((id) => id !== 'leaked'),
  );
  t.ok(ids().includes(used?.id ?? ''), 'the one in use stays');
});

t.test('clean-floating-ips also takes unattached ones that nobody has marked', async (t) => {
  const cloud = await startOpenstack(t);
  const opened = openProvider(t, cloud, section({ 'clean-floating-ips': true }, unchecked));
  await opened.settled();
  cloud.world.floatingIps.push(
    { id: 'of-a-person', description: '', port_id: null },
    { id: 'attached', description: '', port_id: 'some-port' },
  );
  await opened.provider.tidy?.(never);
  await opened.provider.tidy?.(never);
  t.same(
    cloud.world.floatingIps.map(({ id }) => id),
    ['attached'],
  );
});

t.test('what was away in between is not seen twice', async (t) => {
  const cloud = await startOpenstack(t);
  const opened = openProvider(t, cloud, section({}, unchecked));
  await opened.settled();
  const ip = { id: 'leaked', description: mark('gone'), port_id: null as string | null };
  cloud.world.floatingIps.push(ip);
  await opened.provider.tidy?.(never);
  ip.port_id = 'some-port';
  await opened.provider.tidy?.(never);
  ip.port_id = null;
  await opened.provider.tidy?.(never);
  t.same(cloud.world.floatingIps, [ip]);
});

t.test('ports of servers that do not exist go after port-cleanup-interval', async (t) => {
  const cloud = await startOpenstack(t);
  const opened = openProvider(t, cloud, section({ 'port-cleanup-interval': 0.001 }, unchecked));
  await opened.settled();
  const { externalId } = await opened.launch('tiny');
  const down = { status: 'DOWN', network_id: 'net-private' };
  const others = [
    { ...down, id: 'of-a-server-that-starts', device_owner: 'compute:nova', device_id: externalId },
    { ...down, id: 'of-a-router', device_owner: 'network:router_gateway', device_id: 'router' },
    { ...down, id: 'made-by-a-person', device_owner: '', device_id: '' },
  ];
  cloud.world.ports.push(
    { ...down, id: 'leaked', device_owner: 'compute:nova', device_id: 'gone' },
    ...others,
  );
  await opened.provider.tidy?.(never);
  t.ok(cloud.world.ports.some(({ id }) => id === 'leaked'));
  await opened.provider.tidy?.(never);
  const ids = cloud.world.ports.map(({ id }) => id);
  t.notOk(ids.includes('leaked'));
  for (const { id } of others) t.ok(ids.includes(id), id);
});

t.test('ports stay when port-cleanup-interval is long, or 0', async (t) => {
  for (const seconds of [0, 600]) {
    const cloud = await startOpenstack(t);
    const opened = openProvider(t, cloud, section({ 'port-cleanup-interval': seconds }, unchecked));
    await opened.settled();
    cloud.world.ports.push({ id: 'leaked', status: 'DOWN', device_owner: '', device_id: 'gone' });
    await opened.provider.tidy?.(never);
    await opened.provider.tidy?.(never);
    t.equal(cloud.world.ports.length, 1);
    if (seconds === 0) t.equal(cloud.count('GET', /ports$/), 0, 'nobody even asks');
  }
});

t.test('volumes that Nova has left behind go when seen twice', async (t) => {
  const cloud = await startOpenstack(t);
  const label = {
    'cloud-image': 'debian',
    'flavor-name': 'm1.tiny',
    'boot-from-volume': true,
    'volume-size': 4,
  };
  const opened = openProvider(t, cloud, section({}, { ...unchecked, labels: [{ name: 'tiny', ...label }] }));
  await opened.settled();
  t.same(await opened.provider.quota(), {
    instances: 10,
    cores: 20,
    ram: 51200,
    volumes: 10,
    'volume-gb': 1000,
  });
  await opened.launch('tiny');
  const [own] = cloud.world.volumes;
  t.match(own, { size: 4, metadata: { nodepool_provider_name: 'cloud-a', nodepool_node_id: '0000000007' } });
  const ours = { nodepool_provider_name: 'cloud-a', nodepool_node_id: '0000000003' };
  cloud.world.volumes.push(
    { id: 'leaked', status: 'available', size: 5, metadata: ours, attachments: [] },
    { id: 'deleting', status: 'deleting', size: 5, metadata: ours, attachments: [] },
    { id: 'of-a-person', status: 'available', size: 7, metadata: {}, attachments: [] },
  );
  t.match(
    await opened.provider.quota(),
    { volumes: 9, 'volume-gb': 993 },
    'only what others use is taken off',
  );
  await opened.provider.tidy?.(never);
  t.equal(cloud.world.volumes.length, 4);
  await opened.provider.tidy?.(never);
  t.same(
    cloud.world.volumes.map(({ id }) => id),
    [own?.id, 'deleting', 'of-a-person'],
  );
});

t.test('one kind that cannot be listed does not keep the others', async (t) => {
  const cloud = await startOpenstack(t);
  const opened = openProvider(t, cloud, section({}, unchecked));
  await opened.settled();
  cloud.world.floatingIps.push({ id: 'leaked', description: mark('gone'), port_id: null });
  cloud.fault = ({ path }) =>
    path.endsWith('/ports') ? { status: 403, body: { NeutronError: { message: 'no' } } } : undefined;
  await opened.provider.tidy?.(never);
  await opened.provider.tidy?.(never);
  t.same(cloud.world.floatingIps, []);
});

t.test('a server whose address Nova does not show yet takes its floating IP along', async (t) => {
  const cloud = await startOpenstack(t);
  const opened = openProvider(t, cloud, section({}, unchecked));
  await opened.settled();
  const { externalId } = await opened.launch('tiny');
  const [server] = cloud.world.servers;
  for (const addresses of Object.values(server?.['addresses'] as Record<string, unknown[]>))
    addresses.splice(1);
  await opened.provider.destroy(externalId, never);
  t.same(cloud.world.floatingIps, []);
});

t.test('a floating IP that somebody else has given a server goes with it', async (t) => {
  const cloud = await startOpenstack(t);
  const opened = openProvider(t, cloud, section({}, unchecked));
  await opened.settled();
  const { externalId } = await opened.launch('tiny');
  const [ip] = cloud.world.floatingIps;
  if (ip) ip['description'] = '';
  await opened.provider.destroy(externalId, never);
  t.same(cloud.world.floatingIps, []);
});

t.test('servers of other providers and people count as use, and are never listed', async (t) => {
  const cloud = await startOpenstack(t);
  const first = openProvider(t, cloud, section({}, unchecked));
  const second = openProvider(t, cloud, section({ name: 'cloud-b' }, unchecked));
  await first.settled();
  await second.settled();
  await first.launch('tiny');
  t.same(await first.provider.quota(), { instances: 10, cores: 20, ram: 51200 });
  t.same(await second.provider.quota(), { instances: 9, cores: 19, ram: 51200 - 512 });
  t.same(await second.provider.list(never), []);
});

t.test('limits of -1 are none', async (t) => {
  const cloud = await startOpenstack(t);
  cloud.world.quota = { instances: -1, cores: 8, ram: -1, volumes: 1, gigabytes: 1 };
  const opened = openProvider(t, cloud, section({}, unchecked));
  await opened.settled();
  t.same(await opened.provider.quota(), { cores: 8 });
});

t.test('a cloud without a volume service has room for no volume', async (t) => {
  const cloud = await startOpenstack(t);
  cloud.world.hasVolumes = false;
  const labels = [
    { name: 'tiny', 'cloud-image': 'debian', 'flavor-name': 'm1.tiny', 'boot-from-volume': true },
  ];
  const opened = openProvider(t, cloud, section({}, { ...unchecked, labels }));
  t.match(await opened.settled(), /^boot-from-volume: expected a volume service/);
  t.match(await opened.provider.quota(), { volumes: 0, 'volume-gb': 0 });
});
