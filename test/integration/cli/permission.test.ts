import { chmodSync } from 'node:fs';
import t from 'tap';
import { openCli } from '../../support/cli.ts';

const notRoot = process.getuid?.() === 0 ? false : 'needs root to become another user';

t.test('tells a user without permission in one line what to do', { skip: notRoot }, async (t) => {
  const { run, store, dir } = await openCli(t);
  await store.close();
  chmodSync(dir, 0o755);
  process.seteuid?.(65534);
  const ran = await run(['list']).finally(() => process.seteuid?.(0));
  t.equal(ran.code, 1);
  t.equal(ran.stdout, '');
  t.match(ran.stderr, /^nodepool: The state directory .* cannot be used: .*\n$/);
  t.equal(ran.stderr.split('\n').length, 2);
});
