import { readdir } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { systemClock } from '../../../src/clock.ts';
import { createFakeDriver } from '../../../src/fake/driver.ts';
import { silentLogger } from '../../../src/log.ts';
import { providerConfig } from '../../support/provider-config.ts';
import { tempDir } from '../../support/temp.ts';
import { driverContract, type DriverUnderTest } from '../driver/contract.ts';

const section = {
  name: 'clouds',
  quota: { instances: 20, ram: 65536 },
  diskimages: [{ name: 'debian' }],
  pools: [
    {
      name: 'main',
      labels: [
        { name: 'plain', cost: { ram: 1024 } },
        { name: 'slow', 'launch-delay': 60 },
        { name: 'broken', 'failure-rate': 1, 'fail-stage': 'keyscan' },
      ],
    },
  ],
};

function openWith(driver = createFakeDriver(), persist?: string): DriverUnderTest {
  const config = providerConfig(driver, persist === undefined ? section : { ...section, persist });
  const pool = config.pools.get('main');
  if (pool === undefined) throw new TypeError('no pool');
  const [label, slowLabel, failingLabel] = [...pool.labels.values()];
  const provider = driver.open(config, { log: silentLogger, clock: systemClock, onChange: () => undefined });
  return {
    provider,
    pool,
    ...(label && { label }),
    ...(slowLabel && { slowLabel }),
    ...(failingLabel && { failingLabel }),
  };
}

t.test('in memory', async (t: Test) => {
  const driver = createFakeDriver();
  await driverContract(t, () => Promise.resolve(openWith(driver)));
});

t.test('in files', async (t: Test) => {
  const directory = tempDir(t);
  await driverContract(t, () => {
    const under = openWith(createFakeDriver(), directory);
    return Promise.resolve({
      ...under,
      imageRemains: async (id: string) => (await readdir(directory)).filter((name) => name.includes(id)),
      remains: async (id: string) => (await readdir(directory)).filter((name) => name.includes(id)),
    });
  });
  t.same(await readdir(directory), [], 'no file of any instance or claim is left');
});
