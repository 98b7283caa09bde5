/** A diskimage-builder of one's own, in an environment of Python, as docs/builder.md has it. */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runNodepool } from '../support/command-process.ts';
import { ELEMENTS, skipBuilds } from '../support/dib/real.ts';
import { tempDir } from '../support/temp.ts';

t.setTimeout(0); // The suite's limit applies.

const dir = tempDir(t);
const programs = join(dir, 'dib/bin');

const run = (command: string, ...args: string[]) =>
  spawnSync(command, args, { encoding: 'utf8', timeout: 300_000, killSignal: 'SIGKILL' });

/** Why there is none; false when it is installed. */
function install(): string | false {
  if (run('/usr/bin/python3', '-m', 'venv', join(dir, 'dib')).status !== 0)
    return 'no environment of Python can be made';
  const { status } = run(join(programs, 'pip'), 'install', '--quiet', 'diskimage-builder');
  return status === 0 ? false : 'diskimage-builder cannot be had with pip';
}

const skip = skipBuilds() || install();

t.test('a diskimage-builder that is first in the PATH builds', { skip }, async (t) => {
  const version = run(join(programs, 'disk-image-create'), '--version').stdout.trim();
  t.match(version, /^\d+\.\d+\.\d+$/);
  const output = join(dir, 'image');
  const args = ['-c', join(dir, 'none.yaml'), 'image-local', 'host-os', '--type', 'raw', '--output', output];
  const { code, stdout, stderr } = await runNodepool(args, {
    PATH: `${programs}:${process.env['PATH'] ?? ''}`,
    HOME: dir,
    TMPDIR: dir,
    ELEMENTS_PATH: ELEMENTS.test,
    DIB_JOURNAL_SIZE: '8',
  });
  t.equal(code, 0, stderr.slice(-2000));
  t.match(stderr, `diskimage-builder version ${version}`, 'it is this one');
  t.match(stdout, `${output}.raw is ready`);
  t.ok(statSync(`${output}.raw`).size > 1_000_000);
});
