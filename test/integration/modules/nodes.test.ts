import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { silentLogger } from '../../../src/log.ts';
import { makeNode } from '../../../src/model/node.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { callModule } from '../../support/ansible-module.ts';
import { tempDir } from '../../support/temp.ts';

const command = fileURLToPath(new URL('../../../dist/bin/nodepool.js', import.meta.url));

t.test('a node is held once, for the newest reason, and deleted once', async (t) => {
  const { store, task } = await openPlace(t);
  const { id } = await store.nodes.create(makeNode({ state: 'ready', provider: 'farm', type: ['debian'] }));
  const short = String(Number(id));

  t.match((await task('nodepool_node', { id: short, reason: 'disk full' }, true)).json, {
    changed: true,
    node: { state: 'ready' },
  });
  t.match((await task('nodepool_node', { id: short, reason: 'disk full' })).json, {
    changed: true,
    node: { id, state: 'hold', comment: 'disk full' },
    diff: { before: 'state: ready\n', after: 'state: hold\n' },
  });
  t.equal((await task('nodepool_node', { id, reason: 'disk full' })).json.changed, false);
  t.equal((await task('nodepool_node', { id })).json.changed, false);
  t.match((await task('nodepool_node', { id, reason: 'other', hold_for: '2h' })).json, {
    changed: true,
    node: { comment: 'other' },
  });

  t.equal((await task('nodepool_node', { id, state: 'absent' }, true)).json.changed, true);
  t.match((await task('nodepool_node', { id, state: 'absent' })).json, {
    changed: true,
    node: { state: 'deleting' },
  });
  t.equal((await task('nodepool_node', { id, state: 'absent' })).json.changed, false);
  t.equal((await task('nodepool_node', { id: '999', state: 'absent' })).json.changed, false);
});

t.test('refuses what nodepool refuses, in its words', async (t) => {
  const { store, task } = await openPlace(t);
  const held = await store.nodes.createLocked(
    makeNode({ state: 'in-use', provider: 'farm', type: ['debian'] }),
  );
  t.teardown(() => held.release());
  const { id } = held.entry;
  t.match((await task('nodepool_node', { id, state: 'absent' })).json, { failed: true, msg: /is locked/ });
  t.match((await task('nodepool_node', { id: '999' })).json, { failed: true, msg: 'there is no node 999' });
  t.match((await task('nodepool_node', { id: 'x' })).json, { failed: true, msg: /^id: expected/ });
  t.match((await task('nodepool_info', { command: '/nonexistent' })).json, {
    failed: true,
    msg: /is the package sf-nodepool installed\?/,
  });
});

t.test('tells nodes and requests as the command does', async (t) => {
  const { store, task } = await openPlace(t);
  await store.nodes.create(makeNode({ state: 'ready', provider: 'farm', type: ['debian'] }));
  const all = await task('nodepool_info', {});
  t.match(all.json, { changed: false, nodes: [{ state: 'ready', provider: 'farm' }], requests: [] });
  t.notOk('requests' in (await task('nodepool_info', { gather: ['nodes'] })).json);
  t.match((await task('nodepool_info', { gather: ['weather'] })).json, {
    failed: true,
    msg: /gather\[0\]: expected one of/,
  });
});

/** Records in a directory, and tasks of a host whose configuration names it. */
async function openPlace(t: Test) {
  const dir = tempDir(t);
  const state = join(dir, 'state');
  const store = await openEmbeddedStore({ dir: state, log: silentLogger });
  t.teardown(() => store.close());
  const config = join(dir, 'nodepool.yaml');
  writeFileSync(config, `state-dir: ${state}\nlabels: []\nproviders: []\n`);
  return {
    store,
    task: (name: string, values: object, check = false) =>
      callModule(name, dir, { config, command, ...values }, { check }),
  };
}
