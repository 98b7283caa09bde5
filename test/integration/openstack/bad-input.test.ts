/** What an operator gets wrong about a cloud: said with provider, key, value and what there is, while others go on. */
import { rmSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { createFakeDriver } from '../../../src/fake/driver.ts';
import { freePort } from '../../support/free-port.ts';
import { startTestLauncher } from '../../support/launcher.ts';
import { section, testDriver } from '../../support/openstack/provider.ts';
import { startOpenstack, type TestOpenstack } from '../../support/openstack/server.ts';
import { until } from '../../support/poll.ts';

const label = { name: 'vm', 'cloud-image': 'debian', 'flavor-name': 'm1.tiny' };
const labelled = (changes: Record<string, unknown>) => ({ labels: [{ ...label, ...changes }] });

/** Each key on a line of its own, as the launcher of the test puts others before them. */
const yamlOf = (config: object): string =>
  Object.entries(config)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
    .join('');

interface Mistake {
  what: string;
  /** Of the provider, and of its pool. */
  provider?: Record<string, unknown>;
  pool?: Record<string, unknown>;
  prepare?: (cloud: TestOpenstack) => void;
  told: RegExp;
}

const mistakes: Mistake[] = [
  {
    what: 'no clouds.yaml',
    prepare: ({ cloudsFile }) => rmSync(cloudsFile),
    told: /^no clouds\.yaml is readable; looked for \/.*clouds\.yaml, .*, \/etc\/openstack\/clouds\.yaml$/,
  },
  {
    what: 'a clouds.yaml that is no YAML',
    prepare: ({ cloudsFile }) => writeFileSync(cloudsFile, 'clouds:\n  main: {auth: [\n'),
    told: /clouds\.yaml:3: expected YAML, found a mistake/,
  },
  {
    what: 'a cloud that is not in clouds.yaml',
    provider: { cloud: 'absent' },
    told: /^cloud: expected a cloud of .*clouds\.yaml \(main\), found "absent"$/,
  },
  {
    what: 'a region that the cloud does not have',
    provider: { 'region-name': 'Mars' },
    told: /^region-name: expected a region .* \(RegionOne\), found "Mars"$/,
  },
  {
    what: 'a wrong password',
    prepare: (cloud) => cloud.writeClouds({}, { password: 'wrong' }),
    told: /^cannot authenticate at the cloud main \(.*clouds\.yaml\): .*: 401 /,
  },
  {
    what: 'a cloud that does not answer',
    prepare: (cloud) => cloud.writeClouds({}, { auth_url: 'http://127.0.0.1:1/v3' }),
    told: /^identity POST http:\/\/127\.0\.0\.1:1\/v3\/auth\/tokens: connection refused$/,
  },
  {
    what: 'an unknown flavor',
    pool: labelled({ 'flavor-name': 'huge' }),
    told: /^flavor-name: .* found "huge"; there are, with their MiB: m1\.tiny \(512\)/,
  },
  {
    what: 'an unknown image',
    provider: { 'cloud-images': [{ name: 'debian', 'image-name': 'gone' }] },
    told: /^cloud-images: .* image of the cloud \(debian\), by name or id, found "gone" \(cloud-image "debian"\)$/,
  },
  {
    what: 'an unknown network',
    pool: { networks: ['lan'] },
    told: /^networks: expected networks of the cloud \(private, public\), found "lan"$/,
  },
];

for (const { what, provider, pool, prepare, told } of mistakes) {
  t.test(`${what} is told, and another provider serves`, async (t) => {
    const cloud = await startOpenstack(t);
    prepare?.(cloud);
    const bad = section(
      { name: 'bad', driver: 'openstack', ...provider },
      { ...labelled({}), 'host-key-checking': false, ...pool },
    );
    const good = { name: 'good', driver: 'fake', pools: [{ name: 'main', labels: [{ name: 'other' }] }] };
    const config = { labels: [{ name: 'vm' }, { name: 'other' }], providers: [bad, good] };
    const launcher = await startTestLauncher(t, yamlOf(config), {
      drivers: [testDriver(cloud), createFakeDriver()],
      waitMs: 60_000,
    });
    const reason = await launcher.wait(() => {
      const status = [...launcher.pools.entries.values()].find(
        ({ value }) => value.provider === 'bad',
      )?.value;
      const found = status?.unhealthy;
      return found?.startsWith('connecting to') ? undefined : found;
    }, 'the pool to say what is wrong');
    t.match(reason, told);
    t.equal((await launcher.fulfilled(['other'])).value.state, 'fulfilled');
  });
}

t.test('both kinds of image at one label are a mistake of the configuration, with its place', async (t) => {
  const cloud = await startOpenstack(t);
  const pool = labelled({ diskimage: 'debian' });
  const providers = [section({ name: 'bad', driver: 'openstack' }, pool)];
  const config = { labels: [{ name: 'vm' }], diskimages: [{ name: 'debian' }], providers };
  const started = startTestLauncher(t, yamlOf(config), { drivers: [testDriver(cloud)] });
  await t.rejects(started, {
    message:
      /providers\[0\]\.pools\[0\]\.labels\[0\].*: expected either "diskimage" or "cloud-image", found both/,
  });
});

t.test('a port that stays closed fails the launch after all attempts, which says so', async (t) => {
  const cloud = await startOpenstack(t);
  const closed = await freePort();
  const bad = section(
    { driver: 'openstack', port: closed, 'boot-timeout': 1, 'launch-retries': 2 },
    labelled({}),
  );
  const launcher = await startTestLauncher(t, yamlOf({ labels: [{ name: 'vm' }], providers: [bad] }), {
    drivers: [testDriver(cloud)],
    waitMs: 60_000,
  });
  const { id } = await launcher.request(['vm']);
  t.equal((await launcher.outcome(id)).value.state, 'failed');
  t.equal(cloud.count('POST', /\/servers$/), 2);
  const told = JSON.stringify(launcher.logged, (_, value: unknown) =>
    value instanceof Error ? value.message : value,
  );
  t.match(
    told,
    new RegExp(`127\\.1\\.\\d+\\.\\d+:${closed}: connection refused \\(\\d+ attempts in \\d+\\.\\d s\\)`),
  );
  await until(() => cloud.world.servers.length === 0 && cloud.world.floatingIps.length === 0);
});
