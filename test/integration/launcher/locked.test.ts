/** Requests whose lock somebody else has. */
import t from 'tap';
import type { Store } from '../../../src/store/store.ts';
import { fakeConfig } from '../../support/fake-config.ts';
import { startTestLauncher } from '../../support/launcher.ts';

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
