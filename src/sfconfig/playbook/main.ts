/** The playbook of a run. */
import type { Arch } from '../arch.ts';
import type { ManagedRole } from '../known-roles.ts';
import type { Places } from '../places.ts';
import { deliverPlays } from './deliver.ts';
import { namesPlay } from './names.ts';
import type { Play } from './play.ts';
import { isDaemon, rolePlay, rolesIn } from './role-play.ts';
import { testPlays } from './tests.ts';

export interface PlaybookOptions {
  skipInstall?: boolean;
  skipSetup?: boolean;
  skipTest?: boolean;
  upgrade?: boolean;
  recover?: boolean;
}

/** `sfconfig_update_noinstall.yml`: the name says what it does. */
export function playbookName(options: PlaybookOptions): string {
  const { upgrade, skipInstall, recover, skipSetup } = options;
  const parts = [
    upgrade && 'update',
    skipInstall && 'noinstall',
    recover && 'recover',
    skipSetup && 'nosetup',
  ];
  return `${['sfconfig', ...parts.filter(Boolean)].join('_')}.yml`;
}

/** From clean systems, or from whatever an earlier run has left, to working services. */
export function mainPlaybook(arch: Arch, places: Places, options: PlaybookOptions): Play[] {
  const roles = rolesIn(arch);
  return [
    ...(options.skipSetup ? [] : [namesPlay()]),
    ...(options.skipInstall ? [] : roles.map((role) => rolePlay(role, 'install'))),
    ...(options.upgrade ? roles.map((role) => rolePlay(role, 'upgrade')) : []),
    ...(options.recover ? roles.map((role) => rolePlay(role, 'restore')) : []),
    ...(options.skipSetup ? [] : setupPlays(roles, places)),
    ...(options.skipSetup || options.skipTest ? [] : testPlays(roles)),
  ];
}

/** Hypervisors are ready before launchers learn of them; builders come last, since nobody waits for them. */
function setupPlays(roles: readonly ManagedRole[], places: Places): Play[] {
  return [
    ...roles.map((role) => rolePlay(role, 'setup')),
    ...deliverPlays(roles, places),
    ...roles.filter(isDaemon).map((role) => rolePlay(role, 'update')),
  ];
}
