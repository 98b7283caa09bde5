/** An image for clouds as docs/builder.md has it: Debian with `nodepool-minimal`, by the builder and the real diskimage-builder. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, closeSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openBuilder } from '../support/builder.ts';
import {
  debianMirror,
  diskLayout,
  ELEMENTS,
  roomyDir,
  skipBuilds,
  skipDownloads,
} from '../support/dib/real.ts';
import { makeKey } from '../support/ssh-keys.ts';
import { tempDir } from '../support/temp.ts';

t.setTimeout(0); // The suite's limit applies.

const mirror = debianMirror('bookworm');
const skip = skipBuilds() || skipDownloads(mirror);
const PATIENT_MS = 1_700_000;

t.test('builds an image for clouds with all that nodepool-minimal promises', { skip }, async (t) => {
  const site = makeSite(t);
  const variables = {
    DIB_DISTRIBUTION_MIRROR: mirror,
    DIB_DEBIAN_SECURITY_MIRROR: debianMirror('bookworm-security'),
    NODEPOOL_SSH_DIR: site.ssh,
    NODEPOOL_SCRIPTDIR: site.scripts,
    TMPDIR: roomyDir(t),
    ...diskLayout(),
  };
  const b = await openBuilder(t, {
    waitMs: PATIENT_MS,
    yaml: `
elements-dir: ${ELEMENTS.ours}
diskimages:
  - name: debian-12
    elements: [debian-12, nodepool-minimal, zuul-worker-user]
    username: zuul-worker
    formats: [raw, tar]
    env-vars: ${JSON.stringify(variables)}
`,
  });
  const { id, value } = await b.wait(
    () => [...b.builds.entries.values()].find(({ value }) => ['ready', 'failed'].includes(value.state)),
    'the build ends',
  );
  t.match(value, { state: 'ready', error: null, formats: ['raw', 'tar'] });
  if (value.state !== 'ready') return t.comment(withoutTrace(b.log(id)).slice(-3000));
  const base = join(b.imagesDir, id.replace('/', '-'));
  const image = openTar(`${base}.tar`);

  t.equal(image.read('root/.ssh/authorized_keys'), `${site.nodepoolKey}\n`, 'Nodepool logs in as root');
  t.equal(image.mode('root/.ssh'), 'drwx------ 0/0');
  t.equal(image.mode('root/.ssh/authorized_keys'), '-rw------- 0/0');
  t.equal(image.read('home/zuul-worker/.ssh/authorized_keys'), `${site.nodepoolKey}\n${site.zuulKey}\n`);
  t.equal(image.mode('etc/sudoers.d/zuul-worker'), '-r--r----- 0/0');

  t.equal(image.mode('opt/nodepool-scripts'), 'dr-xr-xr-x 0/0');
  t.equal(image.read('opt/nodepool-scripts/prepare.sh'), '#!/bin/sh\n');
  t.equal(image.mode('opt/nodepool-scripts/prepare.sh'), '-r-xr-xr-x 0/0', 'scripts can be run');
  t.equal(image.mode('etc/nodepool'), 'drwxrwxrwx 0/0');
  t.match(image.read('etc/ssh/sshd_config'), /^UseDNS no\n/);
  const bundle = image.read('etc/ssl/certs/ca-certificates.crt');
  t.ok(bundle.includes(site.certificate.trim()), 'the local authority is trusted');

  const packages = image.read('var/lib/dpkg/status').split('\n\n');
  for (const name of ['cloud-init', 'openssh-server', 'sudo', 'cloud-guest-utils', 'grub-pc'])
    t.ok(
      packages.some((text) => text.startsWith(`Package: ${name}\nStatus: install ok installed\n`)),
      `${name} is installed`,
    );
  for (const service of ['ssh', 'growroot', 'cloud-init'])
    t.ok(
      image.names.some((name) => name.endsWith(`.wants/${service}.service`)),
      `${service} starts with the system`,
    );
  t.ok(image.names.includes('./usr/local/sbin/dhcp-all-interfaces.sh'), 'all interfaces ask for an address');
  t.ok(image.names.some((name) => name.startsWith('./boot/vmlinuz-')));
  t.ok(image.names.some((name) => name.startsWith('./boot/initrd.img-')));
  t.match(image.read('boot/grub/grub.cfg'), 'console=ttyS0', 'what it says when it boots can be read');
  t.match(firstSector(`${base}.raw`), 'GRUB', 'the disk boots');
});

/** What the commands of a build have printed. */
function withoutTrace(log: string): string {
  const lines = log.split('\n').filter((line) => !/\| \++ \//.test(line));
  return lines.join('\n');
}

/** What the host that builds has: keys and scripts, among them a certificate authority. */
function makeSite(t: Test) {
  const dir = tempDir(t);
  const [ssh, scripts] = [join(dir, 'ssh'), join(dir, 'scripts')];
  mkdirSync(ssh);
  mkdirSync(scripts);
  const [nodepoolKey, zuulKey] = [makeKey().public, makeKey().public];
  writeFileSync(join(ssh, 'id_rsa.pub'), `${nodepoolKey}\n`);
  writeFileSync(join(ssh, 'zuul_rsa.pub'), `${zuulKey}\n`);
  writeFileSync(join(scripts, 'prepare.sh'), '#!/bin/sh\n', { mode: 0o700 });
  const [key, crt] = [join(dir, 'ca.key'), join(dir, 'ca.pem')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', [...request, '-subj', '/CN=Site', '-days', '9', '-keyout', key, '-out', crt], {
    stdio: 'pipe',
  });
  copyFileSync(crt, join(scripts, 'localCA.pem'));
  const certificate = execFileSync('openssl', ['x509', '-in', crt], { encoding: 'utf8' });
  return { ssh, scripts, nodepoolKey, zuulKey, certificate };
}

function openTar(file: string) {
  const list = execFileSync('tar', ['--numeric-owner', '-tvf', file], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const modes = new Map(
    list.split('\n').map((line) => {
      const [mode = '', owner = '', , , , name = ''] = line.split(/\s+/);
      return [name.replace(/\/$/, ''), `${mode} ${owner}`] as const;
    }),
  );
  return {
    names: [...modes.keys()],
    /** `'drwx------ 0/0'` */
    mode: (path: string) => modes.get(`./${path}`),
    read: (path: string) =>
      execFileSync('tar', ['-xOf', file, `./${path}`], { encoding: 'utf8', maxBuffer: 2 ** 28 }),
  };
}

function firstSector(file: string): string {
  const sector = Buffer.alloc(512);
  const opened = openSync(file, 'r');
  readSync(opened, sector);
  closeSync(opened);
  return sector.toString('latin1');
}
