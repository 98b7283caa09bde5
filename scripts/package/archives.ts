/** The staged tree as files that can be installed. */
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import type { Machine } from './machine.ts';
import { CONFIGURATION } from './system-files.ts';

const run = promisify(execFile);
const SAME_EVERYWHERE = ['--sort=name', '--owner=root:0', '--group=root:0', '--mode=u+rwX,go+rX,go-w'];

export interface Archive {
  version: string;
  machine: Machine;
  /** Directory. */
  output: string;
}

/** To be unpacked at `/`. Returns its path. */
export async function writeTarball(root: string, { version, machine, output }: Archive): Promise<string> {
  const file = join(output, `sf-nodepool-${version}-${machine.architecture}.tar.gz`);
  await run('tar', [
    '--create',
    '--file',
    `${file}.new`,
    '--use-compress-program=gzip -4',
    ...SAME_EVERYWHERE,
    '-C',
    root,
    '.',
  ]);
  await rename(`${file}.new`, file);
  return file;
}

/** Returns its path; undefined where there is no dpkg-deb. */
export async function writeDeb(
  root: string,
  { version, machine, output }: Archive,
): Promise<string | undefined> {
  const file = join(output, `sf-nodepool_${version}_${machine.debian}.deb`);
  await addControl(root, version, machine);
  try {
    await run('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z4', '--build', root, `${file}.new`]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  } finally {
    await rm(join(root, 'DEBIAN'), { recursive: true });
  }
  await rename(`${file}.new`, file);
  return file;
}

/** deb-control(5) */
async function addControl(root: string, version: string, { debian }: Machine): Promise<void> {
  const files = (await readdir(root, { recursive: true, withFileTypes: true }))
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => relative(root, join(parentPath, name)));
  await mkdir(join(root, 'DEBIAN'));
  for (const script of ['postinst', 'prerm']) {
    await cp(join('packaging', script), join(root, 'DEBIAN', script));
    await chmod(join(root, 'DEBIAN', script), 0o755);
  }
  const kept = files.filter((file) => CONFIGURATION.test(file)).map((file) => `/${file}\n`);
  await writeFile(join(root, 'DEBIAN/conffiles'), kept.sort().join(''));
  const fields = [
    'Package: sf-nodepool',
    `Version: ${version}`,
    `Architecture: ${debian}`,
    'Maintainer: The sf-nodepool contributors <nodepool@softwarefactory-project.io>',
    'Section: admin',
    'Priority: optional',
    'Depends: libc6 (>= 2.28), libstdc++6, systemd',
    'Conflicts: nodepool, nodepool-launcher, nodepool-builder',
    'Description: node pool of a CI system',
    ' Launcher, image builder and operator commands, with the Node.js they run on.',
  ];
  await writeFile(join(root, 'DEBIAN/control'), `${fields.join('\n')}\n`);
}
