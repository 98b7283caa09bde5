/**
 * A Debian image with our elements, by the builder and the real diskimage-builder, from the mirror that this machine uses;
 * then a container on it, and a shell in that.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runcMissing } from '../integration/runc/world.ts';
import { openBuilder } from '../support/builder.ts';
import { startPrograms } from '../support/commands.ts';
import { debianMirror, ELEMENTS, roomyDir, skipBuilds, skipDownloads } from '../support/dib/real.ts';
import { until } from '../support/poll.ts';
import { claimPortRange } from '../support/port-range.ts';
import { makeKey } from '../support/ssh-keys.ts';
import { tempDir } from '../support/temp.ts';

t.setTimeout(0); // The suite's limit applies.

const mirror = debianMirror('bookworm');
const skip = skipBuilds() || skipDownloads(mirror) || runcMissing();
const PATIENT_MS = 1_500_000;

t.test('builds Debian, publishes it, and jobs run in containers of it', { skip }, async (t) => {
  const key = makeKey();
  const files = tempDir(t);
  const keyFile = join(files, 'zuul_rsa');
  writeFileSync(keyFile, key.private, { mode: 0o600 });
  writeFileSync(join(files, 'zuul_rsa.pub'), `${key.public}\n`);
  const shelf = join(files, 'shelf');
  const ports = claimPortRange();
  t.teardown(ports.release);
  const variables = {
    DIB_DISTRIBUTION_MIRROR: mirror,
    DIB_DEBIAN_SECURITY_MIRROR: debianMirror('bookworm-security'),
    NODEPOOL_SSH_DIR: files,
    TMPDIR: roomyDir(t),
    INITRD: 'No', // It is not to boot by itself; this spares a minute.
  };
  const yaml = `
elements-dir: ${ELEMENTS.ours}
diskimages:
  - name: debian-12
    elements: [debian-12, openssh-server, zuul-worker-user]
    username: zuul-worker
    env-vars: ${JSON.stringify(variables)}
labels: [{name: container}]
providers:
  - {name: shelf, driver: directory, path: ${shelf}, diskimages: [{name: debian-12}]}
  - name: containers
    driver: runC
    pools:
      - name: localhost
        connection: local
        port-range: ${ports.first}-${ports.last}
        labels: [{name: container, username: zuul-worker, path: ${shelf}/debian-12, rw-overlay: true}]
`;
  // It knows a label whose root file system does not exist yet.
  const programs = await startPrograms(t, yaml);
  const b = await openBuilder(t, { dir: programs.dir, waitMs: PATIENT_MS, yaml });
  const { id, value } = await b.wait(
    () => [...b.builds.entries.values()].find(({ value }) => ['ready', 'failed'].includes(value.state)),
    'the build ends',
  );
  t.match(value, { state: 'ready', error: null, exitCode: 0, formats: ['tar'], username: 'zuul-worker' });
  const base = join(b.imagesDir, id.replace('/', '-'));
  checkLog(t, b.log(id), base);
  checkContent(t, base, key.public);

  const upload = await b.wait(
    () => [...b.uploads.entries.values()].find(({ value }) => ['ready', 'failed'].includes(value.state)),
    'the upload ends',
  );
  t.match(upload.value, {
    state: 'ready',
    error: null,
    externalId: new RegExp(`^${shelf}/.builds/debian-12-`),
  });

  await until(() => programs.log().includes('label can be served again'), {
    timeoutMs: 240_000,
    what: 'the launcher finds the root file system',
  });
  const command =
    'id -un; . /etc/os-release; echo $VERSION_CODENAME; sudo -n id -u; touch ~/src/mine && echo mine';
  const ran = await programs.nodepool(['run', 'container', '-i', keyFile, '--', command]);
  t.match(ran, { code: 0, stdout: 'zuul-worker\nbookworm\n0\nmine\n' }, ran.stderr + programs.log());
  await until(async () => (await programs.nodepool(['list', '--format', 'json'])).stdout.trim() === '[]', {
    timeoutMs: 120_000,
    intervalMs: 500,
  });
});

function checkLog(t: Test, text: string, base: string): void {
  const lines = text.trimEnd().split('\n');
  t.match(lines[0], `Command: disk-image-create -x -t tar --checksum --no-tmpfs -o ${base} debian-12`);
  const completed = lines.some((line) => line.endsWith('Build completed successfully'));
  t.ok(completed, 'all output of diskimage-builder is there');
  t.match(lines.at(-2), /^Duration: [\d.]+ s$/);
  t.equal(lines.at(-1), 'Exit code: 0');
}

function checkContent(t: Test, base: string, publicKey: string): void {
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
  t.equal(inImage('home/zuul-worker/.ssh/authorized_keys'), `${publicKey}\n`);
  t.match(inImage('etc/sudoers.d/zuul-worker'), /NOPASSWD/);
  t.match(inImage('etc/apt/sources.list.d/security.list'), / bookworm-security main$/m);
}
