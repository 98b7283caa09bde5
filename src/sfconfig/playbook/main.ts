/** The playbook of a run. */
import { installServer, type Arch } from '../arch.ts';
import type { ManagedRole } from '../known-roles.ts';
import type { Places } from '../places.ts';
import { deliverPlays } from './deliver.ts';
import { installedPlays } from './installed.ts';
import { namesPlay } from './names.ts';
import type { Play } from './play.ts';
import { daemonsPlay, isDaemon, rolePlay, rolesIn } from './role-play.ts';
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
    ...(options.skipInstall && !options.skipSetup ? installedPlays(roles) : []),
    ...(options.recover ? stopPlays(roles) : []),
    ...(options.skipSetup ? [] : [namesPlay()]),
    ...(options.skipInstall ? [] : roles.map((role) => rolePlay(role, 'install'))),
    ...(options.upgrade ? roles.map((role) => rolePlay(role, 'upgrade')) : []),
    ...(options.skipSetup ? [] : roles.map((role) => rolePlay(role, 'setup'))),
    ...(options.recover ? restorePlays(arch, places) : []),
    ...(options.skipSetup ? [] : updatePlays(roles, places)),
    ...(options.skipSetup || options.skipTest ? [] : testPlays(roles)),
  ];
}

/** Who has seen the records of now does not follow a server to those of an older day. */
function stopPlays(roles: readonly ManagedRole[]): Play[] {
  return roles.some(isDaemon) ? [daemonsPlay('Stop the daemons', 'disable')] : [];
}

/** After the set-up, which makes the services and places that data belongs to. */
function restorePlays(arch: Arch, { knownHosts }: Places): Play[] {
  const forget: Play = {
    name: 'Learn the host keys again',
    hosts: installServer(arch).hostname,
    any_errors_fatal: true,
    gather_facts: false,
    tasks: [
      {
        name: 'Forget those that hypervisors had before they got their old ones back',
        'ansible.builtin.file': { path: knownHosts, state: 'absent' },
      },
    ],
  };
  return [...rolesIn(arch).map((role) => rolePlay(role, 'restore')), forget];
}

/** Hypervisors are ready by now, before launchers learn of them; builders come last, since nobody waits for them. */
function updatePlays(roles: readonly ManagedRole[], places: Places): Play[] {
  return [...deliverPlays(roles, places), ...roles.filter(isDaemon).map((role) => rolePlay(role, 'update'))];
}
