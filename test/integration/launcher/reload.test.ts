/** Another configuration while requests are served; draining; stopping. */
import t from 'tap';
import { createDrivers } from '../../../src/bin/drivers.ts';
import { drainId } from '../../../src/model/drain.ts';
import { makeRequest } from '../../../src/model/request.ts';
import { silentLogger } from '../../../src/log.ts';
import { fakeConfig, type FakeProvider } from '../../support/fake-config.ts';
import { FAST_ROUNDS, openTestStore, startTestLauncher } from '../../support/launcher.ts';
import { tempDir } from '../../support/temp.ts';

const small = (more = {}): FakeProvider => ({
  'launch-delay': 0.2,
  ...more,
  pools: { main: { labels: ['small'] } },
});
const big = (more = {}): FakeProvider => ({
  'launch-delay': 0.2,
  ...more,
  pools: { main: { labels: ['big'] } },
});
const yaml = (providers: Record<string, FakeProvider>) => fakeConfig({ providers });

/** The drivers, and the names of the providers that were opened so far. */
function countOpened() {
  const opened: string[] = [];
  const drivers = createDrivers().map((driver) => ({
    ...driver,
    open: (...args: Parameters<typeof driver.open>) => {
      opened.push(args[0].name);
      return driver.open(...args);
    },
  }));
  return { drivers, opened };
}

t.test('only the provider that changed is replaced; launches of both go on', async (t) => {
  const { drivers, opened } = countOpened();
  const test = await startTestLauncher(t, yaml({ one: small(), two: big() }), { drivers });
  const requests = [await test.request(['small']), await test.request(['big'])];
  await test.wait(() => test.inState('building').length === 2);
  const ids = test.inState('building').map(({ id }) => id);
  await test.reload(yaml({ one: small(), two: big({ 'launch-retries': 7 }) }));
  for (const { id } of requests) t.equal((await test.outcome(id)).value.state, 'fulfilled');
  t.same(
    test.inState('ready').map(({ id }) => id),
    ids,
    'with the nodes that were being made',
  );
  t.same(opened, ['one', 'two', 'two']);
  for (const { id } of requests) await (await test.use(id)).finish();
  await test.wait(() => test.nodes.entries.size === 0);
});

t.test('the nodes of a removed provider are finished and deleted', async (t) => {
  const test = await startTestLauncher(t, yaml({ one: small(), two: big() }), { rounds: FAST_ROUNDS });
  const running = await test.use((await test.fulfilled(['big'])).id);
  const building = await test.request(['big']);
  await test.wait(() => test.inState('building').length === 1);
  await test.reload(yaml({ one: small() }));
  const finished = await test.use(building.id);
  await running.finish();
  await finished.finish();
  await test.wait(() => test.nodes.entries.size === 0);
  t.equal((await test.outcome((await test.request(['big'])).id)).value.state, 'failed');
});

t.test('a node of a removed pool that becomes free after the change is deleted', async (t) => {
  const test = await startTestLauncher(t, yaml({ one: small(), two: big() }), { rounds: FAST_ROUNDS });
  const unused = await test.fulfilled(['big']);
  await test.reload(yaml({ one: small() }));
  await test.zuul.requests.remove(unused.id);
  await test.wait(() => test.nodes.entries.size === 0);
});

t.test('a request that waited in a replaced pool is served by its successor', async (t) => {
  const full = { one: { pools: { main: { 'max-servers': 1, labels: ['small'] } } } };
  const test = await startTestLauncher(t, yaml(full));
  await test.use((await test.fulfilled(['small'])).id);
  const waiting = await test.request(['small']);
  await test.wait(() => test.decisions.entries.has(waiting.id));
  await test.reload(yaml({ one: { pools: { main: { 'max-servers': 2, labels: ['small'] } } } }));
  t.equal((await test.outcome(waiting.id)).value.state, 'fulfilled');
});

t.test('a configuration that does not load changes nothing', async (t) => {
  const test = await startTestLauncher(t, yaml({ one: small() }));
  await t.rejects(test.reload('providers: ten'), { name: 'ConfigError' });
  await test.fulfilled(['small']);
});

t.test('a request that waits at the start is not declined before all pools are known', async (t) => {
  const dir = tempDir(t);
  const early = await openTestStore(dir, silentLogger);
  const request = makeRequest({ nodeTypes: ['big'], stateTimeS: Date.now() / 1000 });
  const { id } = await early.requests.create(request, { prefix: '200-' });
  const test = await startTestLauncher(t, yaml({ one: small(), two: big() }), { dir });
  const { value } = await test.outcome(id);
  t.equal(value.state, 'fulfilled');
  t.same(value.declinedBy, []);
  await early.close();
});

t.test('a drained pool takes nothing new, drops its idle nodes and lets the used ones finish', async (t) => {
  const test = await startTestLauncher(t, yaml({ one: small() }), { rounds: FAST_ROUNDS });
  const running = await test.use((await test.fulfilled(['small'])).id);
  const idle = await test.fulfilled(['small']);
  await test.zuul.requests.remove(idle.id);
  const drain = { provider: 'one', pool: null, createdTimeS: 0, unknown: {} };
  await test.zuul.drains.create(drain, { id: drainId('one', null) });
  await test.wait(() => test.nodes.entries.size === 1, 'the idle node is gone');
  const waiting = await test.request(['small']);
  const note = await test.wait(() => test.decisions.entries.get(waiting.id)?.value.pools['one/main']);
  t.match(note, { verdict: 'deferred', reason: /drained/ });
  await running.finish();
  await test.wait(() => test.nodes.entries.size === 0);
  await test.zuul.drains.remove(drainId('one', null));
  t.equal((await test.outcome(waiting.id)).value.state, 'fulfilled');
});

t.test('requests go round a drained pool of better priority', async (t) => {
  const test = await startTestLauncher(t, yaml({ one: { ...small(), priority: 1 }, two: small() }));
  await test.zuul.drains.create(
    { provider: 'one', pool: 'main', createdTimeS: 0, unknown: {} },
    { id: drainId('one', 'main') },
  );
  const { value } = await test.fulfilled(['small']);
  t.equal(test.nodes.entries.get(value.nodes[0] ?? '')?.value.provider, 'two');
});

t.test('stopping finishes what runs and gives back what waits', async (t) => {
  const full = { one: { 'launch-delay': 0.2, pools: { main: { 'max-servers': 1, labels: ['small'] } } } };
  const test = await startTestLauncher(t, yaml(full));
  const running = await test.request(['small']);
  const waiting = await test.request(['small']);
  await test.wait(() => test.inState('building').length === 1);
  await test.launcher.stop(new AbortController().signal);
  t.equal((await test.zuul.requests.get(running.id))?.value.state, 'fulfilled');
  t.equal((await test.zuul.requests.get(waiting.id))?.value.state, 'requested');
});

t.test('stopping in a hurry cancels launches and leaves nothing behind', async (t) => {
  const test = await startTestLauncher(t, yaml({ one: small({ 'launch-delay': 60 }) }));
  const { id } = await test.request(['small', 'small']);
  await test.wait(() => test.inState('building').length === 2);
  await test.launcher.stop(AbortSignal.abort());
  const request = await test.zuul.requests.get(id);
  t.match(request, { locked: false, value: { state: 'requested', nodes: [] } });
  const left = (await test.zuul.nodes.list()).map(({ value }) => value.state);
  t.ok(
    left.every((state) => state === 'failed' || state === 'deleting'),
    'what is not deleted yet is marked for it',
  );
});
