/** The names by which hosts know each other, in /etc/hosts. */
import type { Play } from './play.ts';

const MARKER = '# {mark} hosts of the architecture, written by sfconfig';

/** Hosts that are `remote` keep their own /etc/hosts. */
export function namesPlay(): Play {
  return {
    name: 'Know each other by name',
    hosts: 'managed',
    gather_facts: false,
    tasks: [
      {
        name: 'Put the hosts of the architecture into /etc/hosts',
        'ansible.builtin.blockinfile': {
          path: '/etc/hosts',
          marker: MARKER,
          block: '{{ sfconfig_hosts_block }}',
        },
        when: 'inventory_hostname not in sfconfig_remote_hosts',
      },
    ],
  };
}

export function forgetNamesPlay(): Play {
  return {
    name: 'Forget each other',
    hosts: 'managed',
    gather_facts: false,
    tasks: [
      {
        name: 'Take the hosts of the architecture out of /etc/hosts',
        'ansible.builtin.blockinfile': { path: '/etc/hosts', marker: MARKER, state: 'absent' },
      },
    ],
  };
}
