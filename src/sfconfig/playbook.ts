/** The playbooks that sfconfig writes: plays as plain records, then YAML. */
import { dumpYaml } from '../config/repo/dump.ts';
import { hostsWith, installServer, type Arch } from './arch.ts';
import { BRANCH } from './git.ts';
import { MANAGED_ROLES, type ManagedRole } from './known-roles.ts';
import type { Places } from './places.ts';

export type Play = Readonly<Record<string, unknown>>;

export type RoleAction =
  'install' | 'setup' | 'update' | 'upgrade' | 'disable' | 'erase' | 'get_logs' | 'backup' | 'restore';

export interface PlaybookOptions {
  skipInstall?: boolean;
  skipSetup?: boolean;
  skipTest?: boolean;
  upgrade?: boolean;
  recover?: boolean;
}

const HEADER = '# Written by sfconfig; changes made here are lost.\n';
const COLLECTION = 'softwarefactory.nodepool';

/** Ansible refuses a playbook without plays. */
export function renderPlaybook(plays: readonly Play[]): string {
  const some =
    plays.length > 0 ? plays : [{ name: 'Do nothing', hosts: 'managed', gather_facts: false, tasks: [] }];
  return `---\n${HEADER}${dumpYaml(some, { sorted: false })}`;
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
  const roles = rolesIn(arch).filter((role) => role !== 'zookeeper');
  return [fetch, ...deliverPlays(roles, places), ...roles.map((role) => rolePlay(role, 'update'))];
}

/** Writable for its owner only. */
const GIT_ARCHIVE = ['git', '-c', 'tar.umask=0022'];

/** Copies what is committed to the hosts with a daemon. */
function deliverPlays(
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

function isDaemon(role: ManagedRole): boolean {
  return role === 'nodepool-launcher' || role === 'nodepool-builder';
}

/** One host after another, the next only when the last is back: there is always somebody who serves. */
export function restartPlaybook(arch: Arch): Play[] {
  const daemons = rolesIn(arch).filter(isDaemon);
  return daemons.map((role) => ({
    name: `Restart ${role}`,
    hosts: role,
    serial: 1,
    any_errors_fatal: true,
    gather_facts: false,
    tasks: [
      {
        name: `Restart ${role}`,
        'ansible.builtin.systemd': { name: `${role}.service`, state: 'restarted' },
      },
      ...testTasks(role),
    ],
  }));
}

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

export function logsPlaybook(arch: Arch): Play[] {
  return rolesIn(arch).map((role) => rolePlay(role, 'get_logs'));
}

export function backupPlaybook(arch: Arch, { lib, backup, configDir }: Places): Play[] {
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
          { from: '/etc/software-factory', to: 'software-factory' },
          { from: lib, to: 'bootstrap-data' },
          { from: configDir, to: 'config' },
        ],
      },
    ],
  };
  return [own, ...rolesIn(arch).map((role) => rolePlay(role, 'backup'))];
}

function rolesIn(arch: Arch): ManagedRole[] {
  return MANAGED_ROLES.filter((role) => hostsWith(arch, role).length > 0);
}

function inReverse(arch: Arch): ManagedRole[] {
  return rolesIn(arch).reverse();
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
function rolePlay(role: ManagedRole, action: RoleAction, vars: Record<string, unknown> = {}): Play {
  const isHypervisor = role === 'hypervisor-runc';
  return {
    name: HEADINGS[action](role),
    hosts: isHypervisor ? HYPERVISORS : role,
    collections: [COLLECTION],
    any_errors_fatal: !isHypervisor,
    roles: [{ role, role_action: action, ...vars, ...(isHypervisor ? ONLY_THERE : {}) }],
  };
}

const HYPERVISORS = 'hypervisor-runc:install-server';
const ONLY_THERE = { when: "'hypervisor-runc' in group_names" };

/** Of the role's variables; both daemons have those of the role that they share. */
function prefixOf(role: ManagedRole): string {
  return isDaemon(role) ? 'nodepool' : role.replaceAll('-', '_');
}

/** Hypervisors are ready before launchers learn of them; builders come last, since nobody waits for them. */
function setupPlays(roles: readonly ManagedRole[], places: Places): Play[] {
  return [
    ...roles.map((role) => rolePlay(role, 'setup')),
    ...deliverPlays(roles, places),
    ...roles.filter(isDaemon).map((role) => rolePlay(role, 'update')),
  ];
}

const MARKER = '# {mark} hosts of the architecture, written by sfconfig';

/** Hosts that are `remote` keep their own /etc/hosts. */
function namesPlay(): Play {
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

function forgetNamesPlay(): Play {
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

function testPlays(roles: readonly ManagedRole[]): Play[] {
  return roles.map((role) => ({
    name: `Check that ${role} works`,
    hosts: role === 'hypervisor-runc' ? HYPERVISORS : role,
    gather_facts: false,
    tasks: testTasks(role),
  }));
}

/** A second between attempts, as long as a service may need on a busy machine. */
const PATIENCE = { retries: 60, delay: 1 };

function testTasks(role: ManagedRole): Play[] {
  const check = (name: string, argv: string[], until: string): Play => ({
    name,
    'ansible.builtin.command': { argv },
    register: 'sfconfig_check',
    until,
    ...PATIENCE,
    changed_when: false,
    when: 'not ansible_check_mode',
  });
  if (role === 'hypervisor-runc') {
    const runc = check('Check that runC answers', ['runc', 'list', '--quiet'], 'sfconfig_check.rc == 0');
    return [{ ...runc, when: [runc.when, ONLY_THERE.when] }];
  }
  const service = role === 'zookeeper' ? 'zookeeper' : role;
  return [
    check(
      `Check that ${service} runs`,
      ['systemctl', 'is-active', `${service}.service`],
      "sfconfig_check.stdout == 'active'",
    ),
  ];
}
