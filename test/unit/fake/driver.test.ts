import fc from 'fast-check';
import t from 'tap';
import type { Clock } from '../../../src/clock.ts';
import type { Instance, LaunchSpec, Provider } from '../../../src/driver/driver.ts';
import { FAIL_STAGES } from '../../../src/fake/options.ts';
import { createFakeDriver } from '../../../src/fake/driver.ts';
import { silentLogger } from '../../../src/log.ts';
import { providerConfig, schemaMistakes } from '../../support/provider-config.ts';

const never = new AbortController().signal;

/** A clock that does not wait but notes how long it should have. */
function impatientClock(): Clock & { slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    nowMs: () => 0,
    sleep: (delayMs) => {
      slept.push(delayMs);
      return Promise.resolve();
    },
    after: () => () => undefined,
  };
}

function open(
  options: Record<string, unknown>,
  label: Record<string, unknown> = {},
  { driver = createFakeDriver(), clock = impatientClock() } = {},
) {
  const config = providerConfig(driver, {
    name: 'clouds',
    ...options,
    pools: [{ name: 'main', labels: [{ name: 'plain', ...label }] }],
  });
  const provider = driver.open(config, { log: silentLogger, clock, onChange: () => undefined });
  const pool = config.pools.get('main');
  const poolLabel = pool?.labels.get('plain');
  if (pool === undefined || poolLabel === undefined) throw new TypeError('no pool or label');
  let next = 1;
  const launch = (more: Partial<LaunchSpec> = {}): Promise<Instance> => {
    const spec = {
      nodeId: String(next++),
      requestId: '1',
      attempt: 1,
      pool,
      label: poolLabel,
      tenantName: null,
    };
    if (provider.launch === undefined) throw new TypeError('it launches');
    const context = { signal: never, log: silentLogger, onExternalId: () => Promise.resolve() };
    return provider.launch({ ...spec, ...more }, context);
  };
  return { provider, pool, label: poolLabel, launch, clock };
}

/** What becomes of each of 50 launches. */
async function outcomes(launch: () => Promise<Instance>, provider: Provider): Promise<string[]> {
  const results: string[] = [];
  for (let count = 0; count < 50; count += 1) {
    const result = await launch().catch((error: Error) => error);
    if (result instanceof Error) results.push(result.message);
    else
      results.push((await provider.checkAlive?.(result.externalId, never)) === undefined ? 'alive' : 'dead');
  }
  return results;
}

t.test('the same seed gives the same failures, deaths and delays', async (t) => {
  const options = { seed: 7, 'failure-rate': 0.3, 'dead-rate': 0.3, 'launch-delay': [1, 9] };
  const [first, second] = [open(options), open(options)];
  const results = await outcomes(first.launch, first.provider);
  t.same(await outcomes(second.launch, second.provider), results);
  t.same(second.clock.slept, first.clock.slept);
  t.ok(results.some((result) => result === 'alive'));
  t.ok(results.some((result) => result === 'dead'));
  t.ok(results.some((result) => result.includes('failed on purpose')));
});

t.test('delays lie in their range', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.nat(100), fc.nat(100), fc.integer(), async (min, more, seed) => {
      const { launch, provider, clock } = open({
        seed,
        'launch-delay': [min, min + more],
        'delete-delay': min,
      });
      const { externalId } = await launch();
      await provider.destroy(externalId, never);
      const [launched = 0, deleted = 0] = clock.slept;
      t.ok(launched >= min * 1000 && launched <= (min + more) * 1000);
      t.equal(deleted, min * 1000);
    }),
    { numRuns: 30 },
  );
});

t.test('makes no timer without a delay', async (t) => {
  const { launch, provider, clock } = open({});
  const { externalId } = await launch();
  await provider.destroy(externalId, never);
  t.same(clock.slept, []);
});

for (const stage of FAIL_STAGES) {
  t.test(`can fail at stage ${stage}`, async (t) => {
    const { launch, provider } = open({}, { 'failure-rate': 1, 'fail-stage': stage });
    await t.rejects(launch(), { name: 'LaunchError', stage });
    t.same(await provider.list(never), []);
  });
}

t.test('options of the label win over those of the provider', async (t) => {
  const { launch, provider, pool, label } = open(
    { 'failure-rate': 1, unready: 'closed' },
    { 'failure-rate': 0 },
  );
  t.ok(await launch());
  t.same(provider.unready(pool, label), { reason: 'closed', temporary: true });
});

t.test('refuses beyond its quota, as a cloud does, and has room again after a deletion', async (t) => {
  const { launch, provider, pool, label } = open(
    { quota: { instances: 9, ram: 2048 } },
    { cost: { ram: 1024 } },
  );
  t.same(provider.cost(pool, label), { instances: 1, ram: 1024 });
  t.same(await provider.quota(), { instances: 9, ram: 2048 });
  const first = await launch();
  await launch();
  await t.rejects(launch(), {
    name: 'QuotaError',
    message: 'quota of the fake cloud: 2048 of 2048 ram in use, 1024 more wanted',
  });
  await provider.destroy(first.externalId, never);
  t.ok(await launch());
});

t.test('can keep its quota to itself', async (t) => {
  const { launch, provider } = open({ quota: { instances: 0 }, 'report-quota': false });
  t.same(await provider.quota(), {});
  await t.rejects(launch(), { name: 'QuotaError' });
});

t.test('instances survive a reload of the provider, but are not shared between drivers', async (t) => {
  const driver = createFakeDriver();
  const { externalId } = await open({}, {}, { driver }).launch();
  t.match(await open({ 'launch-delay': 1 }, {}, { driver }).provider.list(never), [
    { externalId, nodeId: '1' },
  ]);
  t.same(await open({}).provider.list(never), []);
});

t.test('puts instances into the zone they are asked for', async (t) => {
  const { launch, provider, pool } = open({ zones: ['north', 'south'] });
  t.same(provider.zones?.(pool), ['north', 'south']);
  t.equal((await launch({ zone: 'south' })).az, 'south');
  t.equal((await launch()).az, undefined);
});

t.test('checks its options', (t) => {
  const driver = createFakeDriver();
  const check = (options: Record<string, unknown>) =>
    schemaMistakes(driver, { name: 'clouds', pools: [{ name: 'main', labels: [] }], ...options });
  t.same(check({ 'launch-delay': [0, 0.5], persist: '/tmp/x', quota: { instances: 3 }, zones: ['a'] }), []);
  for (const wrong of [
    { 'launch-delay': -1 },
    { 'launch-delay': [1] },
    { 'failure-rate': 2 },
    { 'fail-stage': 'never' },
    { persist: 'here' },
    { quota: { instances: 'many' } },
    { colour: 'red' },
  ]) {
    t.not(check(wrong).length, 0, JSON.stringify(wrong));
  }
  const reported: string[][] = [];
  const config = providerConfig(driver, {
    name: 'clouds',
    'delete-delay': [3, 1],
    pools: [{ name: 'main', labels: [{ name: 'a' }, { name: 'b', 'launch-delay': [2, 1] }] }],
  });
  driver.check?.(config, (...problem) => reported.push(problem), []);
  t.same(reported, [
    ['delete-delay', 'the minimum before the maximum', '[3,1]'],
    ['pools[0].labels[1].launch-delay', 'the minimum before the maximum', '[2,1]'],
  ]);
  t.end();
});
