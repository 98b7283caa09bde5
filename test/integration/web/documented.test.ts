/** What scripts and dashboards made for the older web application expect. */
import t from 'tap';
import { makeNode } from '../../../src/model/node.ts';
import { fakeConfig } from '../../support/fake-config.ts';
import { until } from '../../support/poll.ts';
import { fetchText, startTestWeb } from '../../support/web.ts';

const yaml = fakeConfig({
  providers: { cloud: { pools: { main: { 'max-servers': 5, labels: ['small', 'large'] } } } },
});
const json = { accept: 'application/json' };
const NODE_KEYS = (
  'id provider label server_id public_ipv4 ipv6 state age locked pool hostname private_ipv4 AZ username ' +
  'connection_port launcher allocated_to hold_job comment user_data driver_data'
).split(' ');

t.test('node-list as JSON has all 21 fields with their types', async (t) => {
  const { test, get } = await startTestWeb(t, yaml);
  const { id } = await test.fulfilled(['small']);
  const { nodes } = await test.use(id);
  const [node] = nodes;
  await test.zuul.nodes.update(node!.id, (value) => ({
    ...value,
    comment: 'a "quoted" <b>comment</b>\nin two lines',
    connectionPort: { token: 'secret' },
  }));
  const reply = await get('/node-list', json);
  t.equal(reply.status, 200);
  t.equal(reply.headers['content-type'], 'application/json');
  const rows = reply.json() as Record<string, unknown>[];
  t.equal(rows.length, 1);
  t.strictSame(Object.keys(rows[0]!), NODE_KEYS);
  t.match(rows[0], {
    id: node!.id,
    provider: 'cloud',
    label: ['small'],
    state: 'in-use',
    age: /^\d\d:\d\d:\d\d:\d\d$/,
    locked: 'locked',
    connection_port: 'redacted',
    comment: 'a "quoted" <b>comment</b>\nin two lines',
    hold_job: null,
  });
  t.notMatch(reply.text, 'secret');
});

t.test('node-list as text is a table, cut down by fields, filters and id', async (t) => {
  const { test, get } = await startTestWeb(t, yaml);
  await test.fulfilled(['small']);
  await test.fulfilled(['large']);
  const all = await get('/node-list');
  t.equal(all.headers['content-type'], 'text/plain; charset=UTF-8');
  t.match(all.text, /^\+-+\+.*\n\| ID +\| Provider \| Label/);
  t.equal(all.text.trimEnd().split('\n').length, 6);

  const fields = await get('/node-list?fields=state,id,nonsense');
  t.match(fields.text, /^\| ID +\| State \|$/m);
  t.strictSame(Object.keys(((await get('/node-list?fields=id', json)).json() as object[])[0]!), NODE_KEYS);

  const rowsOf = async (query: string) =>
    (await get(`/node-list?${query}`, json)).json() as { label: string[] }[];
  t.strictSame(
    (await rowsOf('label=large')).map(({ label }) => label),
    [['large']],
  );
  t.equal((await rowsOf('label=large&label=small')).length, 2);
  t.equal((await rowsOf('state=hold')).length, 0);
  t.equal((await rowsOf('node_id=0000000001')).length, 1);
  t.equal((await rowsOf('node_id=nothing')).length, 0);
  t.match((await get('/node-list?node_id=nothing')).text, /^(\+-[^\n]+\n\|[^\n]+\n\+-[^\n]+\n\+-[^\n]+\n)$/);
});

t.test('a long list is right after every change, whole and cut down', async (t) => {
  const { test, get, port } = await startTestWeb(t, yaml);
  const { nodes } = test.zuul;
  const made = await Promise.all(
    Array.from({ length: 250 }, (_, number) =>
      nodes.create(makeNode({ state: 'hold', type: [number % 2 === 0 ? 'small' : 'large'], comment: 'é' })),
    ),
  );
  const ids = made.map(({ id }) => id).sort();
  const list = async (query: string) => {
    const api = (await get(`/api/v1/nodes?${query}`)).json() as { nodes: Record<string, unknown>[] };
    const documented = (await get(`/node-list?${query}&round=${Math.random()}`, json)).json();
    return [api.nodes, documented as Record<string, unknown>[]];
  };
  for (const rows of await list(''))
    t.strictSame(
      rows.map(({ id }) => id),
      ids,
    );
  const changed = ids[40] ?? '';
  await nodes.update(changed, (node) => ({ ...node, comment: 'changed', type: ['large'] }));
  await nodes.remove(ids[41] ?? '');
  const isShown = async () => {
    const { nodes: shown } = (await get('/api/v1/nodes')).json() as { nodes: Record<string, unknown>[] };
    return shown.length === 249 && shown.some(({ comment }) => comment === 'changed');
  };
  await until(isShown, { what: 'the changes in the list' });
  for (const rows of await list('label=large')) {
    t.ok(rows.length >= 125);
    t.match(
      rows.find(({ id }) => id === changed),
      { comment: 'changed' },
    );
    t.match(
      rows.find(({ id }) => id === ids[43]),
      { comment: 'é' },
    );
  }
  const head = await fetchText(port, 'HEAD', '/api/v1/nodes');
  t.equal(head.text, '');
  t.equal(Number(head.headers['content-length']), Buffer.byteLength((await get('/api/v1/nodes')).text));
});

t.test('request-list and label-list', async (t) => {
  const { test, get } = await startTestWeb(t, yaml);
  const { id } = await test.fulfilled(['small', 'large'], { eventId: 'e1', relativePriority: 3 });
  const [row] = (await get('/request-list', json)).json() as Record<string, unknown>[];
  t.strictSame(Object.keys(row!), [
    'id',
    'relative_priority',
    'state',
    'requestor',
    'node_types',
    'nodes',
    'declined_by',
    'event_id',
  ]);
  t.match(row, {
    id,
    relative_priority: 3,
    state: 'fulfilled',
    requestor: 'test',
    node_types: ['small', 'large'],
    nodes: [/^\d{10}$/, /^\d{10}$/],
    declined_by: [],
    event_id: 'e1',
  });
  t.strictSame((await get('/label-list', json)).json(), [{ label: 'large' }, { label: 'small' }]);
  t.match((await get('/label-list')).text, /\| Label \|\n\+-+\+\n\| large \|/);
});

t.test('answers may be cached for a second, and are not sent again to whoever has them', async (t) => {
  const { get } = await startTestWeb(t, yaml);
  const first = await get('/label-list');
  t.equal(first.headers['access-control-allow-origin'], '*');
  t.equal(first.headers['cache-control'], 'max-age=1, public');
  const modified = String(first.headers['last-modified']);
  t.equal(Date.parse(String(first.headers['expires'])) - Date.parse(modified) >= 1000, true);
  const later = new Date(Date.now() + 60_000).toUTCString();
  const again = await get('/label-list', { 'if-modified-since': later });
  t.equal(again.status, 304);
  t.equal(again.text, '');
  const old = await get('/label-list', { 'if-modified-since': new Date(0).toUTCString() });
  t.equal(old.status, 200);
  t.equal((await get('/label-list', { 'if-modified-since': 'yesterday' })).status, 200);
});

t.test('health and readiness', async (t) => {
  let reasons = ['provider cloud has not answered yet'];
  const { get } = await startTestWeb(t, yaml, { whyNotReady: () => reasons });
  t.match(await get('/health'), { status: 200, text: 'OK' });
  const before = await get('/ready');
  t.equal(before.status, 503);
  t.match(before.text, 'provider cloud has not answered yet');
  reasons = [];
  t.match(await get('/ready', json), { status: 200, text: 'OK' });
});

t.test('a launcher knows which of its providers have answered', async (t) => {
  const { test } = await startTestWeb(t, yaml);
  await test.wait(() => test.launcher.unreached().length === 0, 'all providers reached');
});
