import t from 'tap';
import type { LoadedConfig } from '../../../src/config/load.ts';
import { createFakeDriver } from '../../../src/fake/driver.ts';
import type { PoolStatus } from '../../../src/model/pool-status.ts';
import { openCli } from '../../support/cli.ts';
import { openstackConfig } from '../../support/openstack/provider.ts';
import { startOpenstack } from '../../support/openstack/server.ts';
import { providerConfig } from '../../support/provider-config.ts';

const pool = (given: Partial<PoolStatus>): PoolStatus => ({
  provider: 'cloud-a',
  pool: 'main',
  launcherId: `l-${given.provider ?? 'cloud-a'}-${given.pool ?? 'main'}`,
  driver: 'openstack',
  labels: ['vm'],
  unhealthy: null,
  unready: {},
  paused: null,
  draining: false,
  launching: 0,
  used: { instances: 2 },
  limits: {},
  lastError: null,
  lastErrorTimeS: null,
  unknown: {},
  ...given,
});

t.test('list says below its table which providers cannot serve, and nothing when all can', async (t) => {
  const { store, run } = await openCli(t);
  await store.pools.create(pool({ provider: 'good' }), { ephemeral: true });
  t.match(await run(['list']), { code: 0, stderr: '' });
  await store.pools.create(pool({ unhealthy: 'cannot authenticate' }), { ephemeral: true });
  await store.pools.create(pool({ provider: 'b', unready: { vm: 'no flavor' } }), { ephemeral: true });
  const { code, stdout, stderr } = await run(['list']);
  t.equal(code, 0);
  t.equal(
    stderr,
    'nodepool: provider b is impaired: vm: no flavor\nnodepool: provider cloud-a is unhealthy: cannot authenticate\n',
  );
  t.notMatch(stdout, 'authenticate', 'the table is for scripts');
});

t.test('provider-list shows the worst of each provider, with its reason', async (t) => {
  const { store, run } = await openCli(t);
  const pools = [
    pool({ provider: 'dead', unhealthy: 'no answer' }),
    pool({ provider: 'dead', pool: 'other', unhealthy: 'no answer' }),
    pool({ provider: 'half', unhealthy: 'no answer' }),
    pool({ provider: 'half', pool: 'other' }),
    pool({ provider: 'full', paused: '10 of 10 instances in use' }),
    pool({ provider: 'good' }),
  ];
  for (const status of pools) await store.pools.create(status, { ephemeral: true });
  const { code, stdout } = await run(['provider-list', '--format', 'json']);
  t.equal(code, 0);
  t.match(JSON.parse(stdout), [
    { provider: 'dead', pools: ['main', 'other'], status: 'unhealthy', problem: 'no answer', nodes: 4 },
    { provider: 'full', status: 'at quota', problem: '10 of 10 instances in use' },
    { provider: 'good', status: 'serving', problem: null, driver: 'openstack' },
    { provider: 'half', status: 'impaired', problem: 'no answer' },
  ]);
  t.match((await run(['provider-list'])).stdout, /\| dead +\| openstack \| main, ?other \|/);
});

t.test('provider-check tries an OpenStack, one line each', async (t) => {
  const cloud = await startOpenstack(t);
  const { config, drivers } = openstackConfig(cloud);
  const { run } = await openCli(t, { config, drivers });
  const closed = await run(['provider-check', 'cloud-a']);
  t.equal(closed.code, 1);
  t.match(closed.stdout, /^ok {4}clouds\.yaml: cloud main of .*\nok {4}authentication: project c0ffee/);
  t.match(closed.stdout, 'ok    quota: 10 instances, 20 cores, 51200 ram without what others use\n');
  t.match(closed.stdout, 'ok    label tiny: image aaaaaaaa-0000-0000-0000-000000000002, flavor m1.tiny\n');
  t.match(closed.stdout, 'ok    networks of main: private, floating IPs of public\n');
  t.match(closed.stdout, 'ok    security group default, TCP 22: open from here\n');
  t.match(closed.stdout, 'FAIL  security group default, TCP 19885: open, but only from 198.51.100.0/24\n');

  const [group] = cloud.world.securityGroups;
  (group?.['security_group_rules'] as object[]).push({
    direction: 'ingress',
    ethertype: 'IPv4',
    protocol: 'tcp',
    port_range_min: 19000,
    port_range_max: 20000,
    remote_ip_prefix: '0.0.0.0/0',
  });
  t.match(await run(['provider-check', 'cloud-a']), { code: 0 });

  cloud.writeClouds({}, { password: 'wrong' });
  const wrong = await run(['provider-check', 'cloud-a', '--format', 'json']);
  t.equal(wrong.code, 1);
  t.match(JSON.parse(wrong.stdout), {
    provider: 'cloud-a',
    findings: [
      { what: 'clouds.yaml', ok: true },
      { what: 'authentication', ok: false, detail: /cannot authenticate at the cloud main .*401/ },
    ],
  });
  t.match(await run(['provider-check', 'nobody']), {
    code: 1,
    stderr: 'nodepool: unknown provider nobody; known are: cloud-a\n',
  });
});

t.test('provider-check looks at the labels of a driver that has no check of its own', async (t) => {
  const driver = createFakeDriver();
  const provider = providerConfig(driver, {
    name: 'play',
    pools: [{ name: 'main', labels: [{ name: 'good' }] }],
  });
  const config = { providers: new Map([['play', provider]]) } as unknown as LoadedConfig;
  const { run } = await openCli(t, { config, drivers: [driver] });
  t.match(await run(['provider-check', 'play']), { code: 0, stdout: 'ok    label good in main: ready\n' });
});
