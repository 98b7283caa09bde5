import fc from 'fast-check';
import t from 'tap';
import {
  HostError,
  LaunchError,
  LockLostError,
  NotFoundError,
  QuotaError,
  type LaunchStage,
} from '../../../src/errors.ts';
import { boundCopy } from '../../../src/metrics/bound-copy.ts';
import { countNodes } from '../../../src/metrics/counts.ts';
import { resultOf } from '../../../src/metrics/launch-result.ts';
import { statsdFrom } from '../../../src/metrics/metrics.ts';
import { packetsOf } from '../../../src/metrics/statsd.ts';
import { makeNode, type Node } from '../../../src/model/node.ts';

t.test('every way to fail has its word in the statistics', async (t) => {
  const stages: Record<LaunchStage, string> = {
    prepare: 'error.nodepool',
    create: 'error.status',
    start: 'error.status',
    address: 'error.network',
    keyscan: 'error.keyscan',
    timeout: 'error.servercreatetimeout',
    cancelled: 'error.nodepool',
  };
  for (const [stage, result] of Object.entries(stages))
    t.equal(resultOf(new LaunchError(stage as LaunchStage, 'x')), result, stage);
  t.equal(resultOf(new QuotaError('full')), 'error.quota');
  t.equal(resultOf(new HostError('h', 'down')), 'error.network');
  t.equal(resultOf(new LockLostError('gone')), 'error.zksession');
  t.equal(resultOf(new NotFoundError('nodes', '1')), 'error.zksession');
  t.equal(resultOf('anything'), 'error.unknown');
});

t.test('statsd is off, on with one variable, and its port is checked', async (t) => {
  t.equal(statsdFrom({}), undefined);
  t.strictSame(statsdFrom({ STATSD_HOST: 'graphite' }), { host: 'graphite', port: 8125 });
  t.strictSame(statsdFrom({ STATSD_PORT: '9125' }), { host: 'localhost', port: 9125 });
  for (const port of ['x', '0', '65536', '1.5'])
    t.throws(() => statsdFrom({ STATSD_PORT: port }), /STATSD_PORT: expected a port number/, port);
});

t.test(
  'packets hold every line once, in order, and only one too long line makes a packet too long',
  async () => {
    const line = fc.string({ minLength: 1, maxLength: 400, unit: fc.constantFrom('a', 'ü', '.', '1') });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 60 }), (lines) => {
        const packets = packetsOf(lines);
        const whole = packets.map((packet) => packet.toString()).join('\n');
        return whole === lines.join('\n') && packets.every((packet) => packet.length <= 1_400);
      }),
    );
  },
);

t.test('nodes are counted by provider and label with zeros for states that nobody is in', async (t) => {
  const entry = (given: Partial<Node>) => ({
    id: '1',
    value: makeNode(given),
    version: 1,
    locked: false,
    createdMs: 0,
    modifiedMs: 0,
  });
  const nodes = [
    entry({ state: 'ready', provider: 'a', pool: 'p', type: ['x', 'y'] }),
    entry({ state: 'ready', provider: 'a', pool: 'p', type: ['x'] }),
    entry({ state: 'hold', provider: null, type: ['x'] }),
  ];
  const counts = countNodes(nodes, ['a', 'empty']);
  t.match(counts.all, { ready: 2, hold: 1, deleting: 0 });
  t.match(counts.byProvider.get('a'), { ready: 2, hold: 0 });
  t.match(counts.byProvider.get('empty'), { ready: 0 });
  t.match(counts.byLabel.get('x'), { ready: 2, hold: 1 });
  t.strictSame(
    [...counts.each.values()].map(
      (each) => `${each.provider}/${each.pool} ${each.label} ${each.state} ${each.count}`,
    ),
    ['a/p x ready 2', 'a/p y ready 1', '/ x hold 1'],
  );
});

t.test('a bound copy keeps methods with private fields, getters and plain members', async (t) => {
  class Counter {
    #count = 0;
    readonly name = 'counter';
    get count() {
      return this.#count;
    }
    increase() {
      this.#count += 1;
    }
  }
  const original = new Counter();
  const copy = boundCopy(original);
  const { increase } = copy;
  increase();
  copy.increase();
  t.equal(copy.count, 2);
  t.equal(original.count, 2);
  t.equal(copy.name, 'counter');
  t.equal(Object.assign(boundCopy(original), { increase: () => 'other' }).increase(), 'other');
});
