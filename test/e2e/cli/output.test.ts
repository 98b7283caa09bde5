import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { execa } from 'execa';
import t from 'tap';
import { silentLogger } from '../../../src/log.ts';
import { makeNode } from '../../../src/model/node.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { tempDir } from '../../support/temp.ts';

const NODEPOOL = join(import.meta.dirname, '../../../dist/bin/nodepool.cjs');
const COUNT = 3000;

t.test('a signal stops a command that waits for a file without an end', async (t) => {
  const fifo = join(tempDir(t), 'nodepool.yaml');
  await execa('mkfifo', [fifo]);
  const command = execa(NODEPOOL, ['config-validate', fifo], {
    reject: false,
    forceKillAfterDelay: false,
  });
  const writer = await open(fifo, 'w'); // resolves when the command has opened its end
  command.kill('SIGTERM');
  t.equal((await command).signal, 'SIGTERM');
  await writer.close();
});

t.test('a long list comes through a pipe whole, also to a slow reader', async (t) => {
  const dir = tempDir(t);
  const config = join(dir, 'nodepool.yaml');
  writeFileSync(config, `state-dir: ${dir}/state\n`);
  const store = await openEmbeddedStore({ dir: `${dir}/state`, log: silentLogger });
  await Promise.all(
    Array.from({ length: COUNT }, () => store.nodes.create(makeNode({ provider: 'p', type: ['debian'] }))),
  );
  await store.close();

  const { stdout } = await execa('sh', [
    '-c',
    `'${NODEPOOL}' -c '${config}' list --detail | (sleep 0.5; cat)`,
  ]);
  t.equal(stdout.split('\n').length, COUNT + 4, 'every node, three rules and the header');

  const json = await execa(NODEPOOL, ['-c', config, '--format', 'json', 'list']);
  t.equal((JSON.parse(json.stdout) as unknown[]).length, COUNT);

  const head = await execa('sh', ['-c', `'${NODEPOOL}' -c '${config}' list | head -n 1`]);
  t.match(head.stdout, /^\+-+/);
});
