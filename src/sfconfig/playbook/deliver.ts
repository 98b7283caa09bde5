import type { ManagedRole } from '../known-roles.ts';
import type { Places } from '../places.ts';
import type { Play } from './play.ts';
import { isDaemon } from './role-play.ts';

/** Writable for its owner only. */
const GIT_ARCHIVE = ['git', '-c', 'tar.umask=0022'];

/** Copies what is committed to the hosts with a daemon. */
export function deliverPlays(
  roles: readonly ManagedRole[],
  { configDir, configArchive, configCopy }: Places,
): Play[] {
  if (!roles.some(isDaemon)) return [];
  const copied = `${configCopy}.tar`;
  const onThisHost = { delegate_to: 'localhost', run_once: true };
  const whenOther = { when: "sfconfig_packed.stat.checksum != sfconfig_copied.stat.checksum | default('')" };
  return [
    {
      name: 'Bring the config repository to the hosts',
      hosts: 'nodepool',
      any_errors_fatal: true,
      gather_facts: false,
      tasks: [
        {
          name: 'Pack it',
          'ansible.builtin.command': {
            argv: [...GIT_ARCHIVE, '-C', configDir, 'archive', '--output', configArchive, 'HEAD', 'nodepool'],
          },
          changed_when: false,
          check_mode: false,
          ...onThisHost,
        },
        {
          name: 'Look at what is packed',
          'ansible.builtin.stat': { path: configArchive },
          register: 'sfconfig_packed',
          ...onThisHost,
        },
        {
          name: 'Look at what is on the host',
          'ansible.builtin.stat': { path: copied },
          register: 'sfconfig_copied',
        },
        {
          name: 'Remove the old copy',
          'ansible.builtin.file': { path: configCopy, state: 'absent' },
          ...whenOther,
        },
        {
          name: 'Make room for the new one',
          'ansible.builtin.file': { path: configCopy, state: 'directory', mode: '0755' },
        },
        {
          name: 'Unpack it',
          'ansible.builtin.unarchive': {
            src: configArchive,
            dest: configCopy,
            owner: 'root',
            group: 'root',
          },
          ...whenOther,
        },
        {
          name: 'Remember what has been unpacked',
          'ansible.builtin.copy': { src: configArchive, dest: copied, mode: '0644' },
        },
      ],
    },
  ];
}
