/**
 * `npm run package`: from the built commands to one package that needs neither npm nor the Node.js of its target. It holds
 * the commands, their native parts, the Node.js they were tested with, systemd units, man pages and the Ansible
 * collection; as a tarball for any Linux and, where dpkg-deb exists, for Debian and Ubuntu.
 *
 * Usage: npm run package -- [--version VERSION] [--output DIRECTORY]
 */
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeDeb, writeTarball } from './package/archives.ts';
import { describeMachine } from './package/machine.ts';
import { writeManPages } from './package/man-pages.ts';
import { stageProgram } from './package/program.ts';
import { stageSystemFiles } from './package/system-files.ts';
import { readVersion } from '../src/version.ts';

process.chdir(join(import.meta.dirname, '..'));
const startedAt = performance.now();
const { values } = parseArgs({
  options: { version: { type: 'string' }, output: { type: 'string', default: 'dist.packages' } },
});
const version = values.version ?? readVersion();
if (!/^\d+\.\d+\.\d+([~+.][\w.~+]*)?$/.test(version)) {
  console.error(`package: --version: expected a version such as 1.2.3, found "${version}"`);
  process.exit(2);
}

const machine = await describeMachine();
const output = resolve(values.output);
const root = join(output, `root-${process.pid}`);
try {
  await mkdir(root, { recursive: true });
  const commands = await stageProgram(root, version);
  await stageSystemFiles(root, commands);
  await writeManPages(root, commands, version);
  const files = [await writeTarball(root, { version, machine, output })];
  const deb = await writeDeb(root, { version, machine, output });
  if (deb === undefined) console.error('package: no dpkg-deb here, so there is only the tarball');
  else files.unshift(deb);
  for (const file of files) console.log(file);
  console.error(`package: ${commands.join(', ')} in ${Math.round(performance.now() - startedAt)} ms`);
} finally {
  await rm(root, { recursive: true, force: true });
}
