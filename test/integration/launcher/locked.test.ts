/** Requests whose lock somebody else has, and locks that seem to be lost. */
import t from 'tap';
import type { Node } from '../../../src/model/node.ts';
import type { Held, Store } from '../../../src/store/store.ts';
import { fakeConfig } from '../../support/fake-config.ts';
import { FAST_ROUNDS, startTestLauncher } from '../../support/launcher.ts';

const yaml = fakeConfig({ providers: { cloud: { pools: { main: { labels: ['small'] } } } } });

/** Counts how often the launcher asks for the lock of a request. */
function countLocks(counts: { locks: number }) {
  return (store: Store): Store => {
    const { requests } = store;
    const counting = new Proxy(requests, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        if (key === 'lock') counts.locks += 1;
        return value.bind(target) as unknown;
      },
    });
    return { ...store, requests: counting };
  };
}

t.test('a request that its owner has locked is served when the lock is given back', async (t) => {
  const counts = { locks: 0 };
  const test = await startTestLauncher(t, yaml, { wrapStore: countLocks(counts) });
  const first = await test.fulfilled(['small']);
  counts.locks = 0;
  const held = await test.zuul.requests.createLocked({ ...first.value, state: 'requested', nodes: [] });
  await new Promise((resolve) => setTimeout(resolve, 350)); // nothing announces that nothing happens
  t.ok(counts.locks < 10, `asked ${counts.locks} times`);
  await held.release();
  t.equal((await test.outcome(held.entry.id)).value.state, 'fulfilled');
});

/** Tells the launcher that the lock of its first node is lost, when it writes `state`, although it is not. */
function seemLostAt(state: Node['state']) {
  return (store: Store): Store => {
    const seems = new AbortController();
    let first: Held<Node> | undefined;
    const nodes = new Proxy(store.nodes, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target);
        if (key === 'createLocked' && !first) {
          return async (...given: Parameters<typeof target.createLocked>): Promise<Held<Node>> => {
            const held = await target.createLocked(...given);
            first ??= { entry: held.entry, lost: seems.signal, release: () => held.release() };
            return first.entry === held.entry ? first : held;
          };
        }
        if (key === 'update') {
          return (...[of, change]: Parameters<typeof target.update>) => {
            const id = typeof of === 'string' ? of : of.id;
            if (first?.entry.id === id && change(first.entry.value)?.state === state)
              seems.abort(new Error('it seems so'));
            return target.update(of, change);
          };
        }
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    return { ...store, nodes };
  };
}

for (const state of ['building', 'ready'] as const) {
  t.test(`a lock that only seemed to be lost while a node was ${state} is given back`, async (t) => {
    const test = await startTestLauncher(t, yaml, { rounds: FAST_ROUNDS, wrapStore: seemLostAt(state) });
    const { id } = await test.request(['small']);
    t.equal((await test.outcome(id)).value.state, 'failed');
    await test.zuul.requests.remove(id);
    await test.wait(
      () =>
        [...test.nodes.entries.values()].every(({ value, locked }) => !locked && value.allocatedTo === null),
      'no node is locked or taken',
    );
    await test.fulfilled(['small']);
  });
}
