/** What podman takes for a container of the same kind: sshd over the host's root file system, in the host's network. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { atEnd } from './clean-up.ts';
import { command, missing } from './command.ts';
import { mountHostRootfs, writeSshd, type Container } from './runc-bare.ts';
import { answer, whenListening } from './ssh-client.ts';
import type { WorkerAccount } from './worker-account.ts';

/** Undefined makes no container: then `why` says why not. */
export async function createPodmanContainers(
  account: WorkerAccount,
  firstPort: number,
): Promise<{ make?: () => Container; why?: string }> {
  const why = await missing('podman', '--version');
  if (why !== undefined) return { why };
  const directory = join(account.directory, 'podman');
  mkdirSync(directory);
  writeSshd(account, join(directory, 'ssh'));
  const rootfs = mountHostRootfs(directory);
  atEnd('storage of podman', () => {
    // It may keep its storage mounted over itself.
    spawnSync('umount', ['--lazy', join(directory, 'storage/overlay')], { stdio: 'ignore' });
  });
  // Away from the images and containers that the machine may have.
  const own = [
    '--root',
    join(directory, 'storage'),
    '--runroot',
    join(directory, 'run'),
    '--tmpdir',
    join(directory, 'tmp'),
  ];
  const global = [...own, '--cgroup-manager', 'cgroupfs', '--runtime', 'runc', '--events-backend', 'none'];
  let made = 0;

  const make = (): Container => {
    made += 1;
    const name = `nodepool-bench-${process.pid}-podman-${made}`;
    const port = firstPort + made;
    const forget = atEnd(`podman container ${name}`, () =>
      command('podman', [...global, 'rm', '--force', '--ignore', '--time', '0', name]),
    );
    const mounts = [
      `type=bind,src=${join(directory, 'ssh')},dst=/etc/ssh,ro`,
      'type=tmpfs,dst=/tmp,notmpcopyup',
      'type=tmpfs,dst=/run,notmpcopyup',
      'type=tmpfs,dst=/run/sshd,tmpfs-mode=0755,notmpcopyup',
    ];
    const args = [
      '--detach',
      '--name',
      name,
      '--network',
      'host',
      '--read-only',
      '--read-only-tmpfs=false',
      '--ulimit',
      'nofile=1024:1024',
      '--ulimit',
      'nproc=4096:4096',
      '--log-driver',
      'none',
    ];
    return {
      async start() {
        await command('podman', [
          ...[...global, 'run', ...args, '--no-hosts'],
          ...mounts.flatMap((mount) => ['--mount', mount]),
          ...[
            '--rootfs',
            rootfs,
            '/usr/sbin/sshd',
            '-D',
            '-e',
            '-f',
            '/etc/ssh/sshd_config',
            '-p',
            String(port),
          ],
        ]);
        await whenListening(port);
        await answer({ port, user: account.user, keyFile: account.keyFile });
      },
      remove: forget,
    };
  };
  return await tryOnce(make);
}

/** A machine may have a podman that cannot do this. */
async function tryOnce(make: () => Container): Promise<{ make?: () => Container; why?: string }> {
  const container = make();
  try {
    await container.start();
    return { make };
  } catch (error) {
    return { why: `podman cannot do the same here: ${(error as Error).message.trim()}` };
  } finally {
    await container.remove();
  }
}
