/** Runs sfconfig inside the test process, with all its places in a temporary directory. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Test } from 'tap';
import { createFakeDriver } from '../../src/fake/driver.ts';
import { createRuncDriver } from '../../src/runc/driver.ts';
import { runSfconfig } from '../../src/sfconfig/run.ts';
import { optionsOf } from './sfconfig.ts';
import { tempDir } from './temp.ts';

export interface Site {
  dir: string;
  /** The clone of the config repository. */
  config: string;
  write(file: 'arch.yaml' | 'sfconfig.yaml' | 'custom-vars.yaml', text: string): void;
  sfconfig(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  git(...args: string[]): Promise<string>;
}

const SHARE = fileURLToPath(new URL('../../ansible', import.meta.url));

/** `newKeys`: none are there, so the first run makes them, which takes seconds. */
export function makeSite(
  t: Test,
  { signal = new AbortController().signal, newKeys = false, share = SHARE } = {},
): Site {
  const dir = tempDir(t);
  const config = join(dir, 'config');
  for (const name of ['etc', 'home']) mkdirSync(join(dir, name));
  if (!newKeys) putKeys(join(dir, 'lib/bootstrap-data/ssh_keys'));
  const etc = (file: string) => join(dir, 'etc', file);
  const places = [
    ['--arch', etc('arch.yaml')],
    ['--config', etc('sfconfig.yaml')],
    ['--extra', etc('custom-vars.yaml')],
    ['--ansible_root', join(dir, 'lib/ansible')],
    ['--lib', join(dir, 'lib/bootstrap-data')],
    ['--config-dir', config],
  ].flat();
  return {
    dir,
    config,
    write: (file, text) => writeFileSync(etc(file), text),
    async sfconfig(...argv) {
      const written = { stdout: '', stderr: '' };
      const output = (name: 'stdout' | 'stderr') =>
        new Writable({
          write(chunk: Buffer, _, done) {
            written[name] += chunk.toString();
            done();
          },
        });
      const code = await runSfconfig(optionsOf(...places, ...argv), {
        io: {
          stdin: new PassThrough().end(),
          stdout: output('stdout'),
          stderr: output('stderr'),
          env: { ...process.env, HOME: join(dir, 'home') },
        },
        signal,
        drivers: [createFakeDriver(), createRuncDriver()],
        share,
        nodepool: join(dir, 'nodepool'),
      });
      return { code, ...written };
    },
    async git(...args) {
      const identity = ['-c', 'user.name=operator', '-c', 'user.email=operator@example.org'];
      const { stdout } = await execa('git', [...identity, ...args], {
        cwd: config,
        stdin: 'ignore',
        timeout: 60_000,
      });
      return stdout;
    },
  };
}

function putKeys(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const name of ['nodepool_rsa', 'zuul_rsa']) {
    writeFileSync(join(dir, name), 'a private key\n', { mode: 0o600 });
    writeFileSync(join(dir, `${name}.pub`), `ssh-rsa AAAA ${name}\n`);
  }
}
