import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeNode } from '../../../src/model/node.ts';
import { builtCommand, openPlace } from './place.ts';

const CONFIG = 'labels: []\nproviders: []\n';

t.test('a node is held once, for the newest reason, and deleted once', async (t) => {
  const { store, task } = await openPlace(t, CONFIG);
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
  const { store, task } = await openPlace(t, CONFIG);
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
  const { store, task } = await openPlace(t, CONFIG);
  await store.nodes.create(makeNode({ state: 'ready', provider: 'farm', type: ['debian'] }));
  const all = await task('nodepool_info', {});
  t.match(all.json, { changed: false, nodes: [{ state: 'ready', provider: 'farm' }], requests: [] });
  t.notOk('requests' in (await task('nodepool_info', { gather: ['nodes'] })).json);
  t.match((await task('nodepool_info', { gather: ['weather'] })).json, {
    failed: true,
    msg: /gather\[0\]: expected one of/,
  });
});

t.test('starts the command once, whatever is asked for, and not at all for nothing', async (t) => {
  const { task, dir } = await openPlace(t, CONFIG);
  const starts = join(dir, 'starts');
  const command = join(dir, 'nodepool');
  writeFileSync(command, `#!/bin/sh\necho "$@" >>${starts}\nexec ${builtCommand} "$@"\n`, { mode: 0o755 });
  const gather = ['nodes', 'requests', 'builds', 'images'];
  t.match((await task('nodepool_info', { command, gather })).json, {
    changed: false,
    nodes: [],
    requests: [],
    builds: [],
    images: [],
  });
  t.match(readFileSync(starts, 'utf8'), /^[^\n]* overview nodes requests builds images\n$/);
  rmSync(starts);
  const { json } = await task('nodepool_info', { command, gather: [] });
  t.match(json, { changed: false });
  t.notOk('nodes' in json);
  t.notOk(existsSync(starts));
});
