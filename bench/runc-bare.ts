/** The floor: `runc run` of a bundle that lies there ready, by hand. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { renderBundle } from '../src/runc/bundle.ts';
import { makeHostKey } from '../src/runc/host-key.ts';
import { renderSshdConfig } from '../src/runc/sshd-config.ts';
import { atEnd } from './clean-up.ts';
import { command } from './command.ts';
import { answer, whenListening } from './ssh-client.ts';
import type { WorkerAccount } from './worker-account.ts';

export interface Container {
  /** Until the first SSH command is answered. */
  start(): Promise<void>;
  remove(): Promise<void>;
}

/** Makes bundles of the same kind as the driver's, on ports of their own. */
export function createBareContainers(account: WorkerAccount, firstPort: number): () => Container {
  const hostRootfs = mountHostRootfs(account.directory);
  const base = join(account.directory, 'bare');
  mkdirSync(base);
  let made = 0;
  return () => {
    made += 1;
    const id = `nodepool-bench-${process.pid}-${made}`;
    const port = firstPort + made;
    writeBundle({ account, base, hostRootfs, id, port });
    let starting: Promise<void> = Promise.resolve();
    const remove = atEnd(`container ${id}`, async () => {
      await starting.catch(() => undefined);
      await command('runc', ['delete', '--force', id]);
    });
    const start = async () => {
      // A file for the output of sshd, as it keeps what it is given until it ends.
      const script =
        'runc run --detach --bundle "$1" "$2" >"$1/sshd.log" 2>&1 </dev/null || { cat "$1/sshd.log" >&2; exit 1; }';
      await command('sh', ['-c', script, 'sh', join(base, id), id]);
      await whenListening(port);
      await answer({ port, user: account.user, keyFile: account.keyFile });
    };
    return { start: () => (starting = start()), remove };
  };
}

/** As the driver mounts it: a private, read-only bind mount of `/`. */
export function mountHostRootfs(directory: string): string {
  const place = join(directory, 'host-rootfs');
  mkdirSync(place);
  execFileSync('mount', ['--bind', '/', place]);
  atEnd(`mount ${place}`, () => void execFileSync('umount', ['--lazy', place]));
  execFileSync('mount', ['--make-private', place]);
  execFileSync('mount', ['-o', 'remount,bind,ro', place]);
  return place;
}

interface BundleMount {
  destination: string;
  type: string;
  source: string;
}

function writeBundle(spec: {
  account: WorkerAccount;
  base: string;
  hostRootfs: string;
  id: string;
  port: number;
}): void {
  const { account, base, hostRootfs, id, port } = spec;
  const own = join(base, id);
  const bundle = renderBundle(
    {
      id,
      paths: { base, hostRootfs, run: '/run/runc' },
      path: '/',
      rootfs: { sshd: '/usr/sbin/sshd', has: new Set(['/root', '/home', '/var/log']) },
      overlay: false,
      sudo: false,
      homeDir: account.home,
      consoleDir: '/tmp',
      limits: { pids: 4096 },
      hiddenPaths: [],
      annotations: {},
      architecture: ARCHITECTURES[arch()] ?? arch(),
      maxOpenFiles: Number(execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' })) || Infinity,
    },
    String(port),
  ) as { mounts: BundleMount[] };
  mkdirSync(own);
  for (const { type, source } of bundle.mounts) if (type === 'bind') mkdirSync(source, { recursive: true });
  const root = { path: hostRootfs, readonly: true };
  writeFileSync(join(own, 'config.json'), JSON.stringify({ ...bundle, root }));
  writeHome(account, join(own, 'homedir'));
  writeSshd(account, join(own, 'ssh'));
  for (const name of ['tmp', 'vartmp']) chmodSync(join(own, name), 0o1777);
}

/** `uname -m`, as bundles have it. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

function writeHome({ home, uid, gid }: WorkerAccount, place: string): void {
  cpSync(`${home}/.ssh`, join(place, '.ssh'), { recursive: true });
  for (const name of ['', '.ssh', '.ssh/authorized_keys']) chownSync(join(place, name), uid, gid);
  chmodSync(join(place, '.ssh'), 0o700);
}

export function writeSshd({ user }: WorkerAccount, place: string): void {
  mkdirSync(place, { recursive: true });
  const key = makeHostKey();
  writeFileSync(join(place, 'sshd_config'), renderSshdConfig(user));
  writeFileSync(join(place, 'ssh_host_ed25519_key'), `${key.private}\n`, { mode: 0o600 });
  writeFileSync(join(place, 'ssh_host_ed25519_key.pub'), `${key.public}\n`);
}
