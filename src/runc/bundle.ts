/**
 * The container's config.json (OCI runtime specification 1.0.2), rendered from plain values. What `runc` makes of it is
 * the whole separation between a job and its hypervisor; docs/security.md says what that is.
 */
import { posix } from 'node:path';
import { seccompProfile } from './seccomp.ts';

/** Where everything of the driver lies on a hypervisor. */
export interface HypervisorPaths {
  /** `/var/lib/nodepool/runc`: one directory for each container. */
  base: string;
  /** `/srv/host-rootfs`: private, read-only bind mount of `/`. */
  hostRootfs: string;
  /** `/run/runc`: runc's own state. */
  run: string;
}

export const DEFAULT_PATHS: HypervisorPaths = {
  base: '/var/lib/nodepool/runc',
  hostRootfs: '/srv/host-rootfs',
  run: '/run/runc',
};

/** What the agent found out about a label's rootfs. */
export interface RootfsFacts {
  /** `/usr/sbin/sshd` */
  sshd: string;
  /** Directories that exist in it, of those which matter: `/home`, `/var/log`, … */
  has: ReadonlySet<string>;
}

export interface Limits {
  memoryBytes?: number;
  cpus?: number;
  pids: number;
}

export interface BundleSpec {
  id: string;
  paths: HypervisorPaths;
  /** The label's rootfs on the hypervisor; `/` is the hypervisor's own. */
  path: string;
  rootfs: RootfsFacts;
  /** A writable layer of its own over the rootfs. */
  overlay: boolean;
  /** May programs such as sudo gain privileges? */
  sudo: boolean;
  homeDir: string;
  /** Where Zuul's modules write the output of tasks. */
  consoleDir: string;
  limits: Limits;
  /** More paths of the rootfs that jobs must not see. */
  hiddenPaths: readonly string[];
  annotations: Readonly<Record<string, string>>;
  /** `uname -m` of the hypervisor. */
  architecture: string;
  /** The hypervisor's own limit, above which runC could not go everywhere. */
  maxOpenFiles: number;
}

export interface Mount {
  destination: string;
  type: string;
  source: string;
  options: string[];
}

/**
 * What sshd itself needs: other users, their terminals, a place without files for its unprivileged half, and the audit
 * record without which it lets nobody have a terminal.
 */
const SSHD_CAPABILITIES = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
];
/** What sudo and installing packages need on top. Nothing that reaches the network or devices of the hypervisor. */
const SUDO_CAPABILITIES = ['CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_SETFCAP', 'CAP_SETPCAP'];

/** Windows into the kernel that show or change the hypervisor. */
const MASKED = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];
const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** Places on a usual hypervisor that hold secrets, for containers whose rootfs is the hypervisor's. Absent ones are skipped. */
const HOST_SECRETS = [
  '/boot',
  '/etc/NetworkManager/system-connections',
  '/etc/krb5.keytab',
  '/etc/nodepool',
  '/etc/pki/tls/private',
  '/etc/wireguard',
  '/etc/zuul',
  '/var/lib/nodepool',
  '/var/lib/private',
  '/var/lib/zuul',
];
/** The same, but packages that a job installs into its own copy want to write there. */
const WRITABLE_SECRETS = ['/etc/ssl/private', '/var/backups', '/var/log', '/var/spool/cron'];

const OPEN_FILES = 65536;

/** The whole config.json, with sshd on the given port. */
export function renderBundle(spec: BundleSpec, port: string) {
  const capabilities = spec.sudo ? [...SSHD_CAPABILITIES, ...SUDO_CAPABILITIES].sort() : SSHD_CAPABILITIES;
  const openFiles = Math.min(OPEN_FILES, spec.maxOpenFiles);
  const seccomp = seccompProfile(spec.architecture);
  return {
    ociVersion: '1.0.2',
    hostname: spec.id,
    annotations: spec.annotations,
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: [spec.rootfs.sshd, '-D', '-e', '-f', '/etc/ssh/sshd_config', '-p', port],
      env: [
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'TERM=xterm',
        'HOME=/root',
        'LANG=C.UTF-8',
      ],
      cwd: '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      rlimits: [{ type: 'RLIMIT_NOFILE', soft: openFiles, hard: openFiles }],
      noNewPrivileges: !spec.sudo,
    },
    // The agent mounts it: the label's rootfs, below a layer with the files that are the container's own.
    root: { path: `${bundleDir(spec)}/rootfs`, readonly: !spec.overlay },
    mounts: mountsOf(spec),
    linux: {
      namespaces: ['pid', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
      rootfsPropagation: 'rprivate',
      resources: resourcesOf(spec.limits),
      maskedPaths: [...MASKED, ...hiddenPathsOf(spec)],
      readonlyPaths: READ_ONLY,
      ...(seccomp === undefined ? {} : { seccomp }),
    },
  };
}

/**
 * The text of config.json as the parts before and behind the port, for the agent, which knows the port only when it has
 * reserved one.
 */
export function renderBundleAroundPort(spec: BundleSpec): [string, string] {
  const marker = '@port@';
  const [head, tail, ...more] = JSON.stringify(renderBundle(spec, marker), null, 2).split(marker);
  if (head === undefined || tail === undefined || more.length > 0) {
    throw new Error(`config.json must name the port once; is ${marker} part of a path?`);
  }
  return [head, tail];
}

function bundleDir({ paths, id }: BundleSpec): string {
  return posix.join(paths.base, id);
}

function resourcesOf({ memoryBytes, cpus, pids }: Limits): object {
  return {
    devices: [{ allow: false, access: 'rwm' }],
    pids: { limit: pids },
    ...(memoryBytes === undefined ? {} : { memory: { limit: memoryBytes } }),
    ...(cpus === undefined ? {} : { cpu: { period: 100_000, quota: Math.round(cpus * 100_000) } }),
  };
}

function hiddenPathsOf({ path, overlay, hiddenPaths }: BundleSpec): string[] {
  if (path !== '/') return [...hiddenPaths];
  return [...HOST_SECRETS, ...(overlay ? [] : WRITABLE_SECRETS), ...hiddenPaths];
}

/** In the order in which they are made: what lies inside another one comes after it. */
function mountsOf(spec: BundleSpec): Mount[] {
  const { homeDir, consoleDir, overlay, rootfs } = spec;
  const own = bundleDir(spec);
  const hostFiles = spec.path === '/';
  return [
    virtual('/proc', 'proc', ['nosuid', 'noexec', 'nodev']),
    virtual('/dev', 'tmpfs', ['nosuid', 'noexec', 'strictatime', 'mode=755', 'size=65536k']),
    virtual('/dev/pts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']),
    virtual('/dev/shm', 'tmpfs', ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k']),
    virtual('/dev/mqueue', 'mqueue', ['nosuid', 'noexec', 'nodev']),
    virtual('/sys', 'sysfs', ['nosuid', 'noexec', 'nodev', 'ro']),
    virtual('/sys/fs/cgroup', 'cgroup', ['nosuid', 'noexec', 'nodev', 'relatime', 'ro']),
    // Sockets of the hypervisor's services live in /run, and so does the empty directory that sshd wants.
    virtual('/run', 'tmpfs', ['nosuid', 'nodev', 'mode=755', 'size=65536k']),
    virtual('/run/lock', 'tmpfs', ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=5120k']),
    virtual('/run/sshd', 'tmpfs', ['nosuid', 'noexec', 'nodev', 'mode=755', 'size=4k', 'ro']),
    bind('/tmp', `${own}/tmp`, ['nosuid', 'nodev']),
    bind('/var/tmp', `${own}/vartmp`, ['nosuid', 'nodev']),
    ...(hostFiles && rootfs.has.has('/home')
      ? [virtual('/home', 'tmpfs', ['nosuid', 'nodev', 'mode=755', 'size=64k'])]
      : []),
    ...(hostFiles && overlay ? WRITABLE_SECRETS : [])
      .filter((path) => rootfs.has.has(path))
      .map((path) => virtual(path, 'tmpfs', ['nosuid', 'noexec', 'nodev', 'mode=755', 'size=65536k'])),
    bind(homeDir, `${own}/homedir`, ['nosuid', 'nodev']),
    bind('/root', `${own}/root`, ['nosuid', 'nodev']),
    bind('/etc/ssh', `${own}/ssh`, ['nosuid', 'nodev', 'noexec', ...(overlay ? [] : ['ro'])]),
    ...(consoleDir === '/tmp' ? [] : [bind(consoleDir, `${own}/console`, ['nosuid', 'nodev'])]),
  ];
}

function virtual(destination: string, type: string, options: string[]): Mount {
  return { destination, type, source: type, options };
}

function bind(destination: string, source: string, options: string[]): Mount {
  return { destination, type: 'bind', source, options: ['bind', ...options] };
}
