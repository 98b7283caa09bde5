/** A Debian image with our elements, by the builder and the real diskimage-builder, from the mirror that this machine uses. */
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openBuilder } from '../support/builder.ts';
import { debianMirror, ELEMENTS, skipBuilds, skipDownloads } from '../support/dib/real.ts';
import { tempDir } from '../support/temp.ts';

t.setTimeout(0); // The suite's limit applies.

const mirror = debianMirror('bookworm');
const skip = skipBuilds() || skipDownloads(mirror);
const PATIENT_MS = 1_500_000;

/** In memory where there is room: Debian's package manager waits for the disk after each file. */
function workDir(t: Test): string {
  const memory = '/dev/shm';
  const room = statfsSync(memory);
  const dir = mkdtempSync(join(room.bavail * room.bsize > 6e9 ? memory : tmpdir(), 'nodepool-test-dib-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}

t.test('builds Debian with a user that jobs log in as', { skip }, async (t) => {
  const dir = tempDir(t);
  const ssh = join(dir, 'ssh');
  mkdirSync(ssh);
  writeFileSync(join(ssh, 'zuul_rsa.pub'), 'ssh-ed25519 AAAA zuul@example.net\n');
  const variables = {
    DIB_DISTRIBUTION_MIRROR: mirror,
    DIB_DEBIAN_SECURITY_MIRROR: debianMirror('bookworm-security'),
    NODEPOOL_SSH_DIR: ssh,
    TMPDIR: workDir(t),
    INITRD: 'No', // It is not to boot by itself; this spares a minute.
  };
  const b = await openBuilder(t, {
    dir,
    waitMs: PATIENT_MS,
    yaml: `
elements-dir: ${ELEMENTS.ours}
diskimages:
  - name: debian-12
    elements: [debian-12, openssh-server, zuul-worker-user]
    formats: [tar]
    username: zuul-worker
    env-vars: ${JSON.stringify(variables)}
`,
  });
  const { id, value } = await b.wait(
    () => [...b.builds.entries.values()].find(({ value }) => ['ready', 'failed'].includes(value.state)),
    'the build ends',
  );
  t.match(value, { state: 'ready', error: null, exitCode: 0, formats: ['tar'], username: 'zuul-worker' });
  const base = join(b.imagesDir, id.replace('/', '-'));
  const log = b.log(id).trimEnd().split('\n');
  t.match(log[0], `Command: disk-image-create -x -t tar --checksum --no-tmpfs -o ${base} debian-12`);
  t.match(log.at(-2), /^Duration: [\d.]+ s$/);
  t.equal(log.at(-1), 'Exit code: 0');
  t.ok(
    log.some((line) => line.endsWith('Build completed successfully')),
    'all of its output is there',
  );
  const manifests = join(`${base}.d`, 'dib-manifests');
  t.match(
    readFileSync(join(manifests, 'dib_arguments'), 'utf8'),
    /debian-12 openssh-server zuul-worker-user/,
  );
  t.ok(readdirSync(manifests).some((name) => name.startsWith('dib-manifest-dpkg-')));

  const inImage = (path: string) =>
    execFileSync('tar', ['-xOf', `${base}.tar`, `./${path}`], { encoding: 'utf8' });
  t.match(inImage('usr/lib/os-release'), /VERSION_CODENAME=bookworm/);
  t.match(inImage('etc/passwd'), /^zuul-worker:x:\d+:\d+::\/home\/zuul-worker:\/bin\/bash$/m);
  t.equal(inImage('home/zuul-worker/.ssh/authorized_keys'), readFileSync(join(ssh, 'zuul_rsa.pub'), 'utf8'));
  t.match(inImage('etc/sudoers.d/zuul-worker'), /NOPASSWD/);
  t.match(inImage('etc/apt/sources.list.d/security.list'), / bookworm-security main$/m);
});
