/** The account that jobs log in to: one of its own for each run, so that nobody's account is touched. */
import { readFileSync } from 'node:fs';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Place } from './place.ts';
import { ProgramFailed, run, type RunOptions } from './programs.ts';

const ATTEMPTS = 20;

/** Makes the user, a key pair, and puts its public half where the driver reads it. */
export async function makeUser(place: Place, options: RunOptions): Promise<void> {
  const { name, key } = place;
  await patiently(() => run('useradd', ['--create-home', '--comment', 'nodepool quickstart', name], options));
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', key], options);
  const { uid, gid, home } = findUser(name) ?? { uid: 0, gid: 0, home: `/home/${name}` };
  const ssh = join(home, '.ssh');
  const authorized = join(ssh, 'authorized_keys');
  await mkdir(ssh, { mode: 0o700 });
  await writeFile(authorized, readFileSync(`${key}.pub`), { mode: 0o600 });
  for (const path of [ssh, authorized]) await chown(path, uid, gid);
  await chmod(ssh, 0o700);
}

/** No such user is fine. */
export async function removeUser(name: string): Promise<void> {
  if (findUser(name) === undefined) return;
  await patiently(() =>
    run('userdel', ['--remove', name]).catch((error: unknown) => {
      if (findUser(name) !== undefined) throw error;
    }),
  );
}

export function findUser(name: string): { uid: number; gid: number; home: string } | undefined {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  const found = lines.map((line) => line.split(':')).find(([login]) => login === name);
  return found && { uid: Number(found[2]), gid: Number(found[3]), home: found[5] ?? '' };
}

/** /etc/passwd is locked while somebody else changes it. */
async function patiently(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await work();
      return;
    } catch (error) {
      const locked = error instanceof ProgramFailed && /lock|try again later/i.test(error.output);
      if (!locked || attempt === ATTEMPTS) throw error;
      await sleep(250);
    }
  }
}
