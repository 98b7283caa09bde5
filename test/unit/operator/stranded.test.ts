import t from 'tap';
import type { Component } from '../../../src/model/component.ts';
import { makeNode, type Node } from '../../../src/model/node.ts';
import { strandedLines } from '../../../src/operator/stranded.ts';

const pool = (providerName: string, poolName: string | null): Component =>
  ({
    kind: 'pool',
    launcherId: `${providerName}-${poolName}`,
    providerName,
    poolName,
    supportedLabels: [],
  }) as never;
const node = (given: Partial<Node>) => ({
  id: '0000000001',
  version: 1,
  locked: false,
  createdMs: 0,
  modifiedMs: 0,
  value: makeNode({ provider: 'farm', pool: 'hv2', state: 'deleting', stateTimeS: 100, ...given }),
});
const lines = (components: Component[], ...nodes: Partial<Node>[]) =>
  strandedLines(nodes.map(node), { components, pools: [] }, 1000);

t.test('a pool that is gone while its nodes cannot be deleted', async (t) => {
  t.strictSame(lines([pool('farm', 'hv1')], {}, {}, { pool: 'hv1' }), [
    '2 nodes of farm/hv2, which is not configured any more, cannot be deleted: put the pool back, or drop the ' +
      'records with `nodepool erase farm hv2`',
  ]);
});

t.test('a provider that no running launcher has, whatever its nodes are', async (t) => {
  t.strictSame(lines([pool('cloud', 'main')], { state: 'used' }, { state: 'ready', pool: null }), [
    'no running launcher has the provider farm: its 2 nodes stay until one has it again, or until ' +
      '`nodepool erase farm` drops the records',
  ]);
});

t.test('nothing is said of what goes by itself, or where nothing is known', async (t) => {
  t.strictSame(
    lines([pool('farm', 'hv1')], { stateTimeS: 990 }, { state: 'in-use' }, { provider: null }),
    [],
  );
  t.strictSame(lines([pool('farm', 'hv2')], {}), [], 'the pool is there');
  t.strictSame(lines([pool('farm', null)], {}), [], 'a launcher that does not name its pools');
  t.strictSame(lines([], {}), [], 'no launcher runs');
});
