/** Requests that vanish, and requestors that die. */
import t from 'tap';
import { fakeConfig } from '../../support/fake-config.ts';
import { FAST_ROUNDS, startTestLauncher } from '../../support/launcher.ts';

const slow = (more = {}) =>
  fakeConfig({
    providers: {
      cloud: { 'launch-delay': 0.3, pools: { main: { 'max-servers': 2, labels: ['small'], ...more } } },
    },
  });

t.test('a request cancelled while it waits leaves nothing', async (t) => {
  const test = await startTestLauncher(t, slow({ 'max-servers': 1 }));
  const first = await test.use((await test.fulfilled(['small'])).id);
  const waiting = await test.request(['small']);
  await test.wait(() => test.decisions.entries.has(waiting.id), 'it waits');
  await test.zuul.requests.remove(waiting.id);
  await test.wait(() => test.decisions.entries.size === 0);
  await test.wait(() => [...test.pools.entries.values()].every(({ value }) => value.paused === null));
  await first.finish();
  await test.wait(() => test.nodes.entries.size === 0);
});

t.test('the nodes of a request cancelled while they are made become free for others', async (t) => {
  const test = await startTestLauncher(t, slow());
  const cancelled = await test.request(['small', 'small']);
  await test.wait(() => test.inState('building').length === 2);
  await test.zuul.requests.remove(cancelled.id);
  const ready = await test.wait(() => {
    const free = test.inState('ready').filter(({ value, locked }) => value.allocatedTo === null && !locked);
    return free.length === 2 && free;
  }, 'two free nodes');
  const next = await test.fulfilled(['small', 'small']);
  t.same(next.value.nodes.toSorted(), ready.map(({ id }) => id).toSorted());
});

t.test('a fulfilled request that nobody takes up gives its nodes back', async (t) => {
  const test = await startTestLauncher(t, slow());
  const { id, value } = await test.fulfilled(['small']);
  await test.zuul.requests.remove(id);
  await test.wait(() =>
    test.inState('ready').every(({ value, locked }) => value.allocatedTo === null && !locked),
  );
  t.same((await test.fulfilled(['small'])).value.nodes, value.nodes);
});

t.test('a taken request that waits for room lets go of it when cancelled', async (t) => {
  const test = await startTestLauncher(
    t,
    fakeConfig({
      providers: {
        cloud: {
          quota: { instances: 1 },
          'report-quota': false,
          pools: { main: { labels: ['small'] } },
        },
      },
    }),
  );
  const first = await test.use((await test.fulfilled(['small'])).id);
  const refused = await test.request(['small']);
  await test.wait(() => test.requests.entries.get(refused.id)?.value.state === 'pending');
  await test.wait(() => test.logged.some(({ message }) => message.includes('no room')));
  await test.zuul.requests.remove(refused.id);
  const next = await test.request(['small']);
  await first.finish();
  t.equal((await test.outcome(next.id)).value.state, 'fulfilled');
  await (await test.use(next.id)).finish();
  await test.wait(() => test.nodes.entries.size === 0);
});

t.test('a partly gathered request that is cancelled frees what it had', async (t) => {
  const test = await startTestLauncher(
    t,
    fakeConfig({
      providers: {
        cloud: {
          quota: { instances: 2 },
          'report-quota': false,
          pools: { main: { labels: ['small'] } },
        },
      },
    }),
  );
  await test.use((await test.fulfilled(['small'])).id);
  const large = await test.request(['small', 'small']);
  await test.wait(() => test.logged.some(({ message }) => message.includes('no room')));
  await test.zuul.requests.remove(large.id);
  t.equal((await test.fulfilled(['small'])).value.state, 'fulfilled');
});

t.test('nodes in use whose requestor died are deleted', async (t) => {
  const test = await startTestLauncher(t, slow());
  const used = await test.use((await test.fulfilled(['small', 'small'])).id);
  await used.finish('in-use');
  await test.wait(() => test.nodes.entries.size === 0);
});

t.test('a requestor that dies between fulfilment and use costs nothing', async (t) => {
  const test = await startTestLauncher(t, slow());
  const { id, value } = await test.fulfilled(['small']);
  const [nodeId = ''] = value.nodes;
  const held = await test.zuul.nodes.lock(nodeId);
  await test.zuul.requests.remove(id);
  t.equal(test.nodes.entries.get(nodeId)?.value.allocatedTo, id, 'a locked node is left alone');
  await held?.release();
  await test.wait(() => test.nodes.entries.get(nodeId)?.value.allocatedTo === null);
});

t.test('an operator who erases a node while it is made makes the request fail, not hang', async (t) => {
  const test = await startTestLauncher(t, slow(), { rounds: FAST_ROUNDS });
  const request = await test.request(['small']);
  const [node] = await test.wait(() => test.inState('building').length === 1 && test.inState('building'));
  await test.zuul.nodes.remove(node?.id ?? '');
  t.equal((await test.outcome(request.id)).value.state, 'failed');
  t.equal(test.nodes.entries.size, 0);
});
