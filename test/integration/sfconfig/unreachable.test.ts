/** Hosts that do not answer; and whether Ansible reads what is written. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import { ARCH, makeCollection, makeReadySite, skipAnsible } from '../../support/sfconfig-roles.ts';

t.test(
  'where no hypervisor answers, each is named and the control plane is set up',
  { skip: skipAnsible },
  async (t) => {
    const { share, notes } = makeCollection(t, 'false');
    const site = makeReadySite(t, share);
    // Nothing listens on that port of this machine.
    site.write('arch.yaml', ARCH.replace('192.0.2.12', '127.0.0.77').replace('192.0.2.13', '127.0.0.78'));
    site.write('custom-vars.yaml', 'ansible_port: 1\n');
    const { code, stdout } = await site.sfconfig('--skip-test');
    t.equal(code, 1);
    for (const host of ['hv1', 'hv2']) {
      t.match(stdout, new RegExp(`${host}\\.example\\.org does not answer:`));
      t.match(stdout, new RegExp(`^ {2}${host}\\.example\\.org +unreachable$`, 'm'));
    }
    t.match(stdout, /^ {2}sf\.example\.org +\d+ changed$/m, 'the state of the others is told');
    t.ok(notes().includes('sf.example.org nodepool-launcher update'));
  },
);

t.test('Ansible accepts all playbooks', { skip: skipAnsible }, async (t) => {
  const { share } = makeCollection(t, 'false');
  const site = makeReadySite(t, share);
  await site.sfconfig('--skip-apply');
  const root = join(site.dir, 'lib/ansible');
  const playbooks = readdirSync(root).filter((name) => name.endsWith('.yml'));
  t.equal(playbooks.length, 8);
  const { exitCode, all } = await execa(
    'ansible-playbook',
    ['--syntax-check', ...playbooks.map((name) => join(root, name))],
    {
      env: { ANSIBLE_CONFIG: join(root, 'ansible.cfg') },
      all: true,
      reject: false,
      timeout: 120_000,
    },
  );
  t.equal(exitCode, 0, all);
});
