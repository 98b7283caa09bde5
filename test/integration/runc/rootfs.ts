/** A root file system other than the machine's own, without downloading one: the machine's, with changes. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { World } from './world.ts';

/** Mounts it below the world's directory, to be changed by the test; unmounted at the end. */
export function makeRootfs(t: Test, world: World, name = 'rootfs'): string {
  const directory = join(world.directory, name);
  const [root, upper, work] = ['root', 'upper', 'work'].map((part) => join(directory, part));
  for (const part of [root, upper, work]) mkdirSync(part ?? '', { recursive: true, mode: 0o755 });
  const options = `lowerdir=/,upperdir=${upper},workdir=${work}`;
  const { status, stderr } = spawnSync('mount', ['-t', 'overlay', '-o', options, 'test', root ?? ''], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`cannot mount an overlay: ${stderr}`);
  t.teardown(() => spawnSync('umount', ['--lazy', root ?? '']));
  return root ?? '';
}
