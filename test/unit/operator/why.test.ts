import t from 'tap';
import { groupByRequest } from '../../../src/operator/read-facts.ts';
import { advise, formatUse, summarise, type MoreFacts } from '../../../src/operator/summary.ts';
import { askPools } from '../../../src/operator/why.ts';
import { makeComponent } from '../../../src/model/component.ts';
import type { PoolDecision } from '../../../src/model/decision.ts';
import { makeNode, type Node } from '../../../src/model/node.ts';
import type { PoolStatus } from '../../../src/model/pool-status.ts';
import { makeRequest, type NodeRequest } from '../../../src/model/request.ts';
import type { Entry } from '../../../src/store/store.ts';

const NOW = 10_000;
const entry = <T>(id: string, value: T): Entry<T> => ({
  id,
  value,
  version: 1,
  locked: false,
  createdMs: 0,
  modifiedMs: 0,
});
const request = (given: Partial<NodeRequest> = {}, id = '200-0000000005') =>
  entry(id, makeRequest({ nodeTypes: ['debian'], stateTimeS: NOW - 60, ...given }));
const node = (id: string, given: Partial<Node>) =>
  entry(id, makeNode({ provider: 'runc', pool: 'hv1', stateTimeS: NOW - 100, ...given }));
const pool = (given: Partial<PoolStatus> = {}): PoolStatus => ({
  provider: 'runc',
  pool: 'hv1',
  launcherId: 'launcher-hv1',
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
  ...given,
});
const decided = (verdict: PoolDecision['verdict'], reason: string, where = 'runc/hv1') =>
  new Map([['200-0000000005', { pools: { [where]: { verdict, reason, timeS: NOW - 5 } }, unknown: {} }]]);

function facts(given: Partial<MoreFacts> = {}): MoreFacts {
  const nodes = given.nodes ?? [];
  return {
    components: [],
    pools: [pool()],
    drains: [],
    decisions: new Map(),
    requests: [],
    ...given,
    nodes,
    allocated: groupByRequest(nodes),
  };
}

function ask(given: Partial<MoreFacts>, asked = request()) {
  const known = facts(given);
  const answers = askPools(asked, known);
  return {
    answers,
    status: answers[0]?.status,
    summary: summarise(asked, answers, NOW),
    advice: advise(asked, answers, known, NOW),
  };
}

t.test('gives every pool the status that matters most', async (t) => {
  const cases: [expected: string, given: Partial<MoreFacts>, asked?: Entry<NodeRequest>][] = [
    [
      'launching',
      { nodes: [node('0000000001', { state: 'building', allocatedTo: '200-0000000005' })] },
      request({ state: 'pending' }),
    ],
    ['launching', { decisions: decided('launching', 'making 1 node') }],
    ['at quota', { decisions: decided('paused', 'at quota: 10 of 10 instances in use') }],
    ['at quota', { decisions: decided('deferred', 'tenant a is at its limit: 2 of 2 instances in use') }],
    ['at quota', { pools: [pool({ paused: 'at quota: 10 of 10 instances in use' })] }],
    ['paused', { decisions: decided('paused', 'busy: 4 launches run, max-concurrency is 4') }],
    ['paused', { pools: [pool({ paused: 'busy' })] }],
    ['deferred', { decisions: decided('deferred', 'the quota of the provider is not known yet') }],
    ['unhealthy', { pools: [pool({ unhealthy: 'hv1 does not answer' })] }],
    ['unhealthy', { pools: [pool({ unready: { debian: 'no such rootfs' } })] }],
    ['undecided', { pools: [pool({ unready: { centos: 'no such rootfs' } })] }],
    [
      'at quota',
      {
        pools: [pool({ unready: { centos: 'no such rootfs' } })],
        decisions: decided('paused', 'at quota: 10 of 10 instances in use'),
      },
    ],
    ['draining', { pools: [pool({ draining: true })] }],
    ['draining', { drains: [{ provider: 'runc', pool: null, createdTimeS: 1, unknown: {} }] }],
    ['draining', { drains: [{ provider: 'runc', pool: 'hv1', createdTimeS: 1, unknown: {} }] }],
    ['declined', { decisions: decided('declined', 'too large') }, request({ declinedBy: ['launcher-hv1'] })],
    ['no label', { pools: [pool({ labels: ['centos'] })] }],
    ['undecided', {}],
    [
      'served',
      { nodes: [node('0000000001', { state: 'ready', allocatedTo: '200-0000000005' })] },
      request({ state: 'fulfilled', nodes: ['0000000001'] }),
    ],
    ['not needed', {}, request({ state: 'fulfilled', nodes: ['0000000009'] })],
    ['undecided', { drains: [{ provider: 'runc', pool: 'hv2', createdTimeS: 1, unknown: {} }] }],
  ];
  for (const [expected, given, asked] of cases) t.equal(ask(given, asked).status, expected, expected);
});

t.test('says that no launcher runs, and what to do', async (t) => {
  const { summary, advice } = ask({ pools: [] });
  t.equal(summary, 'no launcher is running on this state');
  t.match(advice[0], 'start nodepool-launcher');
});

t.test('knows a pool from either registry and lists it once', async (t) => {
  const component = makeComponent({
    kind: 'pool',
    launcherId: 'launcher-hv1',
    providerName: 'runc',
    poolName: 'hv1',
    supportedLabels: ['debian'],
  });
  t.equal(ask({ components: [component], pools: [] }).answers.length, 1);
  t.equal(ask({ components: [component] }).answers.length, 1);
});

t.test('says who has the room when a pool is at quota', async (t) => {
  const { summary, advice } = ask({
    decisions: decided('paused', 'at quota: 10 of 10 instances in use'),
    requests: [request({}, '100-0000000009'), request({}, '300-0000000001'), request()],
    nodes: [
      node('0000000001', { state: 'in-use', stateTimeS: NOW - 7200 * 2 }),
      node('0000000002', { state: 'hold', stateTimeS: NOW - 86_400 * 3, comment: 'flaky' }),
      node('0000000003', { state: 'in-use', pool: 'hv2', stateTimeS: 0 }),
    ],
  });
  t.equal(summary, 'waiting for room in runc/hv1: at quota: 10 of 10 instances in use');
  t.same(advice, [
    '1 request is ahead of it',
    '1 held in runc/hv1, the longest: 0000000002 for 3 d, flaky',
    'nodepool delete 0000000002 gives its room back',
    'oldest node in use in runc/hv1: 0000000001 for 4 h',
  ]);
});

t.test('names the labels that exist when a request asks for another', async (t) => {
  const asked = request({ state: 'failed', nodeTypes: ['debain'], declinedBy: ['launcher-hv1'] });
  const { summary, advice } = ask({ pools: [pool({ labels: ['debian', 'centos'] })] }, asked);
  t.equal(summary, 'failed: no pool has the label debain');
  t.same(advice, ['the labels that can be had are: centos, debian']);
});

t.test('gives the reasons of all pools that declined', async (t) => {
  const asked = request({ state: 'failed', declinedBy: ['launcher-hv1'] });
  const { summary } = ask({ decisions: decided('failed', 'sshd is missing in the rootfs') }, asked);
  t.equal(summary, 'failed: runc/hv1: sshd is missing in the rootfs');
});

t.test('falls back on the last error of a pool', async (t) => {
  const asked = request({ state: 'failed', declinedBy: ['launcher-hv1'] });
  t.match(ask({ pools: [pool({ lastError: 'no such user' })] }, asked).summary, 'runc/hv1: no such user');
});

t.test('prefers the pool that works over the ones that wait', async (t) => {
  const { summary } = ask({
    pools: [pool({ pool: 'hv0', launcherId: 'a', unhealthy: 'gone' }), pool()],
    nodes: [
      node('0000000001', { state: 'ready', allocatedTo: '200-0000000005' }),
      node('0000000002', { state: 'building', allocatedTo: '200-0000000005' }),
    ],
  });
  t.equal(summary, 'being served in runc/hv1: 1 of 2 nodes ready, 0000000002 building');
});

t.test('has nothing to advise on a fulfilled request', async (t) => {
  const { summary, advice } = ask({}, request({ state: 'fulfilled', nodes: ['0000000001'] }));
  t.equal(summary, 'fulfilled 60 s ago with 0000000001; the requestor has to take it');
  t.same(advice, []);
});

t.test('names the drain that is in force, not the pool that it holds up', async (t) => {
  const drain = (pool: string | null) => ({ provider: 'runc', pool, createdTimeS: 1, unknown: {} });
  t.same(ask({ drains: [drain(null)] }).advice, ['nodepool undrain runc takes it back into service']);
  t.same(ask({ drains: [drain('hv1')] }).advice, ['nodepool undrain runc hv1 takes it back into service']);
  t.equal(ask({ drains: [drain('hv1'), drain(null)] }).advice.length, 2);
  const pools = [pool(), pool({ pool: 'hv2', launcherId: 'launcher-hv2' })];
  t.equal(ask({ drains: [drain(null)], pools }).advice.length, 1, 'once for all its pools');
});

t.test('tells who used nodepool request how to give the nodes back', async (t) => {
  const asked = request({ state: 'fulfilled', nodes: ['0000000001'], requestor: 'nodepool request a@b' });
  const { summary, advice } = ask({}, asked);
  t.equal(summary, 'fulfilled 60 s ago with 0000000001');
  t.same(advice, ['nodepool release 200-0000000005 gives back what it got']);
});

t.test('shows the last error of a pool that defers, such as a host that does not answer', async (t) => {
  const { advice } = ask({
    pools: [pool({ lastError: 'web1:22 does not answer' })],
    decisions: decided('deferred', 'no free node with label debian'),
  });
  t.same(advice, ['the last error there was: web1:22 does not answer']);
});

t.test('prints use against limits, unlimited ones too', async (t) => {
  t.equal(formatUse({ instances: 3, cores: 6 }, { instances: 10 }), '3 of 10 instances, 6 cores');
  t.equal(formatUse({}, { ram: 100 }), '0 of 100 ram');
});
