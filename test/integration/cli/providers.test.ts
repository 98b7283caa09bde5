import t from 'tap';
import type { LoadedConfig } from '../../../src/config/load.ts';
import { makeNode, type Node } from '../../../src/model/node.ts';
import type { PoolStatus } from '../../../src/model/pool-status.ts';
import { Interrupted } from '../../../src/cli/failure.ts';
import { openCli } from '../../support/cli.ts';

const node = (given: Partial<Node>) =>
  makeNode({ state: 'ready', provider: 'runc', pool: 'hv1', type: ['debian'], ...given });
const status: PoolStatus = {
  provider: 'runc',
  pool: 'hv1',
  launcherId: 'l-hv1',
  driver: 'runc',
  labels: ['debian'],
  unhealthy: null,
  unready: {},
  paused: null,
  draining: false,
  launching: 1,
  used: { instances: 2 },
  limits: { instances: 10 },
  lastError: 'sshd did not answer',
  lastErrorTimeS: 5,
  unknown: {},
};
const config = {
  providers: new Map([['cloud', { name: 'cloud', pools: new Map([['main', {}]]) }]]),
} as unknown as LoadedConfig;

t.test('drains a pool, waits until no node is used, and lists the held ones', async (t) => {
  const { store, run } = await openCli(t);
  await store.pools.create(status, { ephemeral: true });
  const job = await store.nodes.createLocked(node({ state: 'in-use' }));
  await store.nodes.create(node({ state: 'hold', comment: 'flaky', stateTimeS: Date.now() / 1000 - 7200 }));
  await store.nodes.create(node({ state: 'in-use', pool: 'hv2' }));

  const draining = run(['drain', 'runc', 'hv1', '--wait'], {
    onOutput: (text) => text.includes('waiting for 1 in-use') && void store.nodes.remove(job.entry.id),
  });
  const { code, stdout, stderr } = await draining;
  t.equal(code, 0);
  t.match(stderr, 'runc/hv1: waiting for 1 in-use');
  t.match(stdout, 'draining runc/hv1: no new nodes; nodepool undrain runc hv1 ends it');
  t.match(stdout, 'runc/hv1 has 1 hold');
  t.match(stdout, '0000000002 is held for 2 h: flaky; nodepool delete 0000000002 removes it');
  t.match(await store.drains.list(), [{ value: { provider: 'runc', pool: 'hv1' } }]);

  t.equal((await run(['drain', 'runc', 'hv1'])).code, 0, 'repeating is harmless');
  t.match(await run(['undrain', 'runc']), { code: 1, stderr: 'nodepool: runc is not drained, but hv1 is\n' });
  t.match(await run(['undrain', 'runc', 'hv1']), { code: 0, stdout: 'runc/hv1 is back in service\n' });
  t.same(await store.drains.list(), []);
});

t.test('stays drained when the waiting is interrupted', async (t) => {
  const { store, run } = await openCli(t);
  await store.pools.create(status, { ephemeral: true });
  await store.nodes.create(node({ state: 'in-use' }));
  const stop = new AbortController();
  const { code, stderr } = await run(['drain', 'runc', '--wait'], {
    signal: stop.signal,
    onOutput: (text) => text.includes('waiting for') && stop.abort(new Interrupted('SIGINT')),
  });
  t.equal(code, 130);
  t.match(stderr, 'runc stays drained');
  t.equal((await store.drains.list()).length, 1);
});

t.test('drains only what exists, running or configured', async (t) => {
  const { store, run } = await openCli(t, { config });
  await store.pools.create(status, { ephemeral: true });
  t.match(await run(['drain', 'runk']), {
    code: 1,
    stderr: 'nodepool: unknown provider runk; known are: cloud, runc\n',
  });
  t.match(await run(['drain', 'runc', 'hv9']), {
    code: 1,
    stderr: /unknown pool hv9 in provider runc; known are: hv1/,
  });
  t.match(await run(['drain', 'cloud', 'main', '--format', 'json']), { code: 0, stderr: '' });
  t.match(await run(['undrain', 'cloud']), { code: 1, stderr: /cloud is not drained, but main is/ });
});

t.test('shows what is stored about a provider', async (t) => {
  const { store, run } = await openCli(t, { config });
  await store.pools.create(status, { ephemeral: true });
  await store.nodes.create(node({ externalId: 'debian-1' }));
  const { code, stdout } = await run(['info', 'runc']);
  t.equal(code, 0);
  t.match(stdout, /^Stored data for provider runc\n\nPools:\n/);
  t.match(stdout, /\| hv1 +\| debian \| serving \| 2 of 10 instances \| 1 .*sshd did not answer/);
  t.match(stdout, /Nodes:\n.*\n\| ID +\| Server ID \|\n.*\n\| 0000000001 \| debian-1 /);
  t.match(JSON.parse((await run(['info', 'runc', '--format', 'json'])).stdout), {
    provider: 'runc',
    pools: [{ pool: 'hv1', limits: { instances: 10 } }],
    nodes: [{ id: '0000000001' }],
  });
  t.equal((await run(['info', 'cloud'])).code, 0, 'configured, nothing stored');
  t.match(await run(['info', 'runk']), { code: 1, stderr: /unknown provider runk; known are: cloud, runc/ });
});

t.test('erases drains as well, and warns where a launcher is at work', async (t) => {
  const { store, run } = await openCli(t);
  await store.drains.create({ provider: 'runc', pool: 'hv1', createdTimeS: 1, unknown: {} }, { id: 'x' });
  t.match(await run(['erase', '--force', '--format', 'json', 'runc']), { code: 0, stderr: '' });
  t.same(await store.drains.list(), []);

  await store.pools.create(status, { ephemeral: true });
  await store.nodes.create(node({ state: 'in-use' }));
  const { stderr } = await run(['erase', 'runc'], { stdin: 'n\n' });
  t.match(
    stderr,
    'a running launcher serves runc: it removes the instances that lose their records, 1 of them in use',
  );
});

t.test('shows which label a pool cannot serve, and that it serves the others', async (t) => {
  const { store, run } = await openCli(t);
  const unready = { centos: '/srv/centos does not exist' };
  await store.pools.create({ ...status, labels: ['centos', 'debian'], unready }, { ephemeral: true });
  const { stdout } = await run(['info', 'runc']);
  t.match(stdout, /\| serving \|.*\| centos: \/srv\/centos does not exist \|/);
  t.match(JSON.parse((await run(['info', 'runc', '--format', 'json'])).stdout), { pools: [{ unready }] });
});

t.test('erases the records of one provider after asking', async (t) => {
  const { store, run } = await openCli(t);
  await store.nodes.create(node({}));
  await store.nodes.create(node({ provider: 'other' }));

  for (const stdin of ['', 'n\n', 'yes please\n']) {
    const { code, stderr } = await run(['erase', 'runc'], { stdin });
    t.equal(code, 1);
    t.match(stderr, 'WARNING! This action is not reversible!');
    t.match(stderr, 'Erase stored data for provider runc? [N/y] ');
    t.match(stderr, 'Aborting. No data erased.');
  }
  t.equal((await store.nodes.list()).length, 2);

  t.match(await run(['erase', 'runc'], { stdin: 'y\n' }), {
    code: 0,
    stdout: 'Erasing node data for runc...\n',
  });
  t.match(await store.nodes.list(), [{ value: { provider: 'other' } }]);
  t.equal((await run(['erase', '--force', 'other'])).code, 0);
  t.match(await run(['erase', '--force', 'other']), {
    code: 1,
    stderr: /nothing is stored for the provider other/,
  });
});

t.test('erases the records of one pool, and leaves those of the others', async (t) => {
  const { store, run } = await openCli(t);
  await store.pools.create(status, { ephemeral: true });
  await store.nodes.create(node({}));
  await store.nodes.create(node({ pool: 'hv2' }));
  await store.drains.create({ provider: 'runc', pool: 'hv2', createdTimeS: 1, unknown: {} }, { id: 'x' });
  t.match(await run(['erase', 'runc', 'hv2'], { stdin: 'n\n' }), {
    code: 1,
    stderr: /Erase stored data for pool runc\/hv2\? \[N\/y\] /,
  });
  const { code, stdout, stderr } = await run(['erase', '--force', '--format', 'json', 'runc', 'hv2']);
  t.same([code, stderr], [0, ''], 'no warning: the launcher does not serve this pool');
  t.match(JSON.parse(stdout), { provider: 'runc', pool: 'hv2', nodes: ['0000000002'], drains: ['hv2'] });
  t.match(await store.nodes.list(), [{ value: { pool: 'hv1' } }]);
  t.match(await run(['erase', '--force', 'runc', 'hv2']), {
    code: 1,
    stderr: /nothing is stored for the pool runc\/hv2/,
  });
});
