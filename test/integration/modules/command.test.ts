/** Modules start the command, or have its code answer in their own process. */
import { realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeNode } from '../../../src/model/node.ts';
import { builtCommand, installCommand, openPlace, programFor } from './place.ts';

const CONFIG = 'labels: []\ndiskimages: [{name: debian, elements: [vm]}]\n';

t.test('the started command and its code in the same process say the same', async (t) => {
  const { dir, store, task } = await openPlace(t, CONFIG);
  const created = await store.nodes.create(makeNode({ state: 'ready', provider: 'farm', type: ['debian'] }));
  const wrong = join(dir, 'wrong.yaml');
  writeFileSync(wrong, 'state-dir: nowhere\n');
  const calls: [name: string, values: object, answer: object][] = [
    ['nodepool_info', { gather: ['nodes'] }, { changed: false, nodes: [{ id: created.id }] }],
    ['nodepool_info', { config: wrong }, { failed: true, msg: /state-dir: expected an absolute path/ }],
    ['nodepool_node', { id: '999' }, { failed: true, msg: 'there is no node 999' }],
    ['nodepool_node', { id: created.id, reason: 'disk full' }, { node: { state: 'hold' } }],
    ['dib_image', { name: 'debian', timeout: 2 }, { failed: true, msg: /: no answer within 2 s; is the/ }],
  ];
  for (const command of [builtCommand, installCommand(t)]) {
    for (const [name, values, answer] of calls) {
      const { json, exitCode } = await task(name, { ...values, command });
      t.match(json, answer, `${name} with ${command}`);
      t.equal(exitCode, 'failed' in answer ? 1 : 0);
    }
  }
});

t.test('starts a command that another Node.js would run, and one that offers nothing', async (t) => {
  const { task } = await openPlace(t, CONFIG);
  const command = installCommand(t);
  t.match((await task('nodepool_info', { command })).json, { changed: false, nodes: [] });
  const started = { failed: true, msg: /ended with exit code 99/ };
  for (const text of [programFor('/usr/bin/env node'), `#!${process.execPath}\nprocess.exitCode = 99;\n`]) {
    writeFileSync(realpathSync(command), text);
    t.match((await task('nodepool_info', { command })).json, started);
  }
});
