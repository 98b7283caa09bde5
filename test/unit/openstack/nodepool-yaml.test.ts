import t from 'tap';
import { createDrivers } from '../../../src/bin/drivers.ts';
import { loadConfig } from '../../../src/config/load.ts';

t.test('a nodepool.yaml of Nodepool is taken as it is, with and without "driver"', async (t) => {
  const path = 'test/fixtures/config/openstack/nodepool.yaml';
  const config = await loadConfig({ path, drivers: createDrivers(), env: {} });
  t.same(config.warnings, []);
  t.same(
    [...config.providers.values()].map(({ name, driver }) => [name, driver]),
    [
      ['default', 'openstack'],
      ['vexxhost-ca', 'openstack'],
    ],
  );
  t.match(config.providers.get('default'), { options: { cloud: 'default', rate: 10 } });
});
