/** The small parts: sums, indexes, matching of ready nodes, reservations. */
import fc from 'fast-check';
import t from 'tap';
import { createIndex } from '../../../src/launcher/index-by.ts';
import { matchReady } from '../../../src/launcher/match-ready.ts';
import type { Pool } from '../../../src/launcher/pool.ts';
import { reserve, reserveForTenant } from '../../../src/launcher/reservation.ts';
import { applyNode, createSums } from '../../../src/launcher/usage.ts';
import { makeNode, type Node } from '../../../src/model/node.ts';
import type { Entry } from '../../../src/store/store.ts';

function entry(id: string, given: Partial<Node>): Entry<Node> {
  return { id, value: makeNode(given), version: 1, locked: false, createdMs: 0, modifiedMs: 0 };
}

const someNode = fc.record({
  provider: fc.constantFrom('p', 'q', null),
  pool: fc.constantFrom('a', 'b', null),
  tenantName: fc.constantFrom('x', 'y', null),
  resources: fc.option(fc.record({ instances: fc.constant(1), cores: fc.integer({ min: 0, max: 4 }) })),
});

t.test('sums equal those counted afresh, whatever came and went', (t) => {
  const changes = fc.array(fc.tuple(fc.constantFrom('1', '2', '3'), fc.option(someNode)), { maxLength: 30 });
  fc.assert(
    fc.property(changes, (list) => {
      const sums = createSums();
      const now = new Map<string, Entry<Node>>();
      for (const [id, node] of list) {
        const next = node === null ? undefined : entry(id, node);
        applyNode(sums, now.get(id), next);
        if (next) now.set(id, next);
        else now.delete(id);
      }
      const coresOf = (is: (node: Node) => boolean) =>
        [...now.values()]
          .filter(({ value }) => is(value))
          .reduce((sum, { value }) => sum + (value.resources?.['cores'] ?? 0), 0);
      const countOf = (is: (node: Node) => boolean) =>
        [...now.values()].filter(({ value }) => is(value)).length;
      return (
        (sums.ofProvider('p')['cores'] ?? 0) === coresOf(({ provider }) => provider === 'p') &&
        (sums.ofPool('p', 'a')['cores'] ?? 0) ===
          coresOf(({ provider, pool }) => provider === 'p' && pool === 'a') &&
        (sums.ofTenant('x')['instances'] ?? 0) === countOf(({ tenantName }) => tenantName === 'x')
      );
    }),
  );
  t.end();
});

t.test('an index shows each record under all its keys, and under no other', (t) => {
  const index = createIndex<string[]>((keys) => keys);
  const record = (keys: string[]): Entry<string[]> => ({ ...entry('', {}), value: keys });
  index.apply({ id: '1', entry: record(['a', 'b']), previous: undefined });
  index.apply({ id: '2', entry: record(['b']), previous: undefined });
  index.apply({ id: '1', entry: record(['b', 'c']), previous: record(['a', 'b']) });
  t.same([...index.get('a')], []);
  t.same([...index.get('b')], ['1', '2'], 'in the order in which they came');
  t.same([...index.get('c')], ['1']);
  index.apply({ id: '2', entry: undefined, previous: record(['b']) });
  t.same([...index.get('b')], ['1']);
  t.end();
});

const LABELS = ['a', 'b', 'c'];

t.test('ready nodes are dealt out to as many labels as possible, each once', (t) => {
  const nodes = fc.array(fc.subarray(LABELS, { minLength: 1 }), { maxLength: 5 });
  const wanted = fc.array(fc.constantFrom(...LABELS), { maxLength: 5 });
  fc.assert(
    fc.property(nodes, wanted, (types, labels) => {
      const stock = types.map((type, place) => entry(String(place), { type }));
      const found = matchReady(labels, (label) => stock.filter(({ value }) => value.type.includes(label)));
      const ids = found.filter((id) => id !== undefined);
      const fits = found.every(
        (id, place) => id === undefined || types[Number(id)]?.includes(labels[place] ?? ''),
      );
      return fits && new Set(ids).size === ids.length && ids.length === mostOf(labels, types);
    }),
  );
  t.end();
});

/** The largest possible number of labels served, found by trying everything. */
function mostOf([label, ...rest]: readonly string[], types: readonly string[][]): number {
  if (label === undefined) return 0;
  const without = mostOf(rest, types);
  const withEach = types.flatMap((type, place) =>
    type.includes(label) ? [1 + mostOf(rest, types.toSpliced(place, 1))] : [],
  );
  return Math.max(without, ...withEach);
}

t.test('all matched nodes are in one zone', (t) => {
  const stock = [
    entry('1', { az: 'north' }),
    entry('2', { az: 'south' }),
    entry('3', { az: null }),
    entry('4', { az: 'north' }),
  ];
  t.same(
    matchReady(['a', 'a', 'a', 'a'], () => stock),
    ['1', '3', '4', undefined],
  );
  t.end();
});

t.test('a reservation counts until it is given back, once', (t) => {
  const promises = { reserved: createSums(), claimed: new Set<string>() };
  const woken: string[] = [];
  const context = {
    promises,
    roomChanged: (provider: string, pool: string) => void woken.push(`${provider}/${pool}`),
  };
  const pool = { config: { provider: 'p', name: 'a' }, runtime: { launching: 0 } } as unknown as Pool;
  const room = reserve(pool, { instances: 1 }, 'x', context);
  const lent = reserveForTenant(pool, { instances: 1 }, 'x', context);
  t.same(promises.reserved.ofPool('p', 'a'), { instances: 1 });
  t.same(promises.reserved.ofTenant('x'), { instances: 2 });
  t.equal(pool.runtime.launching, 1, 'it is about to launch');
  for (const reservation of [room, room, lent]) reservation.release();
  t.same(promises.reserved.ofPool('p', 'a'), { instances: 0 });
  t.same(promises.reserved.ofTenant('x'), { instances: 0 });
  t.equal(pool.runtime.launching, 0);
  t.same(woken, ['p/a', 'p/a']);
  t.end();
});
