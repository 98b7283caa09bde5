/** The user of the containers, on this machine for as long as the benchmark runs. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd } from './clean-up.ts';

export interface WorkerAccount {
  user: string;
  home: string;
  uid: number;
  gid: number;
  keyFile: string;
  /** Line of `authorized_keys`. */
  publicKey: string;
  /** For everything else that the containers need; removed at the end. */
  directory: string;
}

export function makeWorkerAccount(): WorkerAccount {
  const directory = mkdtempSync(join(tmpdir(), 'nodepool-bench-'));
  atEnd(directory, () => rmSync(directory, { recursive: true, force: true }));
  const user = `np-bench-${process.pid}`;
  const keyFile = join(directory, 'key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', user, '-f', keyFile]);
  // Not locked, which sshd would mind, and with a password that nothing matches.
  execFileSync('useradd', ['--create-home', '--shell', '/bin/sh', '--password', '*', user]);
  atEnd(`user ${user}`, () => {
    execFileSync('userdel', ['--force', '--remove', user], { stdio: 'ignore' });
  });
  const number = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  const [uid, gid] = [number('-u'), number('-g')];
  const home = `/home/${user}`;
  mkdirSync(`${home}/.ssh`, { mode: 0o700 });
  execFileSync('install', ['-m', '0600', `${keyFile}.pub`, `${home}/.ssh/authorized_keys`]);
  execFileSync('chown', ['-R', `${uid}:${gid}`, `${home}/.ssh`]);
  return { user, home, uid, gid, keyFile, publicKey: readFileSync(`${keyFile}.pub`, 'utf8'), directory };
}
