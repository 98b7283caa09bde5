import fc from 'fast-check';
import t from 'tap';
import type { PoolConfig } from '../../../src/config/config.ts';
import {
  planRequest,
  UNHEALTHY_PATIENCE_S,
  type PlanInput,
  type PoolFacts,
} from '../../../src/launcher/plan.ts';
import { makeComponent, type Component } from '../../../src/model/component.ts';
import { makeRequest, type NodeRequest } from '../../../src/model/request.ts';
import { findExceeded, NO_RESOURCES, type Resources } from '../../../src/model/resources.ts';

const NOW_S = 1_718_000_000;
const OWN = 'own-id';

function config(given: Partial<PoolConfig> & { labelNames?: string[] } = {}): PoolConfig {
  const { labelNames = ['small', 'big'], maxServers, ...more } = given;
  return {
    name: 'main',
    provider: 'cloud',
    priority: 100,
    maxServers,
    limits: maxServers === undefined ? {} : { instances: maxServers },
    ignoreProviderQuota: false,
    nodeAttributes: null,
    hostKeyChecking: true,
    labels: new Map(labelNames.map((name) => [name, { name, options: {} }])),
    options: {},
    ...more,
  };
}

function facts(given: Partial<PoolFacts> = {}): PoolFacts {
  return {
    launcherId: OWN,
    config: config(),
    static: false,
    fits: () => true,
    draining: false,
    unhealthySinceS: undefined,
    launching: 0,
    maxConcurrency: undefined,
    providerLimits: NO_RESOURCES,
    poolUse: NO_RESOURCES,
    providerUse: NO_RESOURCES,
    unready: () => undefined,
    cost: () => ({ instances: 1 }),
    matchReady: (labels) => labels.map(() => undefined),
    ...given,
  };
}

const other = (given: Partial<Component> = {}) =>
  makeComponent({
    kind: 'pool',
    launcherId: 'other-id',
    providerName: 'elsewhere',
    poolName: 'main',
    supportedLabels: ['small', 'big'],
    priority: 100,
    ...given,
  });

interface Given {
  request?: Partial<NodeRequest>;
  pool?: Partial<PoolFacts>;
  others?: Component[];
  tenant?: PlanInput['tenant'];
}

function plan({ request = {}, pool = {}, others = [], tenant }: Given = {}) {
  const own = other({ launcherId: OWN, providerName: 'cloud' });
  return planRequest({
    request: makeRequest({ nodeTypes: ['small'], stateTimeS: NOW_S, createdTimeS: NOW_S, ...request }),
    pool: facts(pool),
    registry: [own, ...others],
    tenant,
    nowS: NOW_S,
  });
}

const SERVE = { action: 'serve', launch: ['small'] };
const SKIP = { action: 'skip' };
const decline = (reason: string | RegExp) => ({ action: 'decline', reason });
const defer = (reason: string | RegExp) => ({ action: 'defer', reason });
const wait = (reason: string | RegExp) => ({ action: 'wait', reason });

const three = { nodeTypes: ['small', 'big', 'small'] };
const atQuota = { config: config({ maxServers: 3 }), poolUse: { instances: 2 } };
const minReady = { requestor: 'NodePool:min-ready', reuse: false };
const temporary = () => ({ reason: 'hypervisor unreachable', temporary: true });
const broken = () => ({ reason: 'no such user', temporary: false });

const table: [title: string, given: Given, expected: object][] = [
  ['serves what it can', {}, SERVE],
  ['serves several labels in their order', { request: three }, { action: 'serve', launch: three.nodeTypes }],
  ['leaves a request alone that it has declined', { request: { declinedBy: [OWN] } }, SKIP],
  ['serves one that others have declined', { request: { declinedBy: ['x'] } }, SERVE],

  ['declines an unknown label', { request: { nodeTypes: ['odd'] } }, decline('has no label odd')],
  [
    'names unknown labels once',
    { request: { nodeTypes: ['odd', 'small', 'odd', 'x'] } },
    decline('has no label odd, x'),
  ],
  [
    'leaves a label to a pool that has it',
    { request: { nodeTypes: ['odd'] }, others: [other({ supportedLabels: ['odd'] })] },
    SKIP,
  ],
  [
    'declines after that pool has declined',
    {
      request: { nodeTypes: ['odd'], declinedBy: ['other-id'] },
      others: [other({ supportedLabels: ['odd'] })],
    },
    decline('has no label odd'),
  ],
  [
    'does not leave it to a pool that has only some of the labels',
    { request: { nodeTypes: ['odd', 'small'] }, others: [other({ supportedLabels: ['odd'] })] },
    decline('has no label odd'),
  ],

  ['yields to a pool of lower priority number', { others: [other({ priority: 99 })] }, SKIP],
  ['does not yield to one of the same priority', { others: [other({ priority: 100 })] }, SERVE],
  ['does not yield to one of higher number', { others: [other({ priority: 101 })] }, SERVE],
  ['does not yield to a paused one', { others: [other({ priority: 1, paused: true })] }, SERVE],
  [
    'does not yield to one without the label',
    { others: [other({ priority: 1, supportedLabels: ['big'] })] },
    SERVE,
  ],
  [
    'does not yield to one that has declined',
    { request: { declinedBy: ['other-id'] }, others: [other({ priority: 1 })] },
    SERVE,
  ],
  ['yields to the preferred provider', { request: { provider: 'elsewhere' }, others: [other()] }, SKIP],
  [
    'yields to it although it is paused',
    { request: { provider: 'elsewhere' }, others: [other({ paused: true })] },
    SKIP,
  ],
  ['is itself the preferred provider', { request: { provider: 'cloud' }, others: [other()] }, SERVE],
  [
    'does not yield to a better pool of another provider when it is the preferred one',
    { request: { provider: 'cloud' }, others: [other({ priority: 1 })] },
    SERVE,
  ],
  [
    'yields to a better pool of its own, preferred provider',
    { request: { provider: 'cloud' }, others: [other({ priority: 1, providerName: 'cloud' })] },
    SKIP,
  ],
  [
    'serves when the preferred provider does not exist',
    { request: { provider: 'gone' }, others: [other()] },
    SERVE,
  ],
  [
    'serves when it has declined',
    { request: { provider: 'elsewhere', declinedBy: ['other-id'] }, others: [other()] },
    SERVE,
  ],

  [
    'declines with max-servers 0',
    { pool: { config: config({ maxServers: 0 }) } },
    decline(/max-servers is 0/),
  ],
  [
    'declines with negative max-servers',
    { pool: { config: config({ maxServers: -1 }) } },
    decline(/max-servers is -1/),
  ],
  ['declines with max-concurrency 0', { pool: { maxConcurrency: 0 } }, decline(/max-concurrency is 0/)],
  ['declines for good what is broken for good', { pool: { unready: broken } }, decline('no such user')],
  [
    'is patient with what may pass',
    { pool: { unready: temporary, unhealthySinceS: NOW_S - 5 } },
    defer('hypervisor unreachable'),
  ],
  [
    'is patient for a while, counted from the request where that is later',
    { pool: { unready: temporary, unhealthySinceS: NOW_S - 9_999 } },
    defer('hypervisor unreachable'),
  ],
  [
    'gives up after a while',
    {
      request: { createdTimeS: NOW_S - UNHEALTHY_PATIENCE_S },
      pool: { unready: temporary, unhealthySinceS: NOW_S - UNHEALTHY_PATIENCE_S },
    },
    decline('hypervisor unreachable'),
  ],
  [
    'counts from the beginning of the trouble where that is later',
    {
      request: { createdTimeS: NOW_S - 9_999 },
      pool: { unready: temporary, unhealthySinceS: NOW_S - UNHEALTHY_PATIENCE_S + 1 },
    },
    defer('hypervisor unreachable'),
  ],
  [
    'looks at requested labels only',
    { pool: { unready: (label: string) => (label === 'big' ? broken() : undefined) } },
    SERVE,
  ],
  [
    'declines what the pool can never hold',
    { request: three, pool: { config: config({ maxServers: 2 }) } },
    decline('needs 3 instances, more than the limit of 2'),
  ],
  [
    'declines what the provider can never hold',
    { request: three, pool: { providerLimits: { instances: 2 } } },
    decline('needs 3 instances, more than the limit of 2'),
  ],
  [
    'ignores the provider where told so',
    {
      request: three,
      pool: { providerLimits: { instances: 2 }, config: config({ ignoreProviderQuota: true }) },
    },
    { action: 'serve' },
  ],
  ['fills the pool to the brim', { request: { nodeTypes: ['small'] }, pool: atQuota }, SERVE],

  ['takes nothing while draining', { pool: { draining: true } }, defer(/drained/)],
  [
    'declines what it cannot serve also while draining',
    { request: { nodeTypes: ['odd'] }, pool: { draining: true } },
    decline(/odd/),
  ],
  ['waits for the quota to be known', { pool: { providerLimits: undefined } }, defer(/not known yet/)],
  [
    'needs no quota where it is ignored',
    { pool: { providerLimits: undefined, config: config({ ignoreProviderQuota: true }) } },
    SERVE,
  ],
  [
    'defers a tenant at its limit',
    { request: { tenantName: 'acme' }, tenant: { limits: { instances: 2 }, used: { instances: 2 } } },
    defer('tenant acme is at its limit: 2 of 2 instances in use'),
  ],
  [
    'defers, never declines, what is larger than the tenant may have',
    { request: { ...three, tenantName: 'acme' }, tenant: { limits: { instances: 2 }, used: {} } },
    defer(/tenant acme/),
  ],
  [
    'serves a tenant within its limit',
    { tenant: { limits: { instances: 2 }, used: { instances: 1 } } },
    SERVE,
  ],

  [
    'waits at quota',
    { request: { nodeTypes: ['small', 'small'] }, pool: atQuota },
    { action: 'wait', reason: 'at quota: 2 of 3 instances in use, 2 needed', need: { instances: 2 } },
  ],
  [
    'waits at the quota of the provider',
    { pool: { providerLimits: { cores: 4 }, providerUse: { cores: 3 }, cost: () => ({ cores: 2 }) } },
    wait('provider at quota: 3 of 4 cores in use, 2 needed'),
  ],
  [
    'declines spare nodes at quota',
    { request: { ...minReady, nodeTypes: ['small', 'small'] }, pool: atQuota },
    decline(/at quota/),
  ],
  ['makes spare nodes where there is room', { request: minReady, pool: atQuota }, SERVE],
  [
    'uses ready nodes, which need no room',
    {
      request: { nodeTypes: ['small', 'small'] },
      pool: { ...atQuota, matchReady: () => ['0000000007', undefined] },
    },
    { action: 'serve', reuse: ['0000000007', undefined], launch: ['small'] },
  ],
  [
    'uses no ready nodes where the request wants none',
    { request: { reuse: false }, pool: { matchReady: () => ['0000000007'] } },
    { action: 'serve', reuse: [], launch: ['small'] },
  ],

  [
    'waits while too many launches run',
    { pool: { launching: 2, maxConcurrency: 2 } },
    { ...wait(/2 launches run/), need: {} },
  ],
  ['launches up to the limit', { pool: { launching: 1, maxConcurrency: 2 } }, SERVE],
  [
    'lets a request larger than the limit go alone',
    { request: three, pool: { launching: 0, maxConcurrency: 2 } },
    { action: 'serve', launch: three.nodeTypes },
  ],
  [
    'lets a larger one wait for the others',
    { request: three, pool: { launching: 1, maxConcurrency: 2 } },
    wait(/busy/),
  ],
  [
    'defers spare nodes while busy',
    { request: minReady, pool: { launching: 2, maxConcurrency: 2 } },
    defer(/busy/),
  ],

  [
    'lends a registered machine',
    { pool: { static: true, matchReady: () => ['0000000007'] } },
    { action: 'serve', launch: [] },
  ],
  [
    'defers when no registered machine is free',
    { pool: { static: true } },
    defer('no free node with label small'),
  ],
  [
    'defers when one of several is not free',
    { request: three, pool: { static: true, matchReady: () => ['1', undefined, '2'] } },
    defer('no free node with label big'),
  ],
  [
    'declines more registered machines than the pool may lend',
    { request: three, pool: { static: true, config: config({ maxServers: 2 }) } },
    decline('needs 3 instances, more than the limit of 2'),
  ],
  [
    'declines what its registered machines could not hold if all were free',
    { request: three, pool: { static: true, fits: () => false } },
    decline(/^has not enough machines for small, /),
  ],
];

for (const [title, given, expected] of table) {
  t.test(title, (t) => {
    t.match(plan(given), expected);
    t.end();
  });
}

const label = fc.constantFrom('small', 'big', 'odd');
const amount = fc.integer({ min: 0, max: 6 });
const given = fc.record({
  nodeTypes: fc.array(label, { minLength: 1, maxLength: 4 }),
  maxServers: fc.option(amount, { nil: undefined }),
  quota: fc.option(amount, { nil: undefined }),
  poolUse: amount,
  providerUse: amount,
  tenantLimit: fc.option(amount, { nil: undefined }),
  tenantUse: amount,
  launching: fc.integer({ min: 0, max: 3 }),
  maxConcurrency: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
  ready: fc.integer({ min: 0, max: 4 }),
  others: fc.array(
    fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      labels: fc.subarray(['small', 'big', 'odd']),
      priority: fc.integer({ min: 99, max: 101 }),
      paused: fc.boolean(),
    }),
    { maxLength: 3 },
  ),
});

t.test('what is served never exceeds a limit', (t) => {
  fc.assert(
    fc.property(given, (g) => {
      const limits: Resources = g.maxServers === undefined ? {} : { instances: g.maxServers };
      const providerLimits: Resources = g.quota === undefined ? {} : { instances: g.quota };
      const result = plan({
        request: { nodeTypes: g.nodeTypes, tenantName: 'acme' },
        pool: {
          config: config({ maxServers: g.maxServers }),
          providerLimits,
          poolUse: { instances: g.poolUse },
          providerUse: { instances: g.providerUse },
          launching: g.launching,
          maxConcurrency: g.maxConcurrency,
          matchReady: (labels) => labels.map((_, place) => (place < g.ready ? `node-${place}` : undefined)),
        },
        ...(g.tenantLimit === undefined
          ? {}
          : { tenant: { limits: { instances: g.tenantLimit }, used: { instances: g.tenantUse } } }),
        others: g.others.map(({ id, labels, ...more }) =>
          other({ launcherId: id, supportedLabels: labels, ...more }),
        ),
      });
      if (result.action !== 'serve') return true;
      const made = { instances: result.launch.length };
      const whole = { instances: g.nodeTypes.length };
      return (
        g.nodeTypes.every((name) => name !== 'odd') &&
        !findExceeded(limits, { instances: g.poolUse }, made) &&
        !findExceeded(providerLimits, { instances: g.providerUse }, made) &&
        !(
          g.tenantLimit !== undefined &&
          findExceeded({ instances: g.tenantLimit }, { instances: g.tenantUse }, whole)
        ) &&
        (g.maxConcurrency === undefined ||
          made.instances === 0 ||
          g.launching === 0 ||
          g.launching + made.instances <= g.maxConcurrency)
      );
    }),
  );
  t.end();
});

t.test('a request that no pool covers is declined by every pool in the end, one covered is not', (t) => {
  const pools = fc.array(
    fc.record({
      labelNames: fc.subarray(['small', 'big']),
      priority: fc.integer({ min: 99, max: 101 }),
      maxConcurrency: fc.constantFrom(undefined, 0, 2),
      maxServers: fc.constantFrom(undefined, 0, 5),
      paused: fc.boolean(),
    }),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(pools, fc.array(label, { minLength: 1, maxLength: 3 }), (found, nodeTypes) => {
      const registry = found.map(({ labelNames, priority, paused }, index) =>
        other({ launcherId: `pool-${index}`, supportedLabels: labelNames, priority, paused }),
      );
      const declinedBy: string[] = [];
      let served = false;
      for (let round = 0; round < found.length + 1 && !served; round += 1) {
        for (const [index, { labelNames, priority, maxConcurrency, maxServers }] of found.entries()) {
          const result = planRequest({
            request: makeRequest({ nodeTypes, declinedBy: [...declinedBy], stateTimeS: NOW_S }),
            pool: facts({
              launcherId: `pool-${index}`,
              config: config({ labelNames, priority, maxServers }),
              maxConcurrency,
            }),
            registry,
            tenant: undefined,
            nowS: NOW_S,
          });
          if (result.action === 'decline') declinedBy.push(`pool-${index}`);
          if (result.action === 'serve') served = true;
        }
      }
      const capable = found.some(
        ({ labelNames, maxConcurrency, maxServers }) =>
          maxConcurrency !== 0 && maxServers !== 0 && nodeTypes.every((name) => labelNames.includes(name)),
      );
      return served === capable && (capable || new Set(declinedBy).size === found.length);
    }),
  );
  t.end();
});
