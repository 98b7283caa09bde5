/** Several launchers on one state, several providers, and what they write down for people. */
import t from 'tap';
import { fakeConfig } from '../../support/fake-config.ts';
import { FAST_ROUNDS, startTestLauncher } from '../../support/launcher.ts';

const pool = (provider: string, more = {}, labels = ['small']) => ({
  [provider]: { pools: { main: { labels, ...more } } },
});

t.test('two launchers share requests and do nothing twice', async (t) => {
  const one = await startTestLauncher(t, fakeConfig({ providers: pool('one', { 'max-servers': 15 }) }), {
    rounds: FAST_ROUNDS,
  });
  const two = await startTestLauncher(t, fakeConfig({ providers: pool('two', { 'max-servers': 15 }) }), {
    dir: one.dir,
  });
  // Room for all of them only in both together.
  const requests = await Promise.all(Array.from({ length: 30 }, () => one.request(['small'])));
  const done = await Promise.all(requests.map(({ id }) => one.outcome(id)));
  t.ok(done.every(({ value }) => value.state === 'fulfilled'));
  const ids = done.flatMap(({ value }) => value.nodes);
  t.equal(new Set(ids).size, 30, 'a node each');
  t.equal(one.nodes.entries.size, 30, 'and no other');
  const providers = new Set(ids.map((id) => one.nodes.entries.get(id)?.value.provider));
  t.same([...providers].toSorted(), ['one', 'two'], 'both took part');
  await two.stop();
});

t.test('a request fails only when the pools of every launcher have declined it', async (t) => {
  const one = await startTestLauncher(t, fakeConfig({ providers: pool('one', { 'max-servers': 1 }) }));
  const two = await startTestLauncher(t, fakeConfig({ providers: pool('two', { 'max-servers': 3 }) }), {
    dir: one.dir,
  });
  const large = await one.request(['small', 'small']);
  const served = await one.outcome(large.id);
  t.equal(served.value.state, 'fulfilled');
  const huge = await one.outcome((await one.request(['small', 'small', 'small', 'small'])).id);
  t.equal(huge.value.state, 'failed');
  t.equal(huge.value.declinedBy.length, 2);
  await two.stop();
  const later = await one.outcome((await one.request(['small', 'small'])).id);
  t.match(later.value, { state: 'failed', declinedBy: { length: 1 } }, 'who has gone is not waited for');
});

t.test('the pool of better priority serves while it can', async (t) => {
  const test = await startTestLauncher(
    t,
    fakeConfig({
      providers: { ...pool('dear', { priority: 200 }), ...pool('cheap', { priority: 50, 'max-servers': 2 }) },
    }),
  );
  const providerOf = async () => {
    const { value } = await test.fulfilled(['small']);
    return test.nodes.entries.get(value.nodes[0] ?? '')?.value.provider;
  };
  t.equal(await providerOf(), 'cheap');
  t.equal(await providerOf(), 'cheap');
  t.equal(await providerOf(), 'dear');
});

t.test('the preferred provider serves, whatever the priorities', async (t) => {
  const test = await startTestLauncher(
    t,
    fakeConfig({ providers: { ...pool('far', { priority: 200 }), ...pool('near', { priority: 50 }) } }),
  );
  const { value } = await test.fulfilled(['small'], { provider: 'far' });
  t.equal(test.nodes.entries.get(value.nodes[0] ?? '')?.value.provider, 'far');
});

t.test('a waiting request has a reason from every pool that could serve it', async (t) => {
  const test = await startTestLauncher(
    t,
    fakeConfig({ providers: { ...pool('one', { 'max-servers': 1 }), ...pool('two', { 'max-servers': 1 }) } }),
  );
  await test.fulfilled(['small']);
  await test.fulfilled(['small']);
  const { id } = await test.request(['small']);
  const reasons = await test.wait(() => {
    const pools = test.decisions.entries.get(id)?.value.pools ?? {};
    return Object.keys(pools).length === 2 && pools;
  });
  t.match(reasons, {
    'one/main': { verdict: 'paused', reason: 'at quota: 1 of 1 instances in use' },
    'two/main': { verdict: 'paused', reason: 'at quota: 1 of 1 instances in use' },
  });
  const status = await test.wait(() => {
    const all = [...test.pools.entries.values()].map(({ value }) => value);
    return all.length === 2 && all.every(({ paused }) => paused !== null) && all;
  });
  t.match(status[0], {
    used: { instances: 1 },
    limits: { instances: 1 },
    labels: ['small'],
    draining: false,
  });
  await test.zuul.requests.remove(id);
  await test.wait(() => test.decisions.entries.size === 0);
  await test.launcher.stop(AbortSignal.timeout(2_000));
});

t.test('an unhealthy provider is passed by, and the request waits if it is the only one', async (t) => {
  const sick = {
    pools: { main: { priority: 1, labels: ['small', 'big'] } },
    unready: 'hypervisor unreachable',
  };
  const test = await startTestLauncher(
    t,
    fakeConfig({ providers: { sick, ...pool('well', { priority: 9 }) } }),
  );
  const { value } = await test.fulfilled(['small']);
  t.equal(test.nodes.entries.get(value.nodes[0] ?? '')?.value.provider, 'well');
  const big = await test.request(['big']);
  const note = await test.wait(() => test.decisions.entries.get(big.id)?.value.pools['sick/main']);
  t.match(note, { verdict: 'deferred', reason: 'hypervisor unreachable' });
  t.equal(test.requests.entries.get(big.id)?.value.state, 'requested');
  const status = await test.wait(() =>
    [...test.pools.entries.values()].map(({ value }) => value).find(({ unhealthy }) => unhealthy !== null),
  );
  t.match(status, {
    provider: 'sick',
    unhealthy: 'hypervisor unreachable',
    unready: { small: 'hypervisor unreachable', big: 'hypervisor unreachable' },
  });
});

t.test('a pool that cannot serve one of its labels is healthy for the others', async (t) => {
  const labels = ['small', { name: 'big', unready: 'image missing' }];
  const test = await startTestLauncher(
    t,
    fakeConfig({ providers: { half: { pools: { main: { labels } } } } }),
  );
  const status = await test.wait(() =>
    [...test.pools.entries.values()].map(({ value }) => value).find(({ unready }) => 'big' in unready),
  );
  t.match(status, { unhealthy: null, unready: { big: 'image missing' } });
  await test.fulfilled(['small']);
});
