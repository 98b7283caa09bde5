/** Limits of pools, providers and the cloud itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Node } from '../../../src/model/node.ts';
import { fakeConfig } from '../../support/fake-config.ts';
import { startTestLauncher, type TestLauncher } from '../../support/launcher.ts';

/** The most nodes there were at once, counted from now on. */
async function watchMost(test: TestLauncher, counts: (node: Node) => boolean): Promise<() => number> {
  const counted = new Set<string>();
  let most = 0;
  await test.zuul.nodes.watch(({ id, entry }) => {
    if (entry && counts(entry.value)) counted.add(id);
    else counted.delete(id);
    most = Math.max(most, counted.size);
  });
  return () => most;
}

async function useAll(test: TestLauncher, ids: string[]): Promise<void> {
  await Promise.all(ids.map(async (id) => await (await test.use(id)).finish()));
}

t.test('there are never more nodes than max-servers', async (t) => {
  const test = await startTestLauncher(
    t,
    fakeConfig({
      providers: {
        cloud: {
          'launch-delay': [0, 0.02],
          'delete-delay': [0, 0.02],
          pools: { main: { 'max-servers': 3, labels: ['small'] } },
        },
      },
    }),
  );
  const most = await watchMost(test, () => true);
  const requests = await Promise.all(
    Array.from({ length: 12 }, (_, index) => test.request(index % 4 === 0 ? ['small', 'small'] : ['small'])),
  );
  await useAll(
    test,
    requests.map(({ id }) => id),
  );
  t.equal(most(), 3);
  await test.wait(() => test.nodes.entries.size === 0);
});

t.test('resources count, not only servers', async (t) => {
  const test = await startTestLauncher(
    t,
    fakeConfig({
      providers: {
        cloud: {
          quota: { cores: 8 },
          pools: {
            main: {
              labels: [
                { name: 'large', cost: { cores: 5 } },
                { name: 'small', cost: { cores: 2 } },
              ],
            },
          },
        },
      },
    }),
  );
  await test.fulfilled(['large']);
  const second = await test.request(['large']);
  const note = await test.wait(() => test.decisions.entries.get(second.id)?.value.pools['cloud/main']);
  t.match(note, { verdict: 'paused', reason: 'provider at quota: 5 of 8 cores in use, 5 needed' });
  const never = await test.request(['large', 'large']);
  t.equal((await test.outcome(never.id)).value.state, 'failed', 'more than there is in all');
});

t.test('a cloud that refuses is asked again when there is room', async (t) => {
  const test = await startTestLauncher(
    t,
    fakeConfig({
      providers: {
        cloud: {
          quota: { instances: 2 },
          'report-quota': false,
          'delete-delay': 0.05,
          pools: { main: { labels: ['small'] } },
        },
      },
    }),
  );
  const one = await test.use((await test.fulfilled(['small'])).id);
  const large = await test.request(['small', 'small']);
  await test.wait(
    () => [...test.pools.entries.values()].some(({ value }) => value.paused?.includes('no room')),
    'the pool says that it waits for room',
  );
  const behind = await test.request(['small']);
  await sleep(200); // enough for a pool that does take it
  t.equal(
    test.requests.entries.get(behind.id)?.value.state,
    'requested',
    'the pool takes nothing more while one of its requests waits for room',
  );
  await one.finish();
  t.equal((await test.outcome(large.id)).value.state, 'fulfilled');
  await (await test.use(large.id)).finish();
  t.equal((await test.outcome(behind.id)).value.state, 'fulfilled');
});

t.test('pools that share a quota serve the earlier request first, also a large one', async (t) => {
  const test = await startTestLauncher(
    t,
    fakeConfig({
      providers: {
        cloud: {
          quota: { instances: 3 },
          pools: { one: { labels: ['small'] }, two: { labels: ['big'] } },
        },
      },
    }),
  );
  const running = await Promise.all(
    [0, 1].map(async () => await test.use((await test.fulfilled(['small'])).id)),
  );
  const large = await test.request(['small', 'small', 'small']);
  await test.wait(() => test.decisions.entries.has(large.id), 'it waits');
  const later = await test.request(['big']);
  await test.wait(
    () => test.decisions.entries.has(later.id),
    'the later one in the other pool waits as well',
  );
  await running[0]?.finish();
  await test.wait(() => test.nodes.entries.size === 1);
  t.equal(test.requests.entries.get(later.id)?.value.state, 'requested');
  await running[1]?.finish();
  await (await test.use(large.id)).finish();
  t.equal((await test.outcome(later.id)).value.state, 'fulfilled');
});

t.test('when the earlier one is cancelled, the later one in the other pool goes on', async (t) => {
  const test = await startTestLauncher(
    t,
    fakeConfig({
      providers: {
        cloud: { quota: { instances: 2 }, pools: { one: { labels: ['small'] }, two: { labels: ['big'] } } },
      },
    }),
  );
  await test.use((await test.fulfilled(['small'])).id);
  const large = await test.request(['small', 'small']);
  await test.wait(() => test.decisions.entries.has(large.id), 'it waits');
  const later = await test.request(['big']);
  await test.wait(() => test.decisions.entries.has(later.id), 'the later one waits as well');
  await test.zuul.requests.remove(large.id);
  t.equal((await test.outcome(later.id)).value.state, 'fulfilled');
});

t.test('ignore-provider-quota looks at the pool alone', async (t) => {
  const test = await startTestLauncher(
    t,
    fakeConfig({
      providers: {
        cloud: {
          quota: { cores: 1 },
          cost: { cores: 1 },
          pools: { main: { 'max-servers': 2, 'ignore-provider-quota': true, labels: ['small'] } },
        },
      },
    }),
  );
  await test.fulfilled(['small']);
  const second = await test.request(['small']);
  await test.wait(
    () => test.logged.some(({ message }) => message.includes('no room')),
    'the cloud was asked and refused',
  );
  t.equal(test.requests.entries.get(second.id)?.value.state, 'pending');
});

t.test('no more launches run at once than max-concurrency', async (t) => {
  const test = await startTestLauncher(
    t,
    fakeConfig({
      providers: {
        cloud: {
          'launch-delay': 0.05,
          'max-concurrency': 2,
          pools: { one: { labels: ['small'] }, two: { labels: ['big'] } },
        },
      },
    }),
  );
  const most = await watchMost(test, ({ state }) => state === 'init' || state === 'building');
  const requests = await Promise.all(
    Array.from({ length: 10 }, (_, index) => test.request([index % 2 === 0 ? 'small' : 'big'])),
  );
  await Promise.all(requests.map(({ id }) => test.outcome(id)));
  t.equal(most(), 2);
});

t.test('max-concurrency 0 takes a provider out of service', async (t) => {
  const test = await startTestLauncher(
    t,
    fakeConfig({
      providers: {
        off: { priority: 1, 'max-concurrency': 0, pools: { main: { labels: ['small', 'rare'] } } },
        cloud: { pools: { main: { labels: ['small'] } } },
      },
    }),
  );
  const { value } = await test.fulfilled(['small']);
  t.equal(test.nodes.entries.get(value.nodes[0] ?? '')?.value.provider, 'cloud');
  const rare = await test.outcome((await test.request(['rare'])).id);
  t.equal(rare.value.state, 'failed');
  t.equal((await test.outcome((await test.request(['unknown'])).id)).value.state, 'failed');
});

t.test('a waiting request evicts the longest idle ready nodes, no more than it needs', async (t) => {
  const test = await startTestLauncher(
    t,
    fakeConfig({
      providers: { cloud: { pools: { main: { 'max-servers': 3, labels: ['small', 'big'] } } } },
    }),
  );
  const idle: string[] = [];
  for (const _ of [1, 2, 3]) {
    const { value } = await test.fulfilled(['small'], { reuse: false });
    idle.push(...value.nodes);
  }
  for (const id of [...test.requests.entries.keys()]) await test.zuul.requests.remove(id);
  await test.wait(() => test.inState('ready').every(({ value }) => value.allocatedTo === null));
  await test.fulfilled(['big', 'big']);
  t.same(
    test
      .inState('ready')
      .filter(({ value }) => value.allocatedTo === null)
      .map(({ id }) => id),
    idle.slice(-1),
  );
});
