import type { Arch } from '../arch.ts';
import type { Play } from './play.ts';
import { isDaemon, rolesIn } from './role-play.ts';
import { testTasks } from './tests.ts';

/** One host after another, the next only when the last is back: there is always somebody who serves. */
export function restartPlaybook(arch: Arch): Play[] {
  const daemons = rolesIn(arch).filter(isDaemon);
  return daemons.map((role) => ({
    name: `Restart ${role}`,
    hosts: role,
    serial: 1,
    any_errors_fatal: true,
    gather_facts: false,
    tasks: [
      {
        name: `Restart ${role}`,
        'ansible.builtin.systemd': { name: `${role}.service`, state: 'restarted' },
      },
      ...testTasks(role),
    ],
  }));
}
