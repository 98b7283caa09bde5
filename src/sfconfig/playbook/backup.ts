import { installServer, type Arch } from '../arch.ts';
import type { Places } from '../places.ts';
import type { Play } from './play.ts';
import { rolePlay, rolesIn } from './role-play.ts';

export function logsPlaybook(arch: Arch): Play[] {
  return rolesIn(arch).map((role) => rolePlay(role, 'get_logs'));
}

export function backupPlaybook(arch: Arch, { settingsDir, lib, backup, configDir }: Places): Play[] {
  const target = `${backup}/install-server`;
  const own: Play = {
    name: 'Back up keys, settings and the config repository',
    hosts: installServer(arch).hostname,
    any_errors_fatal: true,
    gather_facts: false,
    tasks: [
      {
        name: 'Make a private place',
        'ansible.builtin.file': { path: target, state: 'directory', mode: '0700' },
      },
      {
        name: 'Know what is at the origin of the config repository',
        'ansible.builtin.command': { argv: ['git', '-C', configDir, 'fetch', '--quiet', 'origin'] },
        changed_when: false,
      },
      {
        name: 'Copy what is only here',
        'ansible.builtin.command': {
          argv: [
            'rsync',
            '--archive',
            '--delete',
            '--itemize-changes',
            '{{ item.from }}/',
            `${target}/{{ item.to }}/`,
          ],
        },
        register: 'sfconfig_saved',
        changed_when: 'sfconfig_saved.stdout | length > 0',
        loop: [
          { from: settingsDir, to: 'software-factory' },
          { from: lib, to: 'bootstrap-data' },
          { from: configDir, to: 'config' },
        ],
      },
    ],
  };
  return [own, ...rolesIn(arch).map((role) => rolePlay(role, 'backup'))];
}
