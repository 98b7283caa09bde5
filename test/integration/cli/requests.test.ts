import t from 'tap';
import { Interrupted } from '../../../src/cli/failure.ts';
import { makeNode } from '../../../src/model/node.ts';
import type { PoolStatus } from '../../../src/model/pool-status.ts';
import { inRequestState, makeRequest } from '../../../src/model/request.ts';
import { answerRequests, fulfil, openCli } from '../../support/cli.ts';

const NODE = {
  provider: 'runc',
  pool: 'hv1',
  interfaceIp: '10.77.0.11',
  connectionPort: 22022,
  username: 'zuul-worker',
  connectionType: 'ssh',
};
const POOL: PoolStatus = {
  provider: 'runc',
  pool: 'hv1',
  launcherId: 'l-hv1',
  driver: 'runc',
  labels: ['debian'],
  unhealthy: null,
  unready: {},
  paused: null,
  draining: false,
  launching: 0,
  used: { instances: 10 },
  limits: { instances: 10 },
  lastError: null,
  lastErrorTimeS: null,
  unknown: {},
};
const AT_QUOTA = { verdict: 'paused', reason: 'at quota: 10 of 10 instances in use', timeS: 1 } as const;

t.test('makes a request that outlives the command', async (t) => {
  const { store, run } = await openCli(t);
  const { code, stdout } = await run(['request', 'debian', 'centos']);
  t.equal(code, 0);
  t.equal(stdout, '200-0000000001\n');
  t.match(await store.requests.get('200-0000000001'), {
    value: {
      state: 'requested',
      nodeTypes: ['debian', 'centos'],
      requestor: 'nodepool request tester@here',
      reuse: true,
    },
  });
});

t.test('waits for the nodes and prints their connections, for people and for programs', async (t) => {
  const { store, run } = await openCli(t);
  await answerRequests(t, store, NODE);
  t.match(await run(['request', 'debian', '--wait']), {
    code: 0,
    stdout: '200-0000000001\n0000000001 ssh -p 22022 zuul-worker@10.77.0.11\n',
  });
  const { stdout } = await run(['request', 'debian', '--wait', '--format', 'json']);
  t.match(JSON.parse(stdout), {
    id: '200-0000000002',
    state: 'fulfilled',
    nodes: [{ id: '0000000002', interface_ip: '10.77.0.11' }],
  });
});

t.test('withdraws the request when the nodes do not come in time', async (t) => {
  const { store, run } = await openCli(t);
  await store.pools.create(POOL, { ephemeral: true });
  await store.decisions.create({ pools: { 'runc/hv1': AT_QUOTA }, unknown: {} }, { id: '200-0000000001' });
  const { code, stdout, stderr } = await run(['request', 'debian', '--wait', '--timeout', '1']);
  t.equal(code, 124);
  t.equal(stdout, '200-0000000001\n');
  t.match(stderr, 'waiting for room in runc/hv1: at quota: 10 of 10 instances in use');
  t.match(stderr, 'request 200-0000000001 is withdrawn');
  t.match(stderr, 'no node within 1 s');
  t.same(await store.requests.list(), []);
});

t.test('withdraws the request when the waiting is interrupted', async (t) => {
  const { store, run } = await openCli(t);
  const stop = new AbortController();
  const { code } = await run(['request', 'debian', '--wait'], {
    signal: stop.signal,
    onOutput: () => stop.abort(new Interrupted('SIGTERM')),
  });
  t.equal(code, 143);
  t.same(await store.requests.list(), []);
});

t.test('releases a request with its nodes, or one node after the other', async (t) => {
  const { store, run } = await openCli(t);
  await run(['request', 'debian', 'debian']);
  const [first = '', second = ''] = await fulfil(store, '200-0000000001', NODE);

  t.match(await run(['release', first]), { code: 0, stdout: `released node ${first}\n` });
  t.equal((await store.nodes.get(first))?.value.state, 'used');
  t.ok(await store.requests.get('200-0000000001'), 'one node is still out');
  t.match(await run(['release', String(Number(second))]), { code: 0, stdout: `released node ${second}\n` });
  t.same(await store.requests.list(), []);

  await run(['request', 'debian']);
  const [third = ''] = await fulfil(store, '200-0000000002', NODE);
  t.match(await run(['release', '200-0000000002']), {
    code: 0,
    stdout: `released request 200-0000000002 with ${third}\n`,
  });
  t.match(await store.nodes.get(third), { value: { state: 'used' }, locked: false });
  t.same(await store.requests.list(), []);
  t.match(await run(['release', '200-0000000002']), {
    code: 1,
    stderr: /no request and no node 200-0000000002/,
  });
});

t.test('withdraws a request that still waits', async (t) => {
  const { store, run } = await openCli(t);
  await run(['request', 'debian']);
  t.match(await run(['release', '200-0000000001', '--format', 'json']), { code: 0 });
  t.same(await store.requests.list(), []);
});

t.test('releases nothing that belongs to somebody else', async (t) => {
  const { store, run } = await openCli(t);
  const { id } = await store.requests.create(makeRequest({ nodeTypes: ['debian'], requestor: 'zs01' }), {
    prefix: '200-',
  });
  const [node = ''] = await fulfil(store, id, NODE);
  const free = await store.nodes.create(makeNode({ state: 'ready' }));
  for (const [given, message] of [
    [id, /belongs to zs01/],
    [node, /belongs to zs01/],
    [free.id, /was not got with nodepool request/],
    ['12345', /no request and no node 0000012345/],
  ] as const) {
    t.match(await run(['release', given]), { code: 1, stderr: message }, given);
  }
  t.equal((await store.nodes.get(node))?.value.state, 'ready');
});

t.test('lists requests with the reason why they wait', async (t) => {
  const { store, run } = await openCli(t);
  await store.pools.create(POOL, { ephemeral: true });
  await store.requests.create(
    makeRequest({ nodeTypes: ['debian', 'debian'], requestor: 'zs01', relativePriority: 3, eventId: 'e1' }),
    { prefix: '200-' },
  );
  await store.requests.create(makeRequest({ nodeTypes: ['centos'] }), { prefix: '200-' });
  await store.decisions.create({ pools: { 'runc/hv1': AT_QUOTA }, unknown: {} }, { id: '200-0000000001' });
  const { code, stdout } = await run(['request-list']);
  t.equal(code, 0);
  const [, header, , first, second] = stdout.split('\n');
  const cells = (line = '') =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  t.same(cells(header), [
    'Request ID',
    'Priority',
    'State',
    'Requestor',
    'Node Types',
    'Nodes',
    'Declined By',
    'Event ID',
    'Reason',
  ]);
  t.same(cells(first), [
    '200-0000000001',
    '3',
    'requested',
    'zs01',
    'debian,debian',
    '',
    '',
    'e1',
    'waiting for room in runc/hv1: at quota: 10 of 10 instances in use',
  ]);
  t.equal(cells(second)[8], 'about to fail: no pool has the label centos');
  const rows = JSON.parse((await run(['request-list', '--format', 'json'])).stdout) as object[];
  t.match(rows[0], {
    id: '200-0000000001',
    relative_priority: 3,
    node_types: ['debian', 'debian'],
    nodes: [],
    declined_by: [],
  });
});

t.test('explains a request for every pool', async (t) => {
  const { store, run } = await openCli(t);
  await store.pools.create(POOL, { ephemeral: true });
  await store.pools.create(
    { ...POOL, pool: 'hv2', launcherId: 'l-hv2', labels: ['centos'], lastError: 'bad\x1b[2Jthing' },
    { ephemeral: true },
  );
  await store.requests.create(
    makeRequest({ nodeTypes: ['debian'], requestor: 'zs01', createdTimeS: Date.now() / 1000 - 3600 * 3 }),
    { prefix: '200-' },
  );
  await store.decisions.create({ pools: { 'runc/hv1': AT_QUOTA }, unknown: {} }, { id: '200-0000000001' });
  await store.nodes.create(makeNode({ ...NODE, state: 'in-use', stateTimeS: Date.now() / 1000 - 7200 * 2 }));

  const { code, stdout } = await run(['explain', '200-0000000001']);
  t.equal(code, 0);
  t.match(
    stdout,
    'Request 200-0000000001 for debian is requested, made 3 h ago by zs01.\nWaiting for room in runc/hv1: at quota: 10 of 10 instances in use.\n',
  );
  t.match(stdout, '  - oldest node in use in runc/hv1: 0000000001 for 4 h\n');
  t.match(stdout, /\| runc\/hv1 \| at quota \| at quota: 10 of 10 instances in use \| 10 of 10 instances \|/);
  t.match(stdout, /\| runc\/hv2 \| no label \| has no label debian .*bad\\x1b\[2Jthing/);
  t.match(JSON.parse((await run(['explain', '200-0000000001', '--format', 'json'])).stdout), {
    id: '200-0000000001',
    state: 'requested',
    pools: [
      { pool: 'hv1', status: 'at quota', limits: { instances: 10 } },
      { pool: 'hv2', status: 'no label' },
    ],
  });
  t.equal((await run(['explain', '200-1'])).stdout, stdout, 'also by its short id');
  const narrow = await run(['explain', '200-1'], { terminal: 80 });
  t.match(narrow.stdout, '    Reason: at quota: 10 of 10 instances in use\n', 'nothing is cut');
  t.match(await run(['explain', '200-0000000099']), {
    code: 1,
    stdout: '',
    stderr: /request 200-0000000099 does not exist/,
  });
});

t.test('tells at once why a request failed', async (t) => {
  const { store, run } = await openCli(t);
  await store.pools.create(POOL, { ephemeral: true });
  const view = await store.requests.watch(({ id, entry }) => {
    if (entry?.value.state !== 'requested') return;
    void store.requests.update(id, (request) => ({
      ...inRequestState(request, 'failed', 1),
      declinedBy: ['l-hv1'],
    }));
    void store.decisions.create(
      {
        pools: { 'runc/hv1': { verdict: 'failed', reason: 'no user zuul-worker on hv1', timeS: 1 } },
        unknown: {},
      },
      { id },
    );
  });
  t.teardown(() => view.close());
  const { code, stderr } = await run(['request', 'debian', '--wait']);
  t.equal(code, 125);
  t.match(stderr, 'runc/hv1: no user zuul-worker on hv1');
  t.same(await store.requests.list(), []);
});
