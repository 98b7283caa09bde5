import { installServer, type Arch } from '../arch.ts';
import { BRANCH } from '../git.ts';
import type { Places } from '../places.ts';
import { deliverPlays } from './deliver.ts';
import type { Play } from './play.ts';
import { isDaemon, rolePlay, rolesIn } from './role-play.ts';

/** Brings a merged change of the config repository to the hosts. */
export function updatePlaybook(arch: Arch, places: Places): Play[] {
  const fetch: Play = {
    name: 'Fetch the config repository',
    hosts: installServer(arch).hostname,
    any_errors_fatal: true,
    gather_facts: false,
    tasks: [
      {
        name: 'Find where it comes from',
        'ansible.builtin.command': { argv: ['git', '-C', places.configDir, 'remote', 'get-url', 'origin'] },
        register: 'sfconfig_origin',
        changed_when: false,
        check_mode: false,
      },
      {
        name: 'Move the clone to the newest commit',
        'ansible.builtin.git': {
          repo: '{{ sfconfig_origin.stdout }}',
          dest: places.configDir,
          version: BRANCH,
          force: false,
        },
      },
    ],
  };
  const roles = rolesIn(arch).filter((role) => role === 'hypervisor-runc' || isDaemon(role));
  return [fetch, ...deliverPlays(roles, places), ...roles.map((role) => rolePlay(role, 'update'))];
}
