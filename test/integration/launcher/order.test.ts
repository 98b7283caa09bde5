/** Who is served first, and who has to wait for whom. No slow rounds: everything here is driven by events. */
import t from 'tap';
import { fakeConfig } from '../../support/fake-config.ts';
import { startTestLauncher, type TestLauncher } from '../../support/launcher.ts';

const oneServer = fakeConfig({
  providers: { cloud: { pools: { main: { 'max-servers': 1, labels: ['small', 'big'] } } } },
});
const threeServers = fakeConfig({
  providers: { cloud: { pools: { main: { 'max-servers': 3, labels: ['small', 'big'] } } } },
});

/** Takes and returns nodes until all these requests were served; answers in which order that happened. */
async function serveAll(test: TestLauncher, ids: string[]): Promise<string[]> {
  const order: string[] = [];
  const open = new Set(ids);
  while (open.size > 0) {
    const next = await test.wait(
      () => [...open].find((id) => test.requests.entries.get(id)?.value.state === 'fulfilled'),
      'any request fulfilled',
    );
    open.delete(next);
    order.push(next);
    await (await test.use(next)).finish();
  }
  return order;
}

t.test('requests at quota are served by priority, then relative priority, then age', async (t) => {
  const test = await startTestLauncher(t, oneServer);
  const first = await test.use((await test.fulfilled(['small'])).id);
  const late = await test.request(['small'], {}, '300-');
  const old = await test.request(['small'], { relativePriority: 5 }, '200-');
  const young = await test.request(['big'], { relativePriority: 5 }, '200-');
  const keen = await test.request(['small'], { relativePriority: 1 }, '200-');
  const early = await test.request(['big'], { relativePriority: 9 }, '100-');
  await first.finish();
  t.same(
    await serveAll(
      test,
      [late, old, young, keen, early].map(({ id }) => id),
    ),
    [early, keen, old, young, late].map(({ id }) => id),
  );
});

t.test('a relative priority that changes while the request waits counts', async (t) => {
  const test = await startTestLauncher(t, oneServer);
  const first = await test.use((await test.fulfilled(['small'])).id);
  const one = await test.request(['small'], { relativePriority: 1 });
  const two = await test.request(['small'], { relativePriority: 2 });
  const three = await test.request(['small'], { relativePriority: 3 });
  await test.wait(() => test.decisions.entries.has(one.id), 'the first request waits for room');
  const held = await test.zuul.requests.lock(three.id, { waitMs: 5000 });
  await test.zuul.requests.update(three.id, (request) => ({ ...request, relativePriority: 0 }));
  await held?.release();
  await first.finish();
  t.same(
    await serveAll(
      test,
      [one, two, three].map(({ id }) => id),
    ),
    [three, one, two].map(({ id }) => id),
  );
});

t.test('a large request is not starved by later small ones', async (t) => {
  const test = await startTestLauncher(t, threeServers);
  const running = await Promise.all(
    [0, 1].map(async () => await test.use((await test.fulfilled(['small'])).id)),
  );
  const large = await test.request(['small', 'big', 'small']);
  await test.wait(() => test.decisions.entries.has(large.id), 'the large request waits for room');
  const small = await test.request(['small']);
  await running[0]?.finish();
  await test.wait(() => test.nodes.entries.size === 1, 'one node gone');
  t.equal(test.requests.entries.get(small.id)?.value.state, 'requested', 'the small one waits behind it');
  await running[1]?.finish();
  t.equal((await test.outcome(large.id)).value.nodes.length, 3);
  await (await test.use(large.id)).finish();
  t.equal((await test.outcome(small.id)).value.state, 'fulfilled');
});

t.test('when the request at the head of the line is cancelled, the one behind it is served', async (t) => {
  const test = await startTestLauncher(t, threeServers);
  await test.use((await test.fulfilled(['small'])).id);
  const large = await test.request(['small', 'big', 'small']);
  await test.wait(() => test.decisions.entries.has(large.id), 'the large request waits for room');
  const small = await test.request(['small']);
  await test.zuul.requests.remove(large.id);
  t.equal((await test.outcome(small.id)).value.state, 'fulfilled');
  await test.wait(() => !test.decisions.entries.has(large.id), 'its decision record is gone');
});

t.test('a request that nobody can serve fails although the pool has a queue', async (t) => {
  const test = await startTestLauncher(t, oneServer);
  await test.use((await test.fulfilled(['small'])).id);
  const waiting = await test.request(['small']);
  await test.wait(() => test.decisions.entries.has(waiting.id), 'a request waits for room');
  const unknown = await test.request(['no-such-label']);
  t.equal((await test.outcome(unknown.id)).value.state, 'failed');
  const large = await test.request(['small', 'small']);
  t.equal((await test.outcome(large.id)).value.state, 'failed', 'larger than the pool');
});

t.test(
  'a request that other pools have declined since then fails although this pool has a queue',
  async (t) => {
    const test = await startTestLauncher(
      t,
      fakeConfig({
        providers: {
          full: { pools: { main: { 'max-servers': 1, labels: ['small'] } } },
          sick: { 'launch-delay': 0.2, 'failure-rate': 1, pools: { main: { labels: ['rare'] } } },
        },
      }),
    );
    await test.use((await test.fulfilled(['small'])).id);
    const waiting = await test.request(['small']);
    await test.wait(() => test.decisions.entries.has(waiting.id), 'a request waits for room');
    const rare = await test.request(['rare']);
    const failed = await test.outcome(rare.id);
    t.equal(failed.value.state, 'failed');
    t.equal(failed.value.declinedBy.length, 2);
  },
);

t.test('a tenant at its limit does not hold up others', async (t) => {
  const test = await startTestLauncher(
    t,
    `${fakeConfig({
      providers: { cloud: { pools: { main: { 'max-servers': 5, labels: ['small'] } } } },
      more: { 'tenant-resource-limits': [{ 'tenant-name': 'acme', 'max-servers': 1 }] },
    })}`,
  );
  const acme = { tenantName: 'acme' };
  const first = await test.use((await test.fulfilled(['small'], acme)).id);
  const second = await test.request(['small'], acme);
  const note = await test.wait(() => test.decisions.entries.get(second.id)?.value.pools['cloud/main']);
  t.match(note, { verdict: 'deferred', reason: /tenant acme is at its limit: 1 of 1 instances/ });
  await test.fulfilled(['small'], { tenantName: 'other' });
  t.equal(test.requests.entries.get(second.id)?.value.state, 'requested');
  await first.finish();
  t.equal((await test.outcome(second.id)).value.state, 'fulfilled');
  await test.wait(() => test.decisions.entries.size === 0, 'no reason is left when it is served');
});

t.test('a node given up by a tenant at its limit can be had by the same tenant', async (t) => {
  const test = await startTestLauncher(
    t,
    fakeConfig({
      providers: { cloud: { pools: { main: { labels: ['small'] } } } },
      more: { 'tenant-resource-limits': [{ 'tenant-name': 'acme', 'max-servers': 1 }] },
    }),
  );
  const acme = { tenantName: 'acme' };
  const cancelled = await test.fulfilled(['small'], acme);
  await test.zuul.requests.remove(cancelled.id);
  t.same((await test.fulfilled(['small'], acme)).value.nodes, cancelled.value.nodes);
});
