/** Real ansible-playbook over roles that only note what they are asked for; every host is this machine. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeCollection, makeReadySite, skipAnsible } from '../../support/sfconfig-roles.ts';

t.test(
  'a run asks every role of every host for its actions, in order, and says what has changed',
  { skip: skipAnsible },
  async (t) => {
    const { share, notes } = makeCollection(t, 'false');
    const site = makeReadySite(t, share);
    const { code, stdout, stderr } = await site.sfconfig('--skip-test');
    t.equal(code, 0, stderr);
    t.match(
      stdout,
      /^ok {5}Install hypervisor-runc {2}[\d.]+ s {2}changed: hv\d\.example\.org 1, hv\d\.example\.org 1$/m,
    );
    t.match(stdout, /^ {2}hv2\.example\.org {2}2 changed$/m);
    t.match(stdout, /^example\.org: SUCCESS$/m);
    // Hosts of one play work side by side.
    const steps = [...new Set(notes().map((line) => line.split(' ').slice(1).join(' ')))];
    t.same(steps, [
      'zookeeper install',
      'hypervisor-runc install',
      'nodepool-launcher install',
      'zookeeper setup',
      'hypervisor-runc setup',
      'nodepool-launcher setup',
      'nodepool-launcher update',
    ]);
    t.equal(notes().length, 9);
    const copy = join(site.dir, 'lib/config/nodepool/_local_hypervisor_runc.yaml');
    t.equal(
      readFileSync(copy, 'utf8'),
      readFileSync(join(site.config, 'nodepool/_local_hypervisor_runc.yaml'), 'utf8'),
    );
  },
);

t.test(
  'a hypervisor that fails is named with the reason, the rest is finished, and the run fails',
  { skip: skipAnsible },
  async (t) => {
    const { share, notes } = makeCollection(
      t,
      "inventory_hostname == 'hv1.example.org' and role_action == 'setup'",
    );
    const site = makeReadySite(t, share);
    const { code, stdout, stderr } = await site.sfconfig('--skip-test');
    t.equal(code, 1);
    t.match(stdout, /hv1\.example\.org failed at ".*Do what cannot be done":\n +the disk is full/);
    t.match(stdout, /^ {2}hv1\.example\.org {2}failed$/m);
    t.notMatch(stdout, 'SUCCESS');
    t.match(stderr, /all of Ansible's output is in .*ansible\.log/);
    t.ok(notes().includes('sf.example.org nodepool-launcher update'));
  },
);
