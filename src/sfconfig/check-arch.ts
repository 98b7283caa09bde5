/** What a JSON Schema cannot see of an architecture. */
import { isIP } from 'node:net';
import type { Document } from '../config/document.ts';
import { didYouMean, quote } from '../config/words.ts';
import type { Problem } from '../errors.ts';
import type { ArchOptions, Host } from './arch.ts';
import { INSTALL_SERVER, isManaged, KNOWN_ROLES } from './known-roles.ts';

type Check = (document: Document, hosts: readonly Host[], problems: Problem[], options: ArchOptions) => void;

/** Adds every mistake to `problems`, and what is accepted but not obvious to `notices`. */
export function checkArch(
  document: Document,
  hosts: readonly Host[],
  options: ArchOptions,
  problems: Problem[],
  notices: string[],
): void {
  if (hosts.length === 0) return; // told by the schema
  for (const check of CHECKS) check(document, hosts, problems, options);
  const others = new Set(hosts.flatMap(({ roles }) => roles).filter(isOther));
  if (others.size > 0) {
    notices.push(
      `these roles are part of the control plane and left alone: ${[...others].sort().join(', ')}`,
    );
  }
  for (const host of hosts.filter(isMixedHypervisor)) {
    if (!options.enableInsecureSlaves) continue;
    notices.push(`${host.hostname}: containers are not isolated from the services on this host`);
  }
}

function isOther(role: string): boolean {
  return KNOWN_ROLES.includes(role) && role !== INSTALL_SERVER && !isManaged(role);
}

const CHECKS: readonly Check[] = [
  checkRoleNames,
  checkAddresses,
  checkInstallServer,
  checkRepeats,
  checkHypervisors,
  checkLaunchers,
  checkZookeepers,
];

function checkRoleNames(document: Document, hosts: readonly Host[], problems: Problem[]): void {
  for (const { hostname, roles, path } of hosts) {
    for (const [index, role] of roles.entries()) {
      if (KNOWN_ROLES.includes(role)) continue;
      const found = `${quote(role)}${didYouMean(role, KNOWN_ROLES)} of host ${quote(hostname)}`;
      problems.push(document.problem([...path, 'roles', index], 'a known role', found));
    }
  }
}

function checkAddresses(document: Document, hosts: readonly Host[], problems: Problem[]): void {
  for (const { name, ip, path } of hosts) {
    if (ip === '') problems.push(document.problem(path, `host '${name}' needs an ip`, 'no such key'));
    else if (isIP(ip) === 0) problems.push(document.problem([...path, 'ip'], 'an IP address', quote(ip)));
  }
}

function checkInstallServer(document: Document, hosts: readonly Host[], problems: Problem[]): void {
  const servers = hosts.filter(({ roles }) => roles.includes(INSTALL_SERVER));
  const expected = 'exactly one host with the role install-server';
  if (servers.length === 0) problems.push(document.problem(['inventory'], expected, 'none'));
  for (const { path } of servers.slice(1)) {
    problems.push(document.problem([...path, 'roles'], expected, 'another one'));
  }
}

/** Two hosts of one name or address would silently become one. */
function checkRepeats(document: Document, hosts: readonly Host[], problems: Problem[]): void {
  for (const key of ['name', 'hostname', 'ip'] as const) {
    const first = new Map<string, Host>();
    for (const host of hosts) {
      const value = host[key];
      if (value === '') continue;
      const earlier = first.get(value.toLowerCase());
      if (!earlier) first.set(value.toLowerCase(), host);
      else if (key !== 'hostname' || host.name !== earlier.name) {
        const found = `${quote(value)}, as host ${quote(earlier.name)} has it`;
        problems.push(
          document.problem(
            [...host.path, key],
            `a${key === 'ip' ? 'n' : ''} ${key} that is used once`,
            found,
          ),
        );
      }
    }
  }
  for (const { roles, path } of hosts) {
    for (const [index, role] of roles.entries()) {
      if (roles.indexOf(role) === index) continue;
      if (role === 'hypervisor-runc') continue; // told by the next check
      problems.push(document.problem([...path, 'roles', index], 'each role once', `${quote(role)} again`));
    }
  }
}

/** runC isolates neither the network nor what listens on it, so a hypervisor is nothing else. */
function checkHypervisors(
  document: Document,
  hosts: readonly Host[],
  problems: Problem[],
  { enableInsecureSlaves }: ArchOptions,
): void {
  for (const { hostname, roles, path } of enableInsecureSlaves ? [] : hosts.filter(isMixedHypervisor)) {
    const others = roles.filter((role, index) => role !== 'hypervisor-runc' || roles.indexOf(role) !== index);
    const expected =
      `hypervisor-runc to be the only role of ${hostname}, which is part of the control plane otherwise ` +
      '(--enable-insecure-slaves is needed to continue)';
    problems.push(document.problem([...path, 'roles'], expected, `also ${others.join(', ')}`));
  }
}

function isMixedHypervisor({ roles }: Host): boolean {
  return roles.includes('hypervisor-runc') && roles.length > 1;
}

function checkLaunchers(document: Document, hosts: readonly Host[], problems: Problem[]): void {
  if (hosts.some(({ roles }) => roles.includes('nodepool-launcher'))) return;
  for (const role of ['hypervisor-runc', 'nodepool-builder']) {
    const host = hosts.find(({ roles }) => roles.includes(role));
    if (!host) continue;
    const expected = `a host with the role nodepool-launcher, which ${role} needs`;
    problems.push(document.problem([...host.path, 'roles'], expected, 'none'));
  }
}

/** An even number of servers tolerates no more failures than one less. */
function checkZookeepers(document: Document, hosts: readonly Host[], problems: Problem[]): void {
  const servers = hosts.filter(({ roles }) => roles.includes('zookeeper'));
  if ([0, 1, 3, 5].includes(servers.length)) return;
  const { path } = servers.at(-1) as Host;
  problems.push(
    document.problem([...path, 'roles'], '1, 3 or 5 hosts with the role zookeeper', `${servers.length}`),
  );
}
