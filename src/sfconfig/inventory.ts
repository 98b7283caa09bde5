/** Ansible's inventory, and the names by which hosts know each other. */
import { hostsWith, type Arch, type Host } from './arch.ts';
import { INSTALL_SERVER, MANAGED_ROLES } from './known-roles.ts';

/** INI: one section for each role in the order in which the file has them, then `nodepool`. */
export function renderInventory(arch: Arch): string {
  const roles = [...new Set(arch.hosts.flatMap(({ roles }) => roles))];
  const sections = roles.map((role) => renderSection(role, hostsWith(arch, role)));
  const nodepool = hostsWith(arch, 'nodepool-launcher', 'nodepool-builder');
  if (nodepool.length > 0) sections.push(renderSection('nodepool', nodepool));
  sections.push(renderSection('managed', hostsWith(arch, INSTALL_SERVER, ...MANAGED_ROLES)));
  return ['# Written by sfconfig from the architecture; changes made here are lost.\n', ...sections].join(
    '\n',
  );
}

function renderSection(name: string, hosts: readonly Host[]): string {
  return `[${name}]\n${hosts.map((host) => `${renderHost(host)}\n`).join('')}`;
}

function renderHost({ name, hostname, ip, roles }: Host): string {
  const connection = roles.includes(INSTALL_SERVER) ? 'ansible_connection=local' : `ansible_host=${ip}`;
  return `${hostname} ${connection} nodepool_name=${name}`;
}

/** Roles that several hosts may have: none of them is called by the role's name. */
const SCALABLE = [
  'zuul',
  'zuul-merger',
  'zuul-executor',
  'nodepool-launcher',
  'nodepool-builder',
  'hypervisor-runc',
];

/**
 * Lines of /etc/hosts, sorted by address: `10.0.0.2 hv1.sftests.com hv1`, then the operator's own. A role that one host
 * has is an alias of it.
 */
export function renderHostsLines(
  arch: Arch,
  fqdn: string,
  staticHostnames: readonly string[] = [],
): string[] {
  const lines = arch.hosts.map((host) => {
    const aliases = host.roles
      .filter((role) => !SCALABLE.includes(role) && hostsWith(arch, role).length === 1)
      .flatMap((role) => (role === 'gateway' ? [fqdn] : []).concat(role, `${role}.${fqdn}`));
    const names = [host.name, ...aliases.sort()].filter((name) => name !== host.hostname);
    return [host.ip, host.hostname, ...new Set(names)].join(' ');
  });
  return [...lines.sort(), ...staticHostnames];
}
