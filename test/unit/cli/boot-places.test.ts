import { chmod, mkdir, readdir, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { claimBootDir, removeBootDir, removeLeftBoots } from '../../../src/cli/boot-places.ts';

t.test('a directory of its own, which goes with its base', async (t) => {
  const env = { TMPDIR: t.testdir() };
  const dir = await claimBootDir(env);
  t.equal((await stat(dir)).mode & 0o777, 0o700);
  await removeLeftBoots(env);
  t.same(await readdir(join(env.TMPDIR, 'nodepool-boot')), [dir.split('/').at(-1)], 'this process lives');
  await removeBootDir(dir);
  t.same(await readdir(env.TMPDIR), []);
});

t.test('what a process has left that is gone is removed', async (t) => {
  const env = { TMPDIR: t.testdir({ 'nodepool-boot': {} }) };
  const base = join(env.TMPDIR, 'nodepool-boot');
  await chmod(base, 0o700);
  await mkdir(join(base, '1-999999999999'));
  await removeLeftBoots(env);
  t.same(await readdir(env.TMPDIR), []);
});

t.test('a place to which others may write is neither cleaned nor used', async (t) => {
  const refusal = { message: /nodepool-boot belongs to somebody else, or others may write to it/ };
  const env = { TMPDIR: t.testdir({ 'nodepool-boot': { '1-999999999999': {} } }) };
  const base = join(env.TMPDIR, 'nodepool-boot');
  await chmod(base, 0o777);
  await t.rejects(removeLeftBoots(env), refusal);
  await t.rejects(claimBootDir(env), refusal);
  t.same(await readdir(base), ['1-999999999999']);

  const linked = { TMPDIR: t.testdir({ elsewhere: { '1-2': {} } }) };
  await symlink('elsewhere', join(linked.TMPDIR, 'nodepool-boot'));
  await t.rejects(removeLeftBoots(linked), refusal);
  await t.rejects(claimBootDir(linked), refusal);
  t.same(await readdir(join(linked.TMPDIR, 'elsewhere')), ['1-2']);
});
