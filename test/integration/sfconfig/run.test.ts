import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { chmod, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { makeSite, type Site } from '../../support/sfconfig-run.ts';

const ARCH = `
inventory:
  - name: sf
    ip: 192.0.2.11
    roles: [install-server, zookeeper, nodepool-launcher]
  - name: hv1
    ip: 192.0.2.12
    roles: [hypervisor-runc]
`;
const MORE = `${ARCH}  - {name: hv2, ip: 192.0.2.13, max-servers: 3, roles: [hypervisor-runc]}\n`;

function ready(site: Site): Site {
  site.write('arch.yaml', ARCH);
  site.write('sfconfig.yaml', 'fqdn: example.org\n');
  return site;
}

/** Every file below, with what would tell that it was written again. */
async function snapshot(dir: string): Promise<Record<string, string>> {
  const paths = await readdir(dir, { recursive: true });
  const facts = await Promise.all(
    paths.sort().map(async (path) => {
      const { mtimeMs, mode, size } = await stat(join(dir, path)).catch(() => ({
        mtimeMs: 0,
        mode: 0,
        size: 0,
      }));
      return [path, `${mtimeMs} ${mode} ${size}`] as const;
    }),
  );
  // git refreshes these whenever it looks.
  return Object.fromEntries(facts.filter(([path]) => !/\.git(\/|$)|config\.git/.test(path)));
}

t.test('a first run writes everything, a second one nothing', async (t) => {
  const site = ready(makeSite(t));
  const first = await site.sfconfig('--skip-apply');
  t.match(first, { code: 0, stderr: '', stdout: /\[\+\] Wrote .*\/ansible\/sfconfig\.yml/ });
  t.match(first.stdout, /Committed to the config repository: .*_local_hypervisor_runc\.yaml/);
  const head = await site.git('rev-parse', 'HEAD');
  const before = await snapshot(site.dir);

  t.same(await site.sfconfig('--skip-apply'), { code: 0, stdout: '', stderr: '' });
  t.same(await snapshot(site.dir), before);
  t.equal(await site.git('rev-parse', 'HEAD'), head, 'no new commit');
});

t.test('keys are made where there are none, and secrets are private', async (t) => {
  const site = ready(makeSite(t, { newKeys: true }));
  await site.sfconfig('--skip-apply');
  const mode = (path: string) => (statSync(join(site.dir, 'lib', path)).mode & 0o777).toString(8);
  t.equal(mode('ansible'), '700');
  t.equal(mode('ansible/group_vars'), '700');
  t.equal(mode('ansible/group_vars/all.yaml'), '600');
  t.equal(mode('bootstrap-data'), '700');
  t.equal(mode('bootstrap-data/ssh_keys/nodepool_rsa'), '600');
});

t.test('playbooks run by hand find their inventory, unless root has an ansible.cfg of its own', async (t) => {
  const site = ready(makeSite(t));
  await site.sfconfig('--skip-apply');
  t.equal(readlinkSync(join(site.dir, 'home/.ansible.cfg')), join(site.dir, 'lib/ansible/ansible.cfg'));

  const other = ready(makeSite(t));
  writeFileSync(join(other.dir, 'home/.ansible.cfg'), '[defaults]\n');
  const { stdout } = await other.sfconfig('--skip-apply');
  t.match(stdout, /note: .*\.ansible\.cfg is there already; .*ANSIBLE_CONFIG=/);
  t.equal(readFileSync(join(other.dir, 'home/.ansible.cfg'), 'utf8'), '[defaults]\n');
});

t.test('another hypervisor becomes another pool, a removed one goes, and the file stays', async (t) => {
  const site = ready(makeSite(t));
  const file = join(site.config, 'nodepool/_local_hypervisor_runc.yaml');
  await site.sfconfig('--skip-apply');
  site.write('arch.yaml', MORE);
  t.match(await site.sfconfig('--skip-apply'), { code: 0, stdout: /Committed/ });
  t.match(readFileSync(file, 'utf8'), /hv1\.example\.org[\s\S]*hv2\.example\.org\n +max-servers: 3/);
  t.equal(await site.git('rev-list', '--count', 'origin/master'), '2', 'pushed');

  site.write('arch.yaml', ARCH.split('  - name: hv1')[0] as string);
  await site.sfconfig('--skip-apply');
  t.equal(readFileSync(file, 'utf8'), '# This file is managed by sfconfig, do not edit manually.\n');
});

t.test('a hand edit of what sfconfig owns is overwritten by the next run', async (t) => {
  const site = ready(makeSite(t));
  await site.sfconfig('--skip-apply');
  const file = join(site.config, 'nodepool/_local_hypervisor_runc.yaml');
  const before = readFileSync(file, 'utf8');
  writeFileSync(file, before.replace('max-servers: 10', 'max-servers: 99'));
  await site.git('commit', '--quiet', '--all', '--message', 'More');
  // The hook of the local repository is not what this is about.
  await site.git('push', '--quiet', 'origin', 'HEAD:master').catch(() => undefined);
  await site.git('fetch', '--quiet', 'origin');
  if ((await site.git('log', '--oneline', 'origin/master..HEAD')) !== '')
    await site.git('reset', '--hard', 'origin/master');
  t.equal((await site.sfconfig('--skip-apply')).code, 0);
  t.equal(readFileSync(file, 'utf8'), before);
});

t.test('changes and commits of people that are not pushed are never lost', async (t) => {
  const site = ready(makeSite(t));
  await site.sfconfig('--skip-apply');
  const file = join(site.config, 'nodepool/mine.yaml');
  writeFileSync(file, 'labels: [{name: mine}]\n');
  t.match(await site.sfconfig('--skip-apply'), {
    code: 1,
    stderr: /changes that are not committed:\n.*mine\.yaml/,
  });
  await site.git('add', '--all');
  await site.git('commit', '--quiet', '--message', 'Mine');
  t.match(await site.sfconfig('--skip-apply'), { code: 1, stderr: /commits that are not pushed:\n.*Mine/ });
  t.ok(existsSync(file));
});

t.test('a commit of sfconfig that was not pushed, because it was killed, is made anew', async (t) => {
  const site = ready(makeSite(t));
  await site.sfconfig('--skip-apply');
  site.write('arch.yaml', MORE);
  await site.sfconfig('--skip-apply');
  const wanted = await site.git('rev-parse', 'HEAD^{tree}');
  // As if the push had never reached the other side.
  await site.git('push', '--quiet', '--force', 'origin', 'HEAD~1:master').catch(() => undefined);
  const remote = join(site.dir, 'lib/git/config.git');
  await site.git(
    '--git-dir',
    remote,
    'update-ref',
    'refs/heads/master',
    `${await site.git('rev-parse', 'HEAD~1')}`,
  );
  t.match(await site.sfconfig('--skip-apply'), { code: 0, stdout: /Committed/ });
  t.equal(await site.git('--git-dir', remote, 'rev-parse', 'master^{tree}'), wanted);
});

t.test(
  'a repository that cannot be pushed to is an error, and the next run starts from where this one did',
  async (t) => {
    const site = ready(makeSite(t));
    await site.sfconfig('--skip-apply');
    const hook = join(site.dir, 'lib/git/config.git/hooks/pre-receive');
    writeFileSync(hook, '#!/bin/sh\necho not today >&2\nexit 1\n');
    await chmod(hook, 0o755);
    site.write('arch.yaml', MORE);
    t.match(await site.sfconfig('--skip-apply'), { code: 1, stderr: /not today/ });
    t.equal(await site.git('status', '--porcelain'), '');
    t.equal(await site.git('log', '--oneline', 'origin/master..HEAD'), '');
    writeFileSync(hook, '#!/bin/sh\nexit 0\n');
    t.match(await site.sfconfig('--skip-apply'), { code: 0, stdout: /Committed/ });
  },
);

t.test('a config repository that would not merge is refused, with everything left as it was', async (t) => {
  const site = ready(makeSite(t));
  await site.sfconfig('--skip-apply');
  writeFileSync(join(site.config, 'nodepool/bad.yaml'), 'labels: [{name: runc-centos}]\nproviders: 3\n');
  await site.git('add', '--all');
  await site.git('commit', '--quiet', '--message', 'Bad');
  const remote = join(site.dir, 'lib/git/config.git');
  await site.git('--git-dir', remote, 'fetch', '--quiet', site.config, 'HEAD:master'); // past the hook
  site.write('arch.yaml', MORE);
  const before = await snapshot(join(site.dir, 'lib/ansible'));
  const { code, stderr } = await site.sfconfig('--skip-apply');
  t.equal(code, 1);
  t.match(
    stderr,
    /bad\.yaml:1: labels\[0\]\.name: expected a name that is used once, found "runc-centos", as .*_local_hypervisor_runc\.yaml:3/,
  );
  t.match(stderr, /bad\.yaml:2: providers: expected a list, found 3/);
  t.same(await snapshot(join(site.dir, 'lib/ansible')), before);
  t.equal(await site.git('status', '--porcelain'), '');
});

t.test('a refused run writes nothing at all', async (t) => {
  const refused: [
    string,
    Partial<Record<'arch.yaml' | 'sfconfig.yaml' | 'custom-vars.yaml', string>>,
    RegExp,
  ][] = [
    [
      'second role',
      { 'arch.yaml': ARCH.replace('[hypervisor-runc]', '[hypervisor-runc, gateway]') },
      /enable-insecure-slaves/,
    ],
    ['no ip', { 'arch.yaml': ARCH.replace('    ip: 192.0.2.12\n', '') }, /host 'hv1' needs an ip/],
    [
      'no clouds file',
      { 'sfconfig.yaml': 'nodepool: {clouds_file: /nonexistent}\n' },
      /\/nonexistent: does not exist/,
    ],
    ['permission as text', { 'custom-vars.yaml': 'enable_insecure_slaves: "true"\n' }, /without quotes/],
  ];
  for (const [what, files, reason] of refused) {
    const site = ready(makeSite(t));
    for (const [file, text] of Object.entries(files)) site.write(file as 'arch.yaml', text);
    const before = readdirSync(site.dir, { recursive: true }).sort();
    t.match(await site.sfconfig('--skip-apply'), { code: 1, stdout: '', stderr: reason }, what);
    t.same(readdirSync(site.dir, { recursive: true }).sort(), before, what);
  }
  const site = makeSite(t);
  t.match(await site.sfconfig(), {
    code: 1,
    stderr: /arch\.yaml: expected a readable configuration file, found no such file/,
  });
});

t.test('the bypass holds for one run, or as long as a variable says so', async (t) => {
  const site = ready(makeSite(t));
  site.write('arch.yaml', ARCH.replace('[hypervisor-runc]', '[hypervisor-runc, gateway]'));
  t.equal((await site.sfconfig('--skip-apply', '--enable-insecure-slaves')).code, 0);
  t.equal((await site.sfconfig('--skip-apply')).code, 1);
  site.write('custom-vars.yaml', 'enable_insecure_slaves: true\n');
  t.equal((await site.sfconfig('--skip-apply')).code, 0);
});

t.test('--check shows what would change, and changes nothing', async (t) => {
  const site = ready(makeSite(t));
  const first = await site.sfconfig('--check');
  t.match(first, { code: 0, stdout: /have not been set up yet/ });
  t.same(readdirSync(site.dir).sort(), ['etc', 'home', 'lib']);
  t.same(readdirSync(join(site.dir, 'lib')), ['bootstrap-data']);

  await site.sfconfig('--skip-apply');
  t.same(await site.sfconfig('--check', '--skip-apply'), { code: 0, stdout: '', stderr: '' });
  site.write('arch.yaml', MORE);
  const before = await snapshot(site.dir);
  const { code, stdout } = await site.sfconfig('--check', '--skip-apply');
  t.equal(code, 0);
  t.match(stdout, /^\+ {6}- name: hv2\.example\.org$/m);
  t.match(stdout, /^\+hv2\.example\.org ansible_host=192\.0\.2\.13/m);
  t.match(stdout, /all\.yaml: would change/, 'of a file with secrets only the name');
  t.same(await snapshot(site.dir), before);
});

t.test('a password for an image that the config repository does not have stops nothing', async (t) => {
  const site = ready(makeSite(t));
  site.write(
    'sfconfig.yaml',
    'fqdn: example.org\nnodepool:\n  dib_reg_passwords: [{image_name: rhel-7, reg_password: hunter2}]\n',
  );
  const vars = () => readFileSync(join(site.dir, 'lib/ansible/group_vars/all.yaml'), 'utf8');
  const { code, stdout } = await site.sfconfig('--skip-apply');
  t.equal(code, 0);
  t.match(stdout, /note: .*the password of rhel-7 is not used/);
  t.notMatch(vars(), 'hunter2');

  await site.git('fetch', '--quiet');
  writeFileSync(join(site.config, 'nodepool/images.yaml'), 'diskimages: [{name: rhel-7}]\n');
  await site.git('add', '--all');
  await site.git('commit', '--quiet', '--message', 'An image');
  await site.git(
    '--git-dir',
    join(site.dir, 'lib/git/config.git'),
    'fetch',
    '--quiet',
    site.config,
    'HEAD:master',
  );
  await site.sfconfig('--skip-apply');
  t.match(vars(), 'hunter2');
});

t.test('a public key of Zuul that is there already is used', async (t) => {
  const site = ready(makeSite(t));
  const keys = join(site.dir, 'lib/bootstrap-data/ssh_keys');
  await rm(join(keys, 'zuul_rsa'));
  writeFileSync(join(keys, 'zuul_rsa.pub'), 'ssh-ed25519 AAAA zuul\n');
  await site.sfconfig('--skip-apply');
  t.match(
    readFileSync(join(site.dir, 'lib/ansible/group_vars/all.yaml'), 'utf8'),
    /worker_keys:\n {2}- ssh-ed25519 AAAA zuul/,
  );
  t.notOk(existsSync(join(keys, 'zuul_rsa')));
});

t.test('--erase wants a confirmation, which needs a terminal', async (t) => {
  const site = ready(makeSite(t));
  t.match(await site.sfconfig('--erase'), { code: 1, stderr: /there is no terminal; use --yes/ });
});
