/** The architecture: which host has which roles. Read from arch.yaml and checked as a whole. */
import type { Problem } from '../errors.ts';
import type { Document } from '../config/document.ts';
import { asMapping, mappingsOf } from '../config/plain.ts';
import type { Schema } from '../config/schema.ts';
import { validate } from '../config/validate.ts';
import { nearest, quote, type Path } from '../config/words.ts';
import { checkArch } from './check-arch.ts';
import { currentName, INSTALL_SERVER } from './known-roles.ts';

export interface Arch {
  description: string;
  /** In the order of the file. */
  hosts: readonly Host[];
}

export interface Host {
  /** Short: `hv1`. */
  name: string;
  /** Full: `hv1.sftests.com`; what Ansible and Nodepool call it. */
  hostname: string;
  ip: string;
  roles: readonly string[];
  /** On a network of its own: its /etc/hosts is left alone. */
  remote: boolean;
  /** Containers at once, on a hypervisor. */
  maxServers: number;
  publicUrl: string | undefined;
  /** Where it stands in the file. */
  path: Path;
}

export interface ArchOptions {
  /** Domain of hosts without `hostname`. */
  fqdn: string;
  /** Address of this machine, for the install-server without `ip`; undefined when it has none. */
  localIp: string | undefined;
  /** Allows `hypervisor-runc` beside other roles. */
  enableInsecureSlaves: boolean;
}

export interface ReadArch {
  arch: Arch;
  problems: readonly Problem[];
  /** What people should know, though it is fine. */
  notices: readonly string[];
}

/** Never throws; the architecture is complete only when there are no problems. */
export async function readArch(document: Document, options: ArchOptions): Promise<ReadArch> {
  const problems: Problem[] = [...document.problems];
  const notices: string[] = [];
  const arch = { description: '', hosts: [] };
  if (problems.length > 0) return { arch, problems, notices };
  for (const { path, expected, found } of await validate(archSchema, document.value ?? {})) {
    problems.push(document.problem(path, expected, found));
  }
  const value = asMapping(document.value) ?? {};
  const sections = mappingsOf(value.inventory);
  const hosts = sections.map(([index, section]) => readHost(section, ['inventory', index], options));
  for (const [index, section] of sections)
    notices.push(...noticeKeys(document, section, ['inventory', index]));
  const renamed = renameRoles(hosts, notices);
  const complete = addZookeeper(renamed, notices);
  checkArch(document, complete, options, problems, notices);
  return {
    arch: { description: typeof value.description === 'string' ? value.description : '', hosts: complete },
    problems: problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
    notices,
  };
}

const hostLabel: Schema = {
  type: 'string',
  pattern: '^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$',
  expected: 'a host name (letters, digits and "-")',
};
const fullName: Schema = {
  type: 'string',
  pattern: '^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$',
  maxLength: 253,
  expected: 'a full host name (letters, digits, "-" and ".")',
};

const HOST_KEYS = {
  name: hostLabel,
  hostname: fullName,
  ip: { type: 'string', expected: 'an IP address' },
  roles: { type: 'array', items: { type: 'string' }, minItems: 1, expected: 'a list of roles' },
  public_url: { type: 'string', pattern: '^https?://', expected: 'an http or https address' },
  remote: { type: 'boolean' },
  'max-servers': { type: 'integer', minimum: 1 },
} satisfies Record<string, Schema>;

const archSchema: Schema = {
  type: 'object',
  properties: {
    description: { type: ['string', 'null'], expected: 'a string' },
    inventory: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        properties: HOST_KEYS,
        required: ['roles'],
        anyOf: [{ required: ['name'] }, { required: ['hostname'] }],
      },
    },
  },
  required: ['inventory'],
};

const DEFAULT_MAX_SERVERS = 10;

/** Whatever is wrong is told elsewhere; here it becomes a harmless value. */
function readHost(section: Record<string, unknown>, path: Path, { fqdn, localIp }: ArchOptions): Host {
  const text = (key: string) => (typeof section[key] === 'string' ? section[key] : undefined);
  const name = text('name') ?? text('hostname')?.split('.')[0] ?? '';
  const roles = Array.isArray(section.roles) ? section.roles.filter((role) => typeof role === 'string') : [];
  const maxServers = section['max-servers'];
  return {
    name,
    hostname: text('hostname') ?? (name === '' ? '' : `${name}.${fqdn}`),
    ip: text('ip') ?? (roles.includes(INSTALL_SERVER) ? (localIp ?? '') : ''),
    roles,
    remote: section.remote === true,
    maxServers: typeof maxServers === 'number' ? maxServers : DEFAULT_MAX_SERVERS,
    publicUrl: text('public_url')?.replace(/\/+$/, ''),
    path,
  };
}

/** Other keys mean nothing, and always have been allowed; a misspelt one is told. */
function noticeKeys(document: Document, section: Record<string, unknown>, path: Path): string[] {
  const known = Object.keys(HOST_KEYS);
  return Object.keys(section).flatMap((key) => {
    const meant = known.includes(key) ? undefined : nearest(key, known);
    if (!meant) return [];
    const line = document.lineOf([...path, key]) ?? 1;
    return [`${document.source.file}:${line}: ${quote(key)} means nothing here; ${quote(meant)} does`];
  });
}

function renameRoles(hosts: readonly Host[], notices: string[]): Host[] {
  return hosts.map((host) => {
    const roles = host.roles.map((role) => {
      const name = currentName(role);
      if (name !== role) notices.push(`${host.hostname}: the role ${role} is called ${name} now`);
      return name;
    });
    return { ...host, roles };
  });
}

/** A launcher or builder needs ZooKeeper; where no host has it, the install-server gets it. */
function addZookeeper(hosts: readonly Host[], notices: string[]): Host[] {
  const has = (...roles: string[]) => hosts.some((host) => roles.some((role) => host.roles.includes(role)));
  if (!has('nodepool-launcher', 'nodepool-builder') || has('zookeeper')) return [...hosts];
  return hosts.map((host) => {
    if (!host.roles.includes(INSTALL_SERVER)) return host;
    notices.push(`${host.hostname}: adding the missing role zookeeper`);
    return { ...host, roles: [...host.roles, 'zookeeper'] };
  });
}

/** The hosts that have the role, in the order of the file. */
export function hostsWith(arch: Arch, ...roles: string[]): Host[] {
  return arch.hosts.filter((host) => roles.some((role) => host.roles.includes(role)));
}

export function installServer(arch: Arch): Host {
  const [host] = hostsWith(arch, INSTALL_SERVER);
  if (!host) throw new Error('an architecture without install-server was accepted');
  return host;
}
