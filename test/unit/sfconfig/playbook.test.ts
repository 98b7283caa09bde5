import t from 'tap';
import type { Arch, Host } from '../../../src/sfconfig/arch.ts';
import { placesOf } from '../../../src/sfconfig/places.ts';
import { erasePlaybook } from '../../../src/sfconfig/playbook/erase.ts';
import { mainPlaybook } from '../../../src/sfconfig/playbook/main.ts';
import { renderPlaybook } from '../../../src/sfconfig/playbook/play.ts';
import { restartPlaybook } from '../../../src/sfconfig/playbook/restart.ts';
import { optionsOf } from '../../support/sfconfig.ts';

const host = (name: string, ...roles: string[]): Host => ({
  name,
  hostname: `${name}.example.org`,
  ip: '192.0.2.1',
  roles,
  remote: false,
  maxServers: 10,
  publicUrl: undefined,
  path: [],
});
const arch: Arch = {
  description: '',
  hosts: [
    host('sf', 'install-server', 'zookeeper', 'nodepool-launcher', 'nodepool-builder'),
    host('hv1', 'hypervisor-runc'),
  ],
};
const places = placesOf(optionsOf());
const names = (plays: readonly object[]) => plays.map((play) => (play as { name: string }).name);

t.test('hypervisors are ready before launchers learn of them', async (t) => {
  const order = names(mainPlaybook(arch, places, {}));
  t.ok(
    order.indexOf('Set up hypervisor-runc') < order.indexOf('Update the configuration of nodepool-launcher'),
  );
  t.ok(order.indexOf('Set up zookeeper') < order.indexOf('Set up nodepool-launcher'));
  t.ok(
    order.indexOf('Bring the config repository to the hosts') <
      order.indexOf('Update the configuration of nodepool-launcher'),
  );
});

t.test('--skip-install leaves no package action, --skip-setup nothing else', async (t) => {
  const settings = names(mainPlaybook(arch, places, { skipInstall: true }));
  t.same(
    settings.filter((name) => /Install |Upgrade/.test(name)),
    [],
  );
  const packages = names(mainPlaybook(arch, places, { skipSetup: true }));
  t.ok(packages.every((name) => /^Install/.test(name)));
  t.equal(packages.length, 4);
});

t.test('--recover stops the daemons, and puts data where services are set up', async (t) => {
  const order = names(mainPlaybook(arch, places, { recover: true }));
  t.equal(order[0], 'Stop the daemons');
  for (const role of ['zookeeper', 'hypervisor-runc', 'nodepool-launcher'])
    t.ok(order.indexOf(`Set up ${role}`) < order.indexOf(`Restore ${role}`), role);
  t.ok(order.indexOf('Restore zookeeper') < order.indexOf('Update the configuration of nodepool-launcher'));
  t.ok(order.indexOf('Restore hypervisor-runc') < order.indexOf('Learn the host keys again'));
});

t.test('without the installation, there is a look at packages before anything is changed', async (t) => {
  const order = names(mainPlaybook(arch, places, { skipInstall: true }));
  t.match(order.slice(0, 4), Array(4).fill(/^Check that .* is installed$/));
});

t.test('a hypervisor that fails does not end the run, the control plane does', async (t) => {
  for (const play of mainPlaybook(arch, places, {})) {
    if (!play.roles) continue;
    t.equal(play.any_errors_fatal, !String(play.hosts).startsWith('hypervisor-runc'), String(play.name));
  }
});

t.test('daemons restart one host after another, the builder only where there is one', async (t) => {
  t.match(restartPlaybook(arch), [
    { hosts: 'nodepool-launcher', serial: 1 },
    { hosts: 'nodepool-builder', serial: 1 },
  ]);
  const withoutBuilder = { ...arch, hosts: [host('sf', 'install-server', 'nodepool-launcher')] };
  t.equal(restartPlaybook(withoutBuilder).length, 1);
});

t.test('erase asks first, and removes last what brings the collection along', async (t) => {
  t.same(names(erasePlaybook(arch, 'example.org')), [
    'Ask whether this is really meant',
    'Stop the daemons',
    'Remove hypervisor-runc',
    'Remove zookeeper',
    'Forget each other',
    'Remove the daemons',
  ]);
});

t.test('without any host for it a playbook still is one', async (t) => {
  t.match(renderPlaybook([]), /- name: Do nothing/);
});
