/** Launches and deletions that go wrong, instances that leak, launchers that die. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createDrivers } from '../../../src/bin/drivers.ts';
import type { Driver, Provider } from '../../../src/driver/driver.ts';
import { makeNode } from '../../../src/model/node.ts';
import { fakeConfig } from '../../support/fake-config.ts';
import { FAST_ROUNDS, startTestLauncher } from '../../support/launcher.ts';
import { tempDir } from '../../support/temp.ts';
import { until } from '../../support/poll.ts';

const cloud = (provider = {}, pool = {}) =>
  fakeConfig({ providers: { cloud: { ...provider, pools: { main: { labels: ['small'], ...pool } } } } });

/** The drivers, with something in the way of each provider that is opened. */
function wrapProviders(wrap: (provider: Provider) => Provider): Driver[] {
  return createDrivers().map((driver) => ({
    ...driver,
    open: (config, deps) => wrap(driver.open(config, deps)),
  }));
}

t.test('a launch that fails each time makes the request fail, with the reason', async (t) => {
  const test = await startTestLauncher(t, cloud({ 'failure-rate': 1, 'launch-retries': 3 }));
  const { id } = await test.request(['small']);
  t.equal((await test.outcome(id)).value.state, 'failed');
  const note = await test.wait(() => test.decisions.entries.get(id)?.value.pools['cloud/main']);
  t.match(note, { verdict: 'failed', reason: /the fake cloud failed on purpose/ });
  t.equal(test.logged.filter(({ message }) => message.includes('trying again')).length, 2, 'three attempts');
  await test.wait(() => test.nodes.entries.size === 0, 'nothing is left');
  const status = await test.wait(() =>
    [...test.pools.entries.values()].find(({ value }) => value.lastError !== null),
  );
  t.match(status.value.lastError, /failed on purpose/);
  await test.zuul.requests.remove(id);
  await test.wait(() => test.decisions.entries.size === 0);
});

t.test('a launch that takes too long fails with the stage timeout', async (t) => {
  const test = await startTestLauncher(
    t,
    cloud({ 'launch-delay': 60, 'launch-timeout': 1, 'launch-retries': 1 }),
  );
  const { id } = await test.request(['small']);
  t.equal((await test.outcome(id)).value.state, 'failed');
  t.match(test.logged.find(({ message }) => message === 'launch failed')?.fields, {
    stage: 'timeout',
    nodeId: /./,
  });
});

t.test('a second attempt keeps the node id', async (t) => {
  let launches = 0;
  const drivers = wrapProviders((provider) => ({
    ...provider,
    launch: (spec, context) => {
      launches += 1;
      if (launches === 1) return Promise.reject(new Error('first time never works'));
      return provider.launch?.(spec, context) ?? Promise.reject(new Error('cannot launch'));
    },
  }));
  const test = await startTestLauncher(t, cloud(), { drivers });
  const { value } = await test.fulfilled(['small']);
  t.equal(launches, 2);
  t.match(test.nodes.entries.get(value.nodes[0] ?? '')?.value.externalId, /-2$/);
});

t.test('when one of several nodes fails, the others become free and another pool may try', async (t) => {
  const test = await startTestLauncher(
    t,
    fakeConfig({
      providers: {
        weak: {
          'launch-retries': 1,
          pools: { main: { priority: 1, labels: ['small', { name: 'big', 'failure-rate': 1 }] } },
        },
        strong: { pools: { main: { priority: 2, labels: ['small', 'big'] } } },
      },
    }),
  );
  const { value } = await test.fulfilled(['small', 'big']);
  const providers = value.nodes.map((id) => test.nodes.entries.get(id)?.value.provider);
  t.same(providers, ['strong', 'strong']);
  t.equal(value.declinedBy.length, 1);
  const free = await test.wait(() =>
    test.inState('ready').find((node) => node.value.provider === 'weak' && node.value.allocatedTo === null),
  );
  t.same(free.value.type, ['small']);
});

t.test('a deletion that fails is tried again, with patience, until it succeeds', async (t) => {
  let tries = 0;
  const drivers = wrapProviders((provider) => ({
    ...provider,
    destroy: (externalId, signal) => {
      tries += 1;
      if (tries < 3) return Promise.reject(new Error('the cloud is in a bad mood'));
      return provider.destroy(externalId, signal);
    },
  }));
  const test = await startTestLauncher(t, cloud(), { drivers, rounds: FAST_ROUNDS });
  await (await test.use((await test.fulfilled(['small'])).id)).finish();
  await test.wait(() => test.nodes.entries.size === 0);
  t.equal(tries, 3, 'the rounds in between do not try');
  t.equal(test.logged.filter(({ message }) => message.includes('not deleted')).length, 1, 'said once');
});

t.test('an instance without a node is removed at the second sighting, and only ours', async (t) => {
  const persist = tempDir(t);
  const leak = (provider: string) => {
    const externalId = `${provider}-0000009999-1`;
    const instance = {
      externalId,
      nodeId: '0000009999',
      pool: 'main',
      cost: { instances: 1 },
      dead: false,
      deleteDelayMs: 0,
    };
    writeFileSync(join(persist, `${provider}:${externalId}`), JSON.stringify(instance));
  };
  const test = await startTestLauncher(t, cloud({ persist }), { rounds: FAST_ROUNDS });
  await test.fulfilled(['small']);
  leak('cloud');
  leak('elsewhere');
  await until(() => !readdirSync(persist).includes('cloud:cloud-0000009999-1'));
  t.equal(readdirSync(persist).length, 2, 'the node and the one of somebody else are there');
  t.equal(test.inState('ready').length, 1);
});

t.test('what a launcher that died was doing is undone and done again', async (t) => {
  const test = await startTestLauncher(t, cloud(), { rounds: FAST_ROUNDS });
  // A launcher that is killed leaves a pending request and nodes in every state, all unlocked.
  const lost = await test.request(['small', 'small'], { state: 'pending' });
  const left = makeNode({ provider: 'cloud', pool: 'main', type: ['small'], allocatedTo: lost.id });
  const stateTimeS = Date.now() / 1000;
  const ready = await test.zuul.nodes.create({
    ...left,
    state: 'ready',
    stateTimeS,
    externalId: 'cloud-x-1',
  });
  const building = await test.zuul.nodes.create({ ...left, state: 'building', stateTimeS });
  const init = await test.zuul.nodes.create({ ...left, state: 'init', stateTimeS });
  const fulfilled = await test.outcome(lost.id);
  t.equal(fulfilled.value.state, 'fulfilled');
  t.notOk(fulfilled.value.nodes.includes(building.id) || fulfilled.value.nodes.includes(init.id));
  await test.wait(
    () => test.nodes.entries.size === 2 && !test.nodes.entries.has(ready.id),
    'the dead node went as well',
  );
});

t.test('a node forgotten before it was locked is removed after a while', async (t) => {
  const test = await startTestLauncher(t, cloud(), { rounds: FAST_ROUNDS });
  const old = makeNode({ provider: 'cloud', pool: 'main', type: ['small'], state: 'init', stateTimeS: 1 });
  await test.zuul.nodes.create(old);
  await test.wait(() => test.nodes.entries.size === 0);
});

t.test('nodes of providers that are not configured here are left alone', async (t) => {
  const test = await startTestLauncher(t, cloud(), { rounds: FAST_ROUNDS });
  const foreign = makeNode({
    provider: 'elsewhere',
    pool: 'main',
    type: ['small'],
    state: 'used',
    stateTimeS: 1,
  });
  await test.zuul.nodes.create(foreign);
  await (await test.use((await test.fulfilled(['small'])).id)).finish();
  await test.wait(() => test.nodes.entries.size === 1);
  t.equal(test.inState('used').length, 1);
});
