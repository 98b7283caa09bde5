/** The real diskimage-builder in tests: where elements are, and whether it can work here. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

const root = new URL('../../../', import.meta.url);

export const ELEMENTS = {
  ours: fileURLToPath(new URL('elements', root)),
  /** For tests: an operating system made in a second, elements that fail or hang. */
  test: fileURLToPath(new URL('test/support/dib/elements', root)),
};

/** The Python that has diskimage-builder, which need not be the first of the PATH. */
export function dibPython(): string {
  const { stdout } = spawnSync('sh', ['-c', 'head -n 1 "$(command -v disk-image-create)"'], {
    encoding: 'utf8',
  });
  return stdout.replace(/^#!\s*/, '').trim();
}

/** Where the elements of diskimage-builder itself are. */
export function dibElements(): string {
  const program = 'import diskimage_builder.paths as p; print(p.get_path("elements"))';
  return spawnSync(dibPython(), ['-c', program], { encoding: 'utf8' }).stdout.trim();
}

/** Why no image can be built here; false when one can. */
export function skipBuilds(): string | false {
  if (process.getuid?.() !== 0) return 'builds of images need root';
  for (const program of ['disk-image-create', 'losetup', 'mkfs.ext4', 'sudo']) {
    if (!runs('sh', '-c', `command -v ${program}`)) return `${program} is not installed`;
  }
  return runs('losetup', '--find') ? false : 'builds of images need loop devices, and there are none here';
}

/** Removed at the end of the test. In memory where there is room: Debian's package manager waits for the disk after each file. */
export function roomyDir(t: Test): string {
  const memory = '/dev/shm';
  const room = statfsSync(memory);
  const dir = mkdtempSync(join(room.bavail * room.bsize > 6e9 ? memory : tmpdir(), 'nodepool-test-dib-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}

/**
 * Variables of builds. Images have partitions, for which diskimage-builder needs the device mapper; where this kernel has none, the
 * file system is the whole disk.
 */
export function diskLayout(): Record<string, string> {
  if (readFileSync('/proc/misc', 'utf8').includes('device-mapper')) return {};
  const mount = { mount_point: '/', fstab: { options: 'defaults', 'fsck-passno': 1 } };
  const mkfs = { name: 'mkfs_root', base: 'image0', type: 'ext4', label: 'cloudimg-rootfs', mount };
  return { DIB_BLOCK_DEVICE_CONFIG: JSON.stringify([{ local_loop: { name: 'image0' } }, { mkfs }]) };
}

/** Where this machine gets the packages of a Debian release from; the public mirror when it is another system. */
export function debianMirror(codename: string): string {
  const format = '$(CODENAME) $(REPO_URI)';
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    encoding: 'utf8',
  });
  const own = (stdout ?? '').split('\n').find((line) => line.startsWith(`${codename} `));
  return (own?.split(' ')[1] ?? 'http://deb.debian.org/debian').replace(/\/$/, '');
}

/** Why nothing can be had from there; false when it can. */
export function skipDownloads(mirror: string): string | false {
  const url = `${mirror}/dists/bookworm/InRelease`;
  const answers = runs('curl', '--fail', '--silent', '--head', '--max-time', '30', '--retry', '2', url);
  return answers ? false : `${mirror} does not answer`;
}

function runs(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
