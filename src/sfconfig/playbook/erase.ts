/** The ends: everything stopped, or removed. */
import { installServer, type Arch } from '../arch.ts';
import type { ManagedRole } from '../known-roles.ts';
import { forgetNamesPlay } from './names.ts';
import type { Play } from './play.ts';
import { isDaemon, rolePlay, rolesIn } from './role-play.ts';

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
  const erase = inReverse(arch).map((role) =>
    rolePlay(role, 'erase', { [`${prefixOf(role)}_erase_confirmed`]: true }),
  );
  return [ask, ...erase, forgetNamesPlay()];
}

function inReverse(arch: Arch): ManagedRole[] {
  return rolesIn(arch).reverse();
}

/** Of the role's variables; both daemons have those of the role that they share. */
function prefixOf(role: ManagedRole): string {
  return isDaemon(role) ? 'nodepool' : role.replaceAll('-', '_');
}
