import t from 'tap';
import { systemClock } from '../../../src/clock.ts';
import { silentLogger } from '../../../src/log.ts';
import { makeNode, NODE_STATES } from '../../../src/model/node.ts';
import { holdNode } from '../../../src/operator/hold-node.ts';
import { Refusal } from '../../../src/operator/refusal.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { tempDir } from '../../support/temp.ts';

const options = { who: 'ann', clock: systemClock, signal: new AbortController().signal };

t.test('only a node that works can be held, whatever else its state', async (t) => {
  const store = await openEmbeddedStore({ dir: tempDir(t), log: silentLogger });
  t.teardown(() => store.close());
  const outcomes: Record<string, string> = {};
  for (const state of NODE_STATES) {
    const { id } = await store.nodes.create(makeNode({ state }));
    try {
      const held = await holdNode(store, id, options);
      outcomes[state] = `${held?.value.state}, ${held?.value.comment}`;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      outcomes[state] = error.kind;
    }
  }
  t.strictSame(outcomes, {
    init: 'not possible',
    building: 'not possible',
    testing: 'hold, held by ann',
    ready: 'hold, held by ann',
    'in-use': 'hold, held by ann',
    used: 'hold, held by ann',
    hold: 'hold, held by ann',
    failed: 'not possible',
    aborted: 'not possible',
    deleting: 'not possible',
    deleted: 'not possible',
  });
});

t.test('a node that is not there, and its comment and expiry', async (t) => {
  const store = await openEmbeddedStore({ dir: tempDir(t), log: silentLogger });
  t.teardown(() => store.close());
  await t.rejects(holdNode(store, '0000000099', options), /node 0000000099 does not exist/);

  const { id } = await store.nodes.create(makeNode({ state: 'used', comment: 'broken test' }));
  const kept = await holdNode(store, id, options);
  t.match(kept?.value, { comment: 'broken test', holdExpirationS: null });
  const changed = await holdNode(store, id, { ...options, reason: 'to look at', forS: 60 });
  t.match(changed?.value, { comment: 'to look at', holdExpirationS: 60 });
});
