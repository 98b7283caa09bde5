/** The elements in `elements/`: their hooks, run one by one in the order and the places in which diskimage-builder runs them. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ELEMENTS } from '../../support/dib/real.ts';
import { tempDir } from '../../support/temp.ts';

const skip = process.getuid?.() === 0 ? false : 'chroot needs root';
const PROGRAMS = 'chgrp chown getent groupadd mkdir usermod useradd visudo';

/** A root directory with the programs of this machine, made once and copied for each test. */
const template = join(tempDir(t), 'template');

function makeTemplate(): void {
  const hook = join(ELEMENTS.test, 'host-os/root.d/10-host-os');
  const env = { ...process.env, TARGET_ROOT: template, TEST_PROGRAMS: PROGRAMS };
  const { status, stdout, stderr } = spawnSync(hook, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(stdout + stderr);
  writeFileSync(join(template, 'etc/shadow'), 'root:*:19000:0:99999:7:::\n', { mode: 0o640 });
  writeFileSync(join(template, 'etc/sudoers'), '@includedir /etc/sudoers.d\n', { mode: 0o440 });
  mkdirSync(join(template, 'etc/sudoers.d'));
}

interface Workshop {
  /** The image's root directory. */
  root: string;
  ssh: string;
  scripts: string;
  /** Runs a hook of the host; returns what it printed and its exit code. */
  onHost(hook: string): { code: number | null; output: string };
  inImage(hook: string): { code: number | null; output: string };
  read(path: string): string;
  /** `40755`-like mode without the type: `'755'`. */
  mode(path: string): string;
}

function openWorkshop(t: Test, elements: readonly string[]): Workshop {
  const dir = tempDir(t);
  const root = join(dir, 'root');
  const hooks = join(root, 'tmp/in_target.d');
  const [ssh, scripts] = [join(dir, 'ssh'), join(dir, 'scripts')];
  mkdirSync(ssh);
  mkdirSync(scripts);
  const run = (command: string, args: readonly string[]) => {
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      encoding: 'utf8',
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        TMP_MOUNT_PATH: root,
        TMP_HOOKS_PATH: hooks,
        NODEPOOL_SSH_DIR: ssh,
        NODEPOOL_SCRIPTDIR: scripts,
      },
    });
    if (error) throw error;
    return { code: status, output: stdout + stderr };
  };
  if (!existsSync(template)) makeTemplate();
  spawnSync('cp', ['-a', template, root]);
  for (const element of elements) cpSync(join(ELEMENTS.ours, element), hooks, { recursive: true });
  return {
    root,
    ssh,
    scripts,
    onHost: (hook) => run(join(hooks, hook), []),
    inImage: (hook) => run('chroot', [root, join('/tmp/in_target.d', hook)]),
    read: (path) => readFileSync(join(root, path), 'utf8'),
    mode: (path) => (statSync(join(root, path)).mode & 0o7777).toString(8),
  };
}

t.test('zuul-worker-user makes a user that can log in with the keys and become root', { skip }, async (t) => {
  const w = openWorkshop(t, ['zuul-login', 'zuul-worker-user', 'nodepool-minimal']);
  writeFileSync(join(w.ssh, 'zuul_rsa.pub'), 'ssh-ed25519 AAAA zuul\n');
  writeFileSync(join(w.ssh, 'id_rsa.pub'), 'ssh-ed25519 AAAA nodepool\n');
  writeFileSync(join(w.root, 'etc/group'), 'root:x:0:\nmock:x:135:\n');
  for (const hook of ['02-zuul-public-key', '01-nodepool-public-key'])
    t.same(w.onHost(`extra-data.d/${hook}`), { code: 0, output: '' });
  const first = w.inImage('post-install.d/50-zuul-worker-user');
  t.equal(first.code, 0, first.output);
  t.match(w.read('etc/passwd'), /^zuul-worker:x:(\d+):\d+::\/home\/zuul-worker:\/bin\/bash$/m);
  t.match(w.read('etc/shadow'), /^zuul-worker:\*:/m, 'not locked, but without a password');
  t.match(w.read('etc/group'), /^mock:x:135:zuul-worker$/m);
  const home = 'home/zuul-worker';
  t.equal(w.read(`${home}/.ssh/authorized_keys`), 'ssh-ed25519 AAAA nodepool\nssh-ed25519 AAAA zuul\n');
  t.equal(w.mode(`${home}/.ssh`), '700');
  t.equal(w.mode(`${home}/.ssh/authorized_keys`), '600');
  const uid = Number(/^zuul-worker:x:(\d+)/m.exec(w.read('etc/passwd'))?.[1]);
  for (const path of ['', '/.ssh', '/.ssh/authorized_keys', '/src'])
    t.equal(statSync(join(w.root, home + path)).uid, uid, `${home}${path} is the user's own`);
  t.equal(w.mode('etc/sudoers.d/zuul-worker'), '440');
  t.match(w.read('etc/sudoers.d/zuul-worker'), /^zuul-worker ALL=\(ALL\) NOPASSWD: ALL$/m);
});

t.test('zuul-user makes the user zuul; an empty key file is enough', { skip }, async (t) => {
  const w = openWorkshop(t, ['zuul-login', 'zuul-user']);
  writeFileSync(join(w.ssh, 'zuul_rsa.pub'), '');
  t.equal(w.onHost('extra-data.d/02-zuul-public-key').code, 0);
  const made = w.inImage('post-install.d/50-zuul-user');
  t.equal(made.code, 0, made.output);
  t.match(w.read('etc/passwd'), /^zuul:x:\d+:\d+::\/var\/lib\/zuul:\/bin\/bash$/m);
  t.equal(w.read('var/lib/zuul/.ssh/authorized_keys'), '');
});

t.test('sudo that is missing in the image is named', { skip }, async (t) => {
  const w = openWorkshop(t, ['zuul-login', 'zuul-user']);
  writeFileSync(join(w.ssh, 'zuul_rsa.pub'), '');
  w.onHost('extra-data.d/02-zuul-public-key');
  for (const path of ['usr/sbin/visudo', 'bin/visudo']) rmSync(join(w.root, path), { force: true });
  t.match(w.inImage('post-install.d/50-zuul-user'), { code: 1, output: 'error: zuul-login needs sudo' });
});

t.test('nodepool-minimal brings key, scripts, directory and settings of sshd', { skip }, async (t) => {
  const w = openWorkshop(t, ['nodepool-minimal']);
  writeFileSync(join(w.ssh, 'id_rsa.pub'), 'ssh-ed25519 AAAA nodepool\n');
  writeFileSync(join(w.scripts, 'ready.sh'), '#!/bin/sh\n', { mode: 0o644 });
  mkdirSync(join(w.root, 'root/.ssh'), { recursive: true });
  writeFileSync(join(w.root, 'root/.ssh/authorized_keys'), 'ssh-ed25519 AAAA admin\n');
  mkdirSync(join(w.root, 'etc/ssh'));
  writeFileSync(join(w.root, 'etc/ssh/sshd_config'), 'Port 22\n#UseDNS no\n  usedns yes\n');
  for (const hook of ['01-nodepool-public-key', '01-nodepool-scripts'])
    t.same(w.onHost(`extra-data.d/${hook}`), { code: 0, output: '' });
  const inside = ['post-install.d/50-root-authorized_keys', 'post-install.d/51-localCA'];
  for (const hook of [...inside, 'finalise.d/01-nodepool-dirs', 'finalise.d/02-disable-sshd-dns'])
    t.same(w.inImage(hook), { code: 0, output: '' }, hook);
  t.equal(w.read('root/.ssh/authorized_keys'), 'ssh-ed25519 AAAA admin\nssh-ed25519 AAAA nodepool\n');
  t.equal(w.mode('root/.ssh'), '700');
  t.equal(w.mode('opt/nodepool-scripts/ready.sh'), '555');
  t.equal(w.mode('opt/nodepool-scripts'), '555');
  t.equal(w.mode('etc/nodepool'), '777');
  t.equal(w.read('etc/ssh/sshd_config'), 'UseDNS no\nPort 22\n');
  t.same(w.inImage('finalise.d/02-disable-sshd-dns'), { code: 0, output: '' }, 'once more');
  t.equal(w.read('etc/ssh/sshd_config'), 'UseDNS no\nPort 22\n');
});

t.test('a local certificate is put where the system of the image looks for it', { skip }, async (t) => {
  for (const [program, place] of [
    ['update-ca-certificates', 'usr/local/share/ca-certificates/localCA.crt'],
    ['update-ca-trust', 'etc/pki/ca-trust/source/anchors/localCA.crt'],
  ] as const) {
    const w = openWorkshop(t, ['nodepool-minimal']);
    writeFileSync(join(w.scripts, 'localCA.pem'), 'a certificate\n');
    w.onHost('extra-data.d/01-nodepool-scripts');
    t.match(w.inImage('post-install.d/51-localCA'), { code: 1, output: /install ca-certificates/ });
    writeFileSync(join(w.root, 'bin', program), '#!/bin/bash\ntouch /updated\n', { mode: 0o755 });
    t.same(w.inImage('post-install.d/51-localCA'), { code: 0, output: '' });
    t.equal(w.read(place), 'a certificate\n');
    t.ok(existsSync(join(w.root, 'updated')));
  }
});

t.test('a file that is missing on the host is named with the element that needs it', { skip }, async (t) => {
  const w = openWorkshop(t, ['zuul-login', 'nodepool-minimal']);
  rmSync(w.scripts, { recursive: true });
  t.match(w.onHost('extra-data.d/02-zuul-public-key'), {
    code: 1,
    output: `zuul-login needs Zuul's public key, but there is no file ${w.ssh}/zuul_rsa.pub`,
  });
  t.match(w.onHost('extra-data.d/01-nodepool-public-key'), {
    code: 1,
    output: `nodepool-minimal needs Nodepool's public key, but there is no file ${w.ssh}/id_rsa.pub`,
  });
  t.match(w.onHost('extra-data.d/01-nodepool-scripts'), {
    code: 1,
    output: `there is no directory ${w.scripts} (it may be empty)`,
  });
});

t.test('diskimage-builder would take every hook, and none twice', async (t) => {
  const seen = new Map<string, string>();
  for (const element of directories(ELEMENTS.ours)) {
    t.ok(existsSync(join(ELEMENTS.ours, element, 'README.md')), `${element} is described`);
    for (const phase of directories(join(ELEMENTS.ours, element)).filter((name) => name.endsWith('.d'))) {
      for (const hook of readdirSync(join(ELEMENTS.ours, element, phase))) {
        const path = join(element, phase, hook);
        t.equal(seen.get(`${phase}/${hook}`), undefined, `${path} is not called like another`);
        seen.set(`${phase}/${hook}`, element);
        if (phase === 'environment.d') continue;
        t.match(hook, /^\d\d-[0-9A-Za-z_-]+$/, 'other names are passed over');
        t.not(statSync(join(ELEMENTS.ours, path)).mode & 0o111, 0, `${path} is executable`);
      }
    }
  }
});

t.test('the hooks are good shell', { skip: !hasShellcheck() && 'shellcheck is not installed' }, async (t) => {
  const files = readdirSync(ELEMENTS.ours, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.d\/|\/login\//.test(path))
    .map((path) => join(ELEMENTS.ours, path));
  const { stdout, status } = spawnSync('shellcheck', ['--shell=bash', ...files], { encoding: 'utf8' });
  t.equal(status, 0, stdout);
});

function directories(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
  );
}

function hasShellcheck(): boolean {
  return spawnSync('shellcheck', ['--version']).status === 0;
}
