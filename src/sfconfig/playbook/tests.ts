/** Whether the services work. */
import type { ManagedRole } from '../known-roles.ts';
import type { Play } from './play.ts';
import { HYPERVISORS, ONLY_THERE } from './role-play.ts';

export function testPlays(roles: readonly ManagedRole[]): Play[] {
  return roles.map((role) => ({
    name: `Check that ${role} works`,
    hosts: role === 'hypervisor-runc' ? HYPERVISORS : role,
    gather_facts: false,
    tasks: testTasks(role),
  }));
}

/** A second between attempts, as long as a service may need on a busy machine. */
const PATIENCE = { retries: 60, delay: 1 };

export function testTasks(role: ManagedRole): Play[] {
  const check = (name: string, argv: string[], until: string): Play => ({
    name,
    'ansible.builtin.command': { argv },
    register: 'sfconfig_check',
    until,
    ...PATIENCE,
    changed_when: false,
    when: 'not ansible_check_mode',
  });
  if (role === 'hypervisor-runc') {
    const runc = check('Check that runC answers', ['runc', 'list', '--quiet'], 'sfconfig_check.rc == 0');
    return [{ ...runc, when: [runc.when, ONLY_THERE.when] }];
  }
  if (role === 'gateway') {
    const ask = 'systemctl is-active apache2.service || systemctl is-active httpd.service';
    return [check('Check that Apache runs', ['sh', '-c', ask], 'sfconfig_check.rc == 0')];
  }
  const service = role === 'zookeeper' ? 'zookeeper' : role;
  return [
    check(
      `Check that ${service} runs`,
      ['systemctl', 'is-active', `${service}.service`],
      "sfconfig_check.stdout == 'active'",
    ),
  ];
}
