/** What the launcher keeps of the store, and what it writes for others: over a real store in this process. */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { systemClock } from '../../../src/clock.ts';
import { createDecisionLog } from '../../../src/launcher/decision-log.ts';
import { createRegistry } from '../../../src/launcher/registry.ts';
import { watchWorld } from '../../../src/launcher/world.ts';
import { silentLogger } from '../../../src/log.ts';
import { compareRequests, makeRequest } from '../../../src/model/request.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { until } from '../../support/poll.ts';
import { tempDir } from '../../support/temp.ts';

async function openStore(t: Test) {
  const store = await openEmbeddedStore({ dir: tempDir(t), log: silentLogger });
  t.teardown(() => store.close());
  return store;
}

const deaf = {
  nodeChanged: () => undefined,
  requestChanged: () => undefined,
  registryChanged: () => undefined,
  drainsChanged: () => undefined,
  imagesChanged: () => undefined,
};

t.test('open requests are always in serving order', async (t) => {
  const store = await openStore(t);
  const world = await watchWorld(store, deaf);
  const step = fc.record({
    id: fc.constantFrom('100-1', '100-2', '200-1', '200-2', '300-1'),
    state: fc.constantFrom('requested' as const, 'requested' as const, 'pending' as const, 'gone' as const),
    relativePriority: fc.integer({ min: 0, max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
      for (const { id, state, relativePriority } of steps) {
        if (state === 'gone') await store.requests.remove(id);
        else if (world.requests.has(id))
          await store.requests.update(id, (old) => ({ ...old, state, relativePriority }));
        else await store.requests.create(makeRequest({ state, relativePriority, nodeTypes: ['a'] }), { id });
        const expected = [...world.requests.values()]
          .filter(({ value }) => value.state === 'requested')
          .sort(compareRequests);
        if (JSON.stringify(world.openRequests()) !== JSON.stringify(expected)) return false;
      }
      return true;
    }),
    { numRuns: 15 },
  );
  t.pass('sorted after every step');
  world.close();
});

t.test('a decision is recorded once, changed, and removed with its request', async (t) => {
  const store = await openStore(t);
  const decisions = createDecisionLog(store, { log: silentLogger, clock: systemClock });
  decisions.note('200-1', 'cloud/main', 'paused', 'at quota');
  decisions.note('200-1', 'lab/main', 'deferred', 'no free node');
  decisions.note('200-2', 'cloud/main', 'paused', 'at quota');
  decisions.forget('200-2');
  const record = await until(() => store.decisions.get('200-1'));
  t.match(record.value.pools, {
    'cloud/main': { verdict: 'paused', reason: 'at quota' },
    'lab/main': { verdict: 'deferred' },
  });
  decisions.note('200-1', 'cloud/main', 'paused', 'at quota');
  t.equal((await store.decisions.get('200-1'))?.version, record.version, 'the same again is not written');
  t.equal(await store.decisions.get('200-2'), undefined, 'served at once: no trace');
  decisions.forget('200-1');
  await until(async () => (await store.decisions.get('200-1')) === undefined);
  decisions.close();
});

t.test('a decision that is forgotten while it is written does not stay', async (t) => {
  const store = await openStore(t);
  let due: () => void = () => undefined;
  const clock = { ...systemClock, after: (_: number, call: () => void) => ((due = call), () => undefined) };
  const decisions = createDecisionLog(store, { log: silentLogger, clock });
  decisions.note('200-1', 'cloud/main', 'paused', 'at quota');
  due();
  decisions.forget('200-1');
  await until(async () => (await store.decisions.list()).length === 0);
  await store.nodes.list();
  await until(() => new Promise((resolve) => setImmediate(() => resolve(true))));
  t.same(await store.decisions.list(), []);
});

t.test('what others have left is dropped when its request is gone, or when it goes', async (t) => {
  const store = await openStore(t);
  for (const id of ['200-1', '200-2']) await store.decisions.create({ pools: {}, unknown: {} }, { id });
  const decisions = createDecisionLog(store, { log: silentLogger, clock: systemClock });
  await decisions.sweep((id) => id === '200-2');
  t.same(
    (await store.decisions.list()).map(({ id }) => id),
    ['200-2'],
  );
  decisions.forget('200-2');
  await until(async () => (await store.decisions.list()).length === 0);
});

t.test('the registry shows the last wish, once, and again after the session was lost', async (t) => {
  const store = await openStore(t);
  const registry = createRegistry(store, { log: silentLogger, version: '1' });
  registry.put('pool', { kind: 'pool', launcherId: 'x', paused: false });
  registry.put('pool', { paused: true });
  registry.put('other', { kind: 'pool', launcherId: 'y' });
  registry.remove('other');
  await registry.settled();
  const [only, ...rest] = await store.components.list();
  t.match(only?.value, { launcherId: 'x', paused: true, version: '1' });
  t.same(rest, []);
  await store.components.remove(only?.id ?? '');
  registry.registerAgain();
  await registry.settled();
  t.equal((await store.components.list()).length, 1);
});
