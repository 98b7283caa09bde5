/** The floor: `runc run` of a bundle that lies there ready, by hand. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
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
      const script = 'exec runc run --detach --bundle "$1" "$2" >"$1/sshd.log" 2>&1 </dev/null';
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

function writeBundle(spec: {
  account: WorkerAccount;
  base: string;
  hostRootfs: string;
  id: string;
  port: number;
}): void {
  const { account, base, hostRootfs, id, port } = spec;
  const own = join(base, id);
  const present = ['shadow', 'gshadow', 'hosts', 'hostname', 'resolv.conf'].filter((name) =>
    existsSync(`/etc/${name}`),
  );
  const bundle = renderBundle(
    {
      id,
      paths: { base, hostRootfs, run: '/run/runc' },
      path: '/',
      rootfs: {
        sshd: '/usr/sbin/sshd',
        has: new Set([...present.map((name) => `/etc/${name}`), '/root', '/home', '/var/log']),
      },
      overlay: false,
      sudo: false,
      homeDir: account.home,
      consoleDir: '/tmp',
      limits: { pids: 4096 },
      hiddenPaths: [],
      annotations: {},
      architecture: arch() === 'x64' ? 'x86_64' : arch() === 'arm64' ? 'aarch64' : arch(),
      maxOpenFiles: 65_536,
    },
    String(port),
  );
  for (const name of ['', 'homedir', 'ssh', 'root', 'tmp', 'vartmp', 'console']) mkdirSync(join(own, name));
  writeFileSync(join(own, 'config.json'), JSON.stringify(bundle));
  cpSync(`${account.home}/.ssh`, join(own, 'homedir/.ssh'), { recursive: true });
  for (const name of ['homedir', 'homedir/.ssh', 'homedir/.ssh/authorized_keys'])
    chownSync(join(own, name), account.uid, account.gid);
  chmodSync(join(own, 'homedir/.ssh'), 0o700);
  for (const name of ['tmp', 'vartmp']) chmodSync(join(own, name), 0o1777);
  const key = makeHostKey();
  writeFileSync(join(own, 'ssh/sshd_config'), renderSshdConfig(account.user));
  writeFileSync(join(own, 'ssh/ssh_host_ed25519_key'), `${key.private}\n`, { mode: 0o600 });
  writeFileSync(join(own, 'ssh/ssh_host_ed25519_key.pub'), `${key.public}\n`);
  writeFileSync(join(own, 'shadow'), `${account.user}:*:::::::\nsshd:*:::::::\nroot:*:::::::\n`, {
    mode: 0o600,
  });
  writeFileSync(join(own, 'gshadow'), '', { mode: 0o600 });
  for (const name of present.filter((name) => !name.includes('shadow'))) {
    rmSync(join(own, name), { force: true });
    cpSync(`/etc/${name}`, join(own, name), { dereference: true });
  }
}
