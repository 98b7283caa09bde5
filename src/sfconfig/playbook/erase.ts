/** The ends: everything stopped, or removed. */
import { installServer, type Arch } from '../arch.ts';
import type { ManagedRole } from '../known-roles.ts';
import { forgetNamesPlay } from './names.ts';
import type { Play } from './play.ts';
import { daemonsPlay, isDaemon, rolePlay, rolesIn } from './role-play.ts';

export function disablePlaybook(arch: Arch): Play[] {
  return inReverse(arch).map((role) => rolePlay(role, 'disable'));
}

/** `confirmed`: the operator has been asked already; else the playbook asks for the name of the installation. */
export function erasePlaybook(arch: Arch, fqdn: string): Play[] {
  const ask: Play = {
    name: 'Ask whether this is really meant',
    hosts: installServer(arch).hostname,
    gather_facts: false,
    tasks: [
      {
        name: 'Ask for the name of the installation',
        'ansible.builtin.pause': {
          prompt: `This removes Nodepool and its data from all hosts. Type ${fqdn} to go on`,
        },
        register: 'sfconfig_answer',
        when: 'sfconfig_batch is not defined',
      },
      {
        name: 'Stop where the answer is another one',
        'ansible.builtin.assert': {
          that: `sfconfig_answer.user_input | trim == '${fqdn}'`,
          fail_msg: 'Incorrect hostname: nothing is removed',
        },
        when: 'sfconfig_batch is not defined',
      },
    ],
    any_errors_fatal: true,
  };
  const daemons = rolesIn(arch).some(isDaemon);
  const others = inReverse(arch).filter((role) => !isDaemon(role));
  // The package of the daemons brings this collection along: when it has gone from the install-server, nothing else can be loaded.
  return [
    ask,
    ...(daemons ? [daemonsPlay('Stop the daemons', 'disable')] : []),
    ...others.map((role) =>
      rolePlay(role, 'erase', { [`${role.replaceAll('-', '_')}_erase_confirmed`]: true }),
    ),
    forgetNamesPlay(),
    ...(daemons ? [daemonsPlay('Remove the daemons', 'erase', { nodepool_erase_confirmed: true })] : []),
  ];
}

function inReverse(arch: Arch): ManagedRole[] {
  return rolesIn(arch).reverse();
}
