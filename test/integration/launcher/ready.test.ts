/** Ready nodes: reused, kept in stock, aged out, held. */
import { readdirSync } from 'node:fs';
import t from 'tap';
import { fakeConfig, type FakeConfig } from '../../support/fake-config.ts';
import { FAST_ROUNDS, startTestLauncher, type TestLauncher } from '../../support/launcher.ts';
import { tempDir } from '../../support/temp.ts';

const cloud = (options: Partial<FakeConfig> = {}, provider = {}, pool = {}) =>
  fakeConfig({
    providers: { cloud: { ...provider, pools: { main: { labels: ['small', 'big'], ...pool } } } },
    ...options,
  });

const free = (test: TestLauncher) =>
  test.inState('ready').filter(({ value, locked }) => value.allocatedTo === null && !locked);

/** Makes ready nodes that belong to nobody. */
async function stock(test: TestLauncher, labels: string[]): Promise<string[]> {
  const { id, value } = await test.fulfilled(labels, { reuse: false });
  await test.zuul.requests.remove(id);
  await test.wait(() => value.nodes.every((nodeId) => free(test).some((node) => node.id === nodeId)));
  return value.nodes;
}

t.test('ready nodes are used first, the longest ready ones before others', async (t) => {
  const test = await startTestLauncher(t, cloud());
  const [one] = await stock(test, ['small']);
  const [two] = await stock(test, ['small']);
  const [big] = await stock(test, ['big']);
  const { value } = await test.fulfilled(['big', 'small', 'big', 'small']);
  t.same([value.nodes[0], value.nodes[1], value.nodes[3]], [big, one, two]);
  t.match(test.nodes.entries.get(one ?? '')?.value, { state: 'ready', requestor: 'test' });
});

t.test('a request that wants no ready nodes gets new ones', async (t) => {
  const test = await startTestLauncher(t, cloud());
  const [ready] = await stock(test, ['small']);
  const { value } = await test.fulfilled(['small'], { reuse: false });
  t.not(value.nodes[0], ready);
});

t.test('all nodes of a request are in one zone, reused or new', async (t) => {
  const test = await startTestLauncher(t, cloud({}, { zones: ['north', 'south', 'east', 'west'], seed: 1 }));
  for (const _ of Array.from({ length: 8 })) await stock(test, ['small']);
  const zones = (ids: string[]) => new Set(ids.map((id) => test.nodes.entries.get(id)?.value.az));
  t.ok(zones(free(test).map(({ id }) => id)).size > 1, 'the stock is in several zones');
  const { value } = await test.fulfilled(['small', 'small', 'small', 'big']);
  t.equal(zones(value.nodes).size, 1);
});

t.test('a ready node whose instance died is not handed out', async (t) => {
  const test = await startTestLauncher(t, cloud({}, { 'dead-rate': 1 }));
  const [dead] = await stock(test, ['small']);
  const { value } = await test.fulfilled(['small']);
  t.not(value.nodes[0], dead);
  await test.wait(() => !test.nodes.entries.has(dead ?? ''), 'the dead one is removed');
});

t.test('a ready node whose instance died is removed by the slow round', async (t) => {
  const test = await startTestLauncher(t, cloud({}, { 'dead-rate': 1 }), { rounds: FAST_ROUNDS });
  const { id } = await test.fulfilled(['small']);
  await test.wait(() => test.nodes.entries.size === 0);
  await test.zuul.requests.remove(id);
});

t.test('nodes carry what the pool says about them', async (t) => {
  const test = await startTestLauncher(t, cloud({}, {}, { 'node-attributes': { 'executor-zone': 'lab' } }));
  const { id, value } = await test.fulfilled(['small'], { tenantName: 'acme', requestor: 'zs01' });
  t.match(test.nodes.entries.get(value.nodes[0] ?? '')?.value, {
    attributes: { 'executor-zone': 'lab' },
    allocatedTo: id,
    tenantName: 'acme',
    requestor: 'zs01',
    hostKeys: [/^ssh-ed25519 /],
    resources: { instances: 1 },
  });
});

t.test('min-ready nodes are made, replaced when used, and not one too many', async (t) => {
  const labels = { small: { 'min-ready': 2 }, big: { 'min-ready': 1 } };
  const test = await startTestLauncher(t, cloud({ labels }, { 'launch-delay': 0.02 }));
  await test.wait(() => free(test).length === 3);
  const used = await test.use((await test.fulfilled(['small'])).id);
  await test.wait(() => free(test).length === 3, 'the one that was taken is replaced');
  t.equal(test.nodes.entries.size, 4);
  await used.finish();
  await test.wait(() => test.nodes.entries.size === 3 && test.requests.entries.size === 0);
});

t.test('two launchers on one state do not both fill the gap', async (t) => {
  const yaml = (name: string) =>
    fakeConfig({
      providers: { [name]: { 'launch-delay': 0.02, pools: { main: { labels: ['small'] } } } },
      labels: { small: { 'min-ready': 3 } },
    });
  const test = await startTestLauncher(t, yaml('one'));
  const other = await startTestLauncher(t, yaml('two'), { dir: test.dir });
  await test.wait(() => free(test).length === 3 && test.requests.entries.size === 0);
  for (const _ of [1, 2, 3]) {
    await (await test.use((await test.fulfilled(['small'])).id)).finish();
    await test.wait(() => free(test).length >= 3 && test.requests.entries.size === 0);
  }
  await test.wait(() => test.nodes.entries.size === 3, 'three nodes, the used ones being gone');
  t.equal(free(test).length, 3);
  await other.stop();
});

t.test('when the launcher that keeps the stock ends, the other one does', async (t) => {
  const yaml = cloud({ labels: { small: { 'min-ready': 1 } } });
  const first = await startTestLauncher(t, yaml);
  const second = await startTestLauncher(t, yaml, { dir: first.dir });
  await second.wait(() => free(second).length === 1);
  await first.stop();
  await (await second.use((await second.fulfilled(['small'])).id)).finish();
  await second.wait(() => free(second).length === 1 && second.nodes.entries.size === 1);
  t.pass('the stock is kept');
});

t.test('min-ready is not asked for again at once when it fails', async (t) => {
  const test = await startTestLauncher(
    t,
    cloud({ labels: { small: { 'min-ready': 1 } } }, { 'failure-rate': 1, 'launch-retries': 1 }),
    { rounds: FAST_ROUNDS },
  );
  await test.wait(() => test.logged.some(({ message }) => message === 'launch failed'));
  await test.wait(() => test.requests.entries.size === 0);
  await test.fulfilled(['big']).catch(() => undefined);
  t.equal(
    test.logged.filter(({ message, fields }) => message === 'launch failed' && fields['label'] === 'small')
      .length,
    1,
  );
});

t.test('min-ready does not push others out at quota', async (t) => {
  const test = await startTestLauncher(
    t,
    cloud({ labels: { small: { 'min-ready': 2 } } }, {}, { 'max-servers': 2 }),
  );
  await test.wait(() => free(test).length === 2);
  const used = await test.use((await test.fulfilled(['big'])).id);
  t.equal(test.nodes.entries.size, 2, 'one spare node made room');
  await test.wait(() => test.requests.entries.size === 0, 'no spare-node request waits');
  t.equal(free(test).length, 1);
  await used.finish();
  await test.wait(() => test.nodes.entries.size === 1);
});

t.test('min-ready can be raised, lowered and set to nothing while running', async (t) => {
  const yaml = (count: number) => cloud({ labels: { small: { 'min-ready': count } } });
  const test = await startTestLauncher(t, yaml(0));
  await test.reload(yaml(2));
  await test.wait(() => free(test).length === 2);
  await test.reload(yaml(1));
  const used = await test.use((await test.fulfilled(['small'])).id);
  await used.finish();
  await test.wait(() => test.nodes.entries.size === 1 && test.requests.entries.size === 0);
  t.equal(free(test).length, 1);
});

t.test('ready nodes that are too old are replaced', async (t) => {
  const labels = { small: { 'max-ready-age': 1 } };
  const test = await startTestLauncher(t, cloud({ labels }), { rounds: FAST_ROUNDS });
  const [old] = await stock(test, ['small']);
  const [other] = await stock(test, ['big']);
  await test.wait(() => !test.nodes.entries.has(old ?? ''));
  t.ok(test.nodes.entries.has(other ?? ''), 'a label without the limit keeps its nodes');
});

t.test('a node that somebody has is never too old', async (t) => {
  const labels = { small: { 'max-ready-age': 1 } };
  const test = await startTestLauncher(t, cloud({ labels }), { rounds: FAST_ROUNDS });
  const taken = await test.fulfilled(['small']);
  const [old] = await stock(test, ['small']);
  await test.wait(() => !test.nodes.entries.has(old ?? ''));
  t.ok(test.nodes.entries.has(taken.value.nodes[0] ?? ''));
});

t.test('held nodes go when their own time or that of all is over, whichever is shorter', async (t) => {
  const test = await startTestLauncher(t, cloud({ more: { 'max-hold-age': 600 } }), { rounds: FAST_ROUNDS });
  const hold = async (holdExpirationS: number | null) => {
    const { value, id } = await test.fulfilled(['small']);
    const [nodeId = ''] = value.nodes;
    const used = await test.use(id);
    await test.zuul.nodes.update(nodeId, (node) => ({ ...node, holdExpirationS }));
    await used.finish('hold');
    return nodeId;
  };
  const long = await hold(null);
  const zero = await hold(0);
  const short = await hold(1);
  await test.wait(() => !test.nodes.entries.has(short));
  t.same(
    test.inState('hold').map(({ id }) => id),
    [long, zero],
  );
  await test.reload(cloud({ more: { 'max-hold-age': 1 } }));
  await test.wait(() => test.nodes.entries.size === 0);
});

t.test('a held node outlives the launcher', async (t) => {
  const persist = tempDir(t);
  const first = await startTestLauncher(t, cloud({}, { persist }));
  const { id, value } = await first.fulfilled(['small']);
  await (await first.use(id)).finish('hold');
  await first.stop();
  const second = await startTestLauncher(t, cloud({}, { persist }), { dir: first.dir, rounds: FAST_ROUNDS });
  const { id: next } = await second.fulfilled(['big']);
  await (await second.use(next)).finish();
  await second.wait(() => second.nodes.entries.size === 1);
  t.same(
    second.inState('hold').map((node) => node.id),
    value.nodes,
  );
  t.equal(readdirSync(persist).length, 1, 'its instance too');
});
