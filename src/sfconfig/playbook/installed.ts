/** Without the installation, whether there is one; before anything is changed. */
import type { ManagedRole } from '../known-roles.ts';
import type { Play } from './play.ts';
import { HYPERVISORS, ONLY_THERE } from './role-play.ts';

/** What shows that the packages of a role are there. */
const SIGNS: Readonly<Record<ManagedRole, string>> = {
  zookeeper: 'test -e /usr/share/java/zookeeper.jar',
  'hypervisor-runc': 'command -v runc',
  'nodepool-launcher': 'command -v nodepool-launcher',
  'nodepool-builder': 'command -v nodepool-builder && command -v disk-image-create',
  gateway: 'command -v apache2 || command -v httpd',
};

export function installedPlays(roles: readonly ManagedRole[]): Play[] {
  return roles.map((role) => {
    const isHypervisor = role === 'hypervisor-runc';
    const where = isHypervisor ? ONLY_THERE : {};
    return {
      name: `Check that ${role} is installed`,
      hosts: isHypervisor ? HYPERVISORS : role,
      any_errors_fatal: !isHypervisor,
      gather_facts: false,
      tasks: [
        {
          name: 'Look for it',
          'ansible.builtin.shell': { cmd: SIGNS[role] },
          register: 'sfconfig_installed',
          changed_when: false,
          failed_when: false,
          check_mode: false,
          ...where,
        },
        {
          name: 'Check that it is there',
          'ansible.builtin.assert': {
            that: 'sfconfig_installed.rc == 0',
            fail_msg: `${role} is not installed yet: run sfconfig without --skip-install`,
            quiet: true,
          },
          ...where,
        },
      ],
    };
  });
}
