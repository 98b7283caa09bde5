import fc from 'fast-check';
import t from 'tap';
import { makeNode } from '../../../src/model/node.ts';
import type { Held, Store } from '../../../src/store/store.ts';
import type { Node } from '../../../src/model/node.ts';
import { until } from './contract.ts';
import { embedded } from './embedded-place.ts';
import { openPlace } from './place.ts';

/** One operation on one of three records; what it gives is compared with what the model says. */
type Step = {
  who: 0 | 1;
  id: string;
  do: 'create' | 'createLocked' | 'update' | 'remove' | 'lock' | 'release' | 'get';
};

const step: fc.Arbitrary<Step> = fc.record({
  who: fc.constantFrom<0 | 1>(0, 1),
  id: fc.constantFrom('a', 'b', 'c'),
  do: fc.constantFrom(
    'create',
    'createLocked',
    'update',
    'update',
    'remove',
    'lock',
    'lock',
    'release',
    'get',
  ),
});

/** Several operations of one store are issued at once, without waiting in between. */
const bursts = fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 12 });

/** The store as plain objects. */
class Model {
  readonly records = new Map<string, { writes: number; holder: 0 | 1 | undefined }>();

  apply({ who, id, do: what }: Step): string {
    const record = this.records.get(id);
    switch (what) {
      case 'create':
      case 'createLocked':
        if (record) return 'StoreError';
        this.records.set(id, { writes: 0, holder: what === 'create' ? undefined : who });
        return 'ok';
      case 'update':
        if (!record) return 'NotFoundError';
        record.writes += 1;
        return `ok ${record.writes}`;
      case 'remove':
        this.records.delete(id);
        return 'ok';
      case 'lock':
        if (!record) return 'NotFoundError';
        if (record.holder !== undefined) return 'busy';
        record.holder = who;
        return 'ok';
      case 'release':
        if (record?.holder === who) record.holder = undefined;
        return 'ok';
      case 'get':
        return record ? `ok ${record.writes} ${record.holder !== undefined}` : 'absent';
    }
  }

  shown(): unknown[] {
    const rows = [...this.records].map(([id, { writes, holder }]) => [id, writes, holder !== undefined]);
    return rows.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  }
}

/** The lock that a store holds on each record, as earlier bursts have left it. */
type Locks = Map<string, Held<Node>>;

/** The same operation on the real store; it gives its result, and the lock when it has taken one. */
async function apply(
  store: Store,
  locks: Locks,
  { id, do: what }: Step,
): Promise<{ result: string; lock?: Held<Node> | undefined }> {
  switch (what) {
    case 'create':
      await store.nodes.create(makeNode({ slot: 0 }), { id });
      return { result: 'ok' };
    case 'createLocked':
      return { result: 'ok', lock: await store.nodes.createLocked(makeNode({ slot: 0 }), { id }) };
    case 'update': {
      const { value } = await store.nodes.update(id, (node) => ({ ...node, slot: (node.slot ?? 0) + 1 }));
      return { result: `ok ${String(value.slot)}` };
    }
    case 'remove':
      await store.nodes.remove(id);
      return { result: 'ok' };
    case 'lock': {
      const lock = await store.nodes.lock(id);
      return { result: lock ? 'ok' : 'busy', lock };
    }
    case 'release':
      await locks.get(id)?.release();
      return { result: 'ok' };
    case 'get': {
      const entry = await store.nodes.get(id);
      return { result: entry ? `ok ${String(entry.value.slot)} ${entry.locked}` : 'absent' };
    }
  }
}

const shownBy = (entries: Iterable<{ id: string; value: Node; locked: boolean }>) =>
  [...entries]
    .map(({ id, value, locked }) => [id, value.slot, locked])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));

t.test('any sequence of operations gives what a simple model gives', { timeout: 100_000 }, async (t) => {
  await fc.assert(
    fc.asyncProperty(bursts, async (sequence) => {
      const { place, remove } = await embedded.prepare();
      const stores = [await openPlace(place), await openPlace(place)] as const;
      try {
        const model = new Model();
        const locks: readonly [Locks, Locks] = [new Map(), new Map()];
        const views = [await stores[0].nodes.watch(), await stores[1].nodes.watch()] as const;
        for (const burst of sequence) {
          const who = burst[0]?.who ?? 0;
          // A release needs the lock that an earlier burst has given, so it never follows in the same burst.
          const steps = burst
            .map((one) => ({ ...one, who }))
            .filter((one, index) => one.do !== 'release' || index === 0);
          const expected = steps.map((one) => model.apply(one));
          const outcomes = await Promise.all(
            steps.map((one) =>
              apply(stores[who], locks[who], one).catch((error: unknown) => ({
                result: (error as Error).name,
                lock: undefined,
              })),
            ),
          );
          // In the order in which they were asked for: what is issued at once may be answered in any order.
          for (const [index, { lock }] of outcomes.entries())
            if (lock) locks[who].set((steps[index] as Step).id, lock);
          const actual = outcomes.map(({ result }) => result);
          if (actual.join() !== expected.join())
            throw new Error(`${actual.join()} instead of ${expected.join()}`);
          if (steps.every((one) => one.do === 'get' || one.do === 'release')) continue;
          const own = JSON.stringify(shownBy(views[who].entries.values()));
          if (own !== JSON.stringify(model.shown())) throw new Error(`own view: ${own}`);
        }
        const last = await stores[0].nodes.create(makeNode({}), { id: 'z' });
        await until(stores[1].nodes, (nodes) => nodes.has(last.id));
        await stores[0].nodes.remove('z');
        await until(stores[1].nodes, (nodes) => !nodes.has(last.id));
        const wanted = JSON.stringify(model.shown());
        const found = [...views.map((view) => view.entries.values()), await stores[1].nodes.list()];
        for (const entries of found) {
          const shown = JSON.stringify(shownBy(entries));
          if (shown !== wanted) throw new Error(`${shown} instead of ${wanted}`);
        }
      } finally {
        await Promise.all(stores.map((store) => store.close()));
        await remove();
      }
    }),
    { numRuns: 60 },
  );
  t.pass('as the model');
});
