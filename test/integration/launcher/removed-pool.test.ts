/** A pool or provider that is taken out of the configuration while the launcher is down, and its nodes in use. */
import t from 'tap';
import { createFakeDriver } from '../../../src/fake/driver.ts';
import { staticDriver } from '../../../src/static/driver.ts';
import { fakeConfig, type FakeProvider } from '../../support/fake-config.ts';
import { FAST_ROUNDS, startTestLauncher, type TestLauncherOptions } from '../../support/launcher.ts';
import { testDriver } from '../../support/openstack/provider.ts';
import { startOpenstack } from '../../support/openstack/server.ts';
import { startSshServer } from '../../support/ssh-server.ts';
import { tempDir } from '../../support/temp.ts';

const farm = (provider: object, pools: FakeProvider['pools']) =>
  fakeConfig({ providers: { farm: { ...provider, pools } }, labels: { small: {} } });

/** Uses a node as `before` says, and starts another launcher with `after`: its job has ended meanwhile. */
async function restart(
  t: Parameters<typeof startTestLauncher>[0],
  before: string,
  after: string,
  options: TestLauncherOptions,
) {
  const dir = tempDir(t);
  const first = await startTestLauncher(t, before, { ...options, dir });
  const { nodes } = await first.use((await first.fulfilled(['small'])).id);
  await first.stop();
  const test = await startTestLauncher(t, after, { ...options, dir, rounds: FAST_ROUNDS });
  return { test, node: nodes[0]! };
}

t.test('OpenStack: the server is deleted, its pool need not be known for that', async (t) => {
  const cloud = await startOpenstack(t);
  const provider = {
    driver: 'openstack',
    cloud: 'main',
    rate: 0,
    'cloud-images': [{ name: 'debian', username: 'zuul' }],
  };
  const pool = {
    networks: ['private'],
    'host-key-checking': false,
    labels: [{ name: 'small', 'cloud-image': 'debian', 'flavor-name': 'm1.tiny' }],
  };
  const { test, node } = await restart(t, farm(provider, { main: pool, second: pool }), farm(provider, {}), {
    drivers: [testDriver(cloud)],
  });
  t.equal(node.value.state, 'ready');
  await test.wait(() => test.nodes.entries.size === 0);
  t.equal(cloud.world.servers.length, 0);
});

t.test('static: there is nothing to delete but the record', async (t) => {
  const { host, port, hostKeys } = await startSshServer(t);
  const nodes = [{ name: host, 'connection-port': port, 'host-key': hostKeys, labels: ['small'] }];
  const provider = { driver: 'static' };
  const { test } = await restart(
    t,
    farm(provider, { main: { nodes } }),
    farm(provider, { other: { nodes: [] } }),
    {
      drivers: [staticDriver],
    },
  );
  await test.wait(() => test.nodes.entries.size === 0);
  t.notOk(test.logged.some(({ message }) => /not deleted/.test(message)));
});

t.test('a provider that no launcher has: its node stays as it is, and the log says so once', async (t) => {
  const drivers = [createFakeDriver()];
  const { test, node } = await restart(
    t,
    farm({}, { main: { labels: ['small'] } }),
    fakeConfig({ providers: {} }),
    { drivers },
  );
  const told = () =>
    test.logged.filter(({ message }) => /no running launcher has the provider farm/.test(message));
  await test.wait(() => told().length > 0);
  await test.zuul.nodes.update(node.id, (value) => ({ ...value, comment: 'seen again' }));
  t.match(test.nodes.entries.get(node.id)?.value, { state: 'in-use', externalId: node.value.externalId });
  t.match(told(), [{ level: 'warning', message: /`nodepool erase farm`/ }]);

  await test.reload(farm({}, { main: { labels: ['small'] } }));
  await test.wait(() => test.nodes.entries.size === 0);
});
