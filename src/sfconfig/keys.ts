/** SSH keys of the installation: made once, then kept. */
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { isThere, makeDirectory } from './write.ts';

/** The launchers' key to the hypervisors, and that of Zuul's executors to the nodes. */
export const KEY_NAMES = ['nodepool_rsa', 'zuul_rsa'] as const;

export interface KeyPaths {
  private: string;
  public: string;
}

export function keyPaths(lib: string, name: (typeof KEY_NAMES)[number]): KeyPaths {
  const path = join(lib, 'ssh_keys', name);
  return { private: path, public: `${path}.pub` };
}

/**
 * Makes what is missing and tells its paths. A public key that the operator has put there is enough for zuul_rsa, whose
 * private part stays with Zuul.
 */
export async function makeKeys(lib: string, fqdn: string): Promise<string[]> {
  await makeDirectory(join(lib, 'ssh_keys'));
  const made: string[] = [];
  for (const name of KEY_NAMES) {
    const paths = keyPaths(lib, name);
    if (await isThere(paths.public)) continue;
    if (await isThere(paths.private)) await derivePublic(paths);
    else await makeKey(paths, `${name}@${fqdn}`);
    made.push(paths.private);
  }
  return made;
}

/** The public part comes last: where it is, all is done. */
async function makeKey(paths: KeyPaths, comment: string): Promise<void> {
  const fresh = `${paths.private}.new`;
  await rm(fresh, { force: true });
  await rm(`${fresh}.pub`, { force: true });
  const type = ['-t', 'rsa', '-b', '3072', '-m', 'PEM'];
  await execa('ssh-keygen', ['-q', ...type, '-N', '', '-C', comment, '-f', fresh], {
    timeout: 120_000,
    stdin: 'ignore',
  });
  await rename(fresh, paths.private);
  await rename(`${fresh}.pub`, paths.public);
}

/** A run was interrupted between the two files. */
async function derivePublic(paths: KeyPaths): Promise<void> {
  const fresh = `${paths.public}.new`;
  await execa('ssh-keygen', ['-y', '-f', paths.private], {
    timeout: 30_000,
    stdin: 'ignore',
    stdout: { file: fresh },
  });
  await rename(fresh, paths.public);
}
