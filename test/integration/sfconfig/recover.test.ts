/** `sfconfig --recover` on a new install-server, as far as that goes without hosts. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import t, { type Test } from 'tap';
import { makeSite, type Site } from '../../support/sfconfig-run.ts';
import { tempDir } from '../../support/temp.ts';

const ARCH = `
inventory:
  - {name: sf, ip: 192.0.2.11, roles: [install-server, zookeeper, nodepool-launcher]}
  - {name: hv1, ip: 192.0.2.12, roles: [hypervisor-runc]}
`;

/** One that has worked for a while: somebody has changed the config repository. */
async function makeOld(t: Test): Promise<Site> {
  const site = makeSite(t);
  site.write('arch.yaml', ARCH);
  site.write('sfconfig.yaml', 'fqdn: example.org\n');
  site.write('custom-vars.yaml', 'nodepool_webapp_port: 8007\n');
  t.match(await site.sfconfig('--skip-apply'), { code: 0 });
  const label = 'labels:\n  - name: large\n';
  writeFileSync(join(site.config, 'nodepool/large.yaml'), label);
  await site.git('add', '--all');
  await site.git('commit', '--quiet', '--message', 'Add a label');
  rmSync(join(site.dir, 'lib/git/config.git/hooks'), { recursive: true }); // They need hosts.
  await site.git('push', '--quiet', 'origin', 'HEAD');
  return site;
}

/** What the first play of the backup playbook makes. */
function backUp(t: Test, site: Site): string {
  const backup = tempDir(t);
  const parts = { etc: 'software-factory', 'lib/bootstrap-data': 'bootstrap-data', config: 'config' };
  for (const [from, to] of Object.entries(parts))
    cpSync(join(site.dir, from), join(backup, 'install-server', to), { recursive: true });
  writeFileSync(join(backup, 'install-server/bootstrap-data/known_hosts'), 'hv1.example.org ssh-rsa AAAA\n');
  return backup;
}

const read = (site: Site, path: string) => readFileSync(join(site.dir, path), 'utf8');

t.test('a new machine gets settings, keys and the config repository back', async (t) => {
  const old = await makeOld(t);
  const backup = backUp(t, old);
  for (const kind of ['directory', 'tar file'] as const) {
    await t.test(`from a ${kind}`, async (t) => {
      const site = makeSite(t, { newKeys: true });
      const file = kind === 'directory' ? backup : join(tempDir(t), 'backup.tar');
      if (kind === 'tar file') await execa('tar', ['-C', backup, '-cf', file, '.']);
      const result = await site.sfconfig('--recover', file, '--skip-apply');
      t.match(result, { code: 0, stderr: '', stdout: `[+] Recovered ${file}` });
      t.notMatch(result.stdout, 'Made', 'no new key');
      for (const path of ['etc/arch.yaml', 'etc/sfconfig.yaml', 'lib/bootstrap-data/ssh_keys/nodepool_rsa'])
        t.equal(read(site, path), read(old, path), path);
      t.match(read(site, 'lib/ansible/group_vars/all.yaml'), 'nodepool_webapp_port: 8007');
      t.equal(await site.git('rev-parse', 'HEAD'), await old.git('rev-parse', 'HEAD'), 'no commit is lost');
      t.equal(await site.git('rev-parse', 'origin/master'), await old.git('rev-parse', 'HEAD'));
      t.throws(() => read(site, 'lib/bootstrap-data/known_hosts'), { code: 'ENOENT' });
      const again = await site.sfconfig('--skip-apply');
      t.equal(again.code, 0, again.stderr);
      t.notMatch(again.stdout, /Made|Committed/);
    });
  }
});

t.test('an architecture that is there already stays', async (t) => {
  const backup = backUp(t, await makeOld(t));
  const site = makeSite(t);
  site.write('arch.yaml', ARCH.replace('192.0.2.12', '192.0.2.99'));
  t.match(await site.sfconfig('--recover', backup, '--skip-apply'), { code: 0 });
  t.match(read(site, 'etc/arch.yaml'), '192.0.2.99');
  t.match(read(site, 'lib/ansible/hosts'), '192.0.2.99');
});

t.test('what is no backup is refused, and nothing is put back', async (t) => {
  const site = makeSite(t);
  const empty = tempDir(t);
  mkdirSync(join(empty, 'install-server'));
  writeFileSync(join(empty, 'file'), 'no archive');
  for (const [path, reason] of [
    [join(empty, 'missing'), 'expected a backup, a tar file or a directory, found nothing'],
    [empty, 'expected a backup with install-server/bootstrap-data/ssh_keys, found none'],
    [join(empty, 'file'), /tar/],
  ] as const) {
    t.match(await site.sfconfig('--recover', path, '--skip-apply'), { code: 1, stderr: reason });
    t.throws(() => read(site, 'lib/ansible/hosts'), { code: 'ENOENT' });
  }
});
