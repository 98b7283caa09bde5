/** A play that does one action of one role. */
import { hostsWith, type Arch } from '../arch.ts';
import { MANAGED_ROLES, type ManagedRole } from '../known-roles.ts';
import type { Play } from './play.ts';

export type RoleAction =
  'install' | 'setup' | 'update' | 'upgrade' | 'disable' | 'erase' | 'get_logs' | 'backup' | 'restore';

const COLLECTION = 'softwarefactory.nodepool';

export function rolesIn(arch: Arch): ManagedRole[] {
  return MANAGED_ROLES.filter((role) => hostsWith(arch, role).length > 0);
}

export function isDaemon(role: ManagedRole): boolean {
  return role === 'nodepool-launcher' || role === 'nodepool-builder';
}

/** What each action is called on the screen. */
const HEADINGS: Readonly<Record<RoleAction, (role: string) => string>> = {
  install: (role) => `Install ${role}`,
  setup: (role) => `Set up ${role}`,
  update: (role) => `Update the configuration of ${role}`,
  upgrade: (role) => `Upgrade ${role}`,
  disable: (role) => `Stop ${role}`,
  erase: (role) => `Remove ${role}`,
  get_logs: (role) => `Fetch the logs of ${role}`,
  backup: (role) => `Back up ${role}`,
  restore: (role) => `Restore ${role}`,
};

/**
 * Without the control plane nothing else makes sense, so its errors end the run. A hypervisor that cannot be reached is
 * left out, named, and makes the run fail in the end; the others are served. Ansible ends a run in which all hosts of a
 * play have failed, so the install-server is one of them and does nothing.
 */
export function rolePlay(role: ManagedRole, action: RoleAction, vars?: Record<string, unknown>): Play {
  const isHypervisor = role === 'hypervisor-runc';
  return {
    name: HEADINGS[action](role),
    hosts: isHypervisor ? HYPERVISORS : role,
    collections: [COLLECTION],
    any_errors_fatal: !isHypervisor,
    // Not with the role, which would refuse those of another role that it includes.
    ...(vars === undefined ? {} : { vars }),
    roles: [{ role, role_action: action, ...(isHypervisor ? ONLY_THERE : {}) }],
  };
}

/** Launchers and builders at once, with the role that they share. */
export function daemonsPlay(name: string, action: RoleAction, vars?: Record<string, unknown>): Play {
  return {
    name,
    hosts: 'nodepool',
    collections: [COLLECTION],
    any_errors_fatal: true,
    ...(vars === undefined ? {} : { vars }),
    roles: [{ role: 'nodepool', role_action: action }],
  };
}

export const HYPERVISORS = 'hypervisor-runc:install-server';
export const ONLY_THERE = { when: "'hypervisor-runc' in group_names" };
