/** A hypervisor for tests: this machine, with directories, ports and a user of its own, and nothing left at the end. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { systemClock } from '../../../src/clock.ts';
import type { PoolConfig, PoolLabel, ProviderConfig } from '../../../src/config/config.ts';
import type { Instance, LaunchSpec, Provider } from '../../../src/driver/driver.ts';
import { reasonOf } from '../../../src/errors.ts';
import { createLogger, type LogEvent, type Logger } from '../../../src/log.ts';
import { createRuncDriver } from '../../../src/runc/driver.ts';
import type { RuncSettings } from '../../../src/runc/provider.ts';
import { claimPortRange } from '../../support/port-range.ts';
import { makeKey, type TestKey } from '../../support/ssh-keys.ts';
import { startSshd } from '../../support/sshd.ts';

type Options = Record<string, unknown>;

export interface OpenOptions {
  /** By label name; each gets the test's user. Default one label, `debian`. */
  labels?: Record<string, Options>;
  pool?: Options;
  poolName?: string;
  provider?: Options;
  providerName?: string;
  settings?: Partial<RuncSettings>;
  bootTimeoutMs?: number;
}

/** How a launcher may reach its hypervisor: the options for it. */
export const WAYS: Record<string, (t: Test, world: World) => OpenOptions | Promise<OpenOptions>> = {
  'on this machine': () => ({}),
  'over SSH': async (t, world) => {
    const server = await startSshd(t);
    return {
      poolName: server.host,
      pool: { connection: 'ssh', 'ssh-port': server.port, 'host-key': server.hostKeys },
      provider: { 'ssh-key': server.clientKeyFile, 'known-hosts': join(world.directory, 'known_hosts') },
    };
  },
};

export interface Opened {
  provider: Provider;
  config: ProviderConfig;
  pool: PoolConfig;
  events: LogEvent[];
  /** Resolves when the hypervisor is connected, or says why it is not. */
  connected(label?: string): Promise<string | undefined>;
  launch(label?: string, more?: Partial<LaunchSpec> & { signal?: AbortSignal }): Promise<Instance>;
  spec(label?: string, more?: Partial<LaunchSpec>): LaunchSpec;
  close(): Promise<void>;
}

export interface World {
  base: string;
  paths: RuncSettings['paths'];
  user: string;
  key: TestKey;
  keyFile: string;
  directory: string;
  /** A range of ports that no other test uses. */
  ports: { first: number; last: number };
  open(options?: OpenOptions): Opened;
  /** Runs a command in the container as the user, with its recorded key as the only known host key. */
  ssh(
    instance: Instance,
    command: string,
    more?: string[],
  ): Promise<{ code: number; stdout: string; stderr: string }>;
  /** What is there of this world's containers: directories, mounts, containers, processes, cgroups, ports. */
  leftovers(): string[];
  nodeId(): string;
}

/** Why nothing of this can run here; false when it can. */
export function runcMissing(): string | false {
  if (process.getuid?.() !== 0) return 'needs root to run containers';
  for (const [program, argument] of [
    ['runc', '--version'],
    ['ssh', '-V'],
  ] as const) {
    if (spawnSync(program, [argument]).error) return `needs ${program}`;
  }
  if (!existsSync('/usr/sbin/sshd')) return 'needs /usr/sbin/sshd (package openssh-server)';
  return false;
}

export function makeWorld(t: Test): World {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'nodepool-runc-'));
  const paths = {
    base: join(directory, 'runc'),
    hostRootfs: join(directory, 'host-rootfs'),
    run: '/run/runc',
  };
  const user = `np-test-${process.pid}-${randomInt(1000)}`;
  const prefix = String(randomInt(10 ** 9)).padStart(9, '0');
  const ports = claimPortRange();
  const key = makeKey();
  const keyFile = join(directory, 'key');
  const providers: Provider[] = [];
  let nodes = 0;

  writeFileSync(keyFile, key.private, { mode: 0o600 });
  addUser(user, key.public);
  t.teardown(async () => {
    await Promise.all(providers.map((provider) => provider.close(AbortSignal.timeout(5000))));
    removeAll(directory, prefix);
    ports.release();
    spawnSync('userdel', ['--force', '--remove', user]);
  });

  const world: World = {
    base: paths.base,
    paths,
    user,
    key,
    keyFile,
    directory,
    ports,
    nodeId: () => `${prefix}${(nodes += 1)}`,

    open(options = {}) {
      const opened = openProvider(world, options);
      providers.push(opened.provider);
      return opened;
    },

    async ssh(instance, command, more = []) {
      const knownHosts = join(directory, `known-${instance.externalId}`);
      const place = `[${instance.interfaceIp}]:${instance.connectionPort}`;
      writeFileSync(knownHosts, (instance.hostKeys ?? []).map((line) => `${place} ${line}\n`).join(''));
      const args = [
        ...[
          '-F',
          'none',
          '-i',
          keyFile,
          '-p',
          String(instance.connectionPort),
          '-l',
          instance.username ?? '',
        ],
        ...[
          '-o',
          `UserKnownHostsFile=${knownHosts}`,
          '-o',
          'StrictHostKeyChecking=yes',
          '-o',
          'BatchMode=yes',
        ],
        ...['-o', 'IdentitiesOnly=yes', '-o', 'ConnectTimeout=20', '-o', 'LogLevel=ERROR'],
        ...more,
        instance.interfaceIp ?? '',
        command,
      ];
      const result = await run('ssh', args);
      if (result.code !== 255) return result;
      const log = join(paths.base, instance.externalId, 'sshd.log');
      return { ...result, stderr: `${result.stderr}${existsSync(log) ? readFileSync(log, 'utf8') : ''}` };
    },

    leftovers: () => leftovers(paths.base, prefix),
  };
  return world;
}

function openProvider(world: World, options: OpenOptions): Opened {
  const { labels = { debian: {} }, poolName = 'here', providerName = 'runc-farm', settings = {} } = options;
  const poolLabels = new Map<string, PoolLabel>();
  for (const [name, own] of Object.entries(labels)) {
    poolLabels.set(name, { name, options: { username: world.user, ...own } });
  }
  const pool: PoolConfig = {
    name: poolName,
    provider: providerName,
    priority: 100,
    maxServers: undefined,
    limits: {},
    ignoreProviderQuota: false,
    nodeAttributes: null,
    hostKeyChecking: true,
    labels: poolLabels,
    options: {
      connection: 'local',
      'port-range': `${world.ports.first}-${world.ports.last}`,
      ...options.pool,
    },
  };
  const config: ProviderConfig = {
    name: providerName,
    driver: 'runc',
    maxConcurrency: undefined,
    launchRetries: 1,
    launchTimeoutMs: 60_000,
    bootTimeoutMs: options.bootTimeoutMs ?? 20_000,
    pools: new Map([[poolName, pool]]),
    options: { ...options.provider },
  };
  const events: LogEvent[] = [];
  const log = createLogger(
    { enabled: () => true, write: (event) => void events.push(event) },
    'nodepool.driver.runc',
  );
  let changed: (() => void)[] = [];
  const onChange = () => {
    const waiting = changed;
    changed = [];
    for (const wake of waiting) wake();
  };
  const driver = createRuncDriver({ paths: world.paths, consolePort: undefined, ...settings });
  const provider = driver.open(config, { log, clock: systemClock, onChange });
  const labelOf = (name = 'debian') => poolLabels.get(name) ?? { name, options: { username: world.user } };

  const opened: Opened = {
    provider,
    config,
    pool,
    events,
    async connected(label) {
      for (;;) {
        const unready = provider.unready(pool, labelOf(label));
        if (unready === undefined) return undefined;
        if (!unready.reason.startsWith('connecting')) return unready.reason;
        await new Promise<void>((resolve) => changed.push(resolve));
      }
    },
    spec: (label, more = {}) => ({
      nodeId: world.nodeId(),
      requestId: '200-0000000017',
      attempt: 1,
      pool,
      label: labelOf(label),
      tenantName: null,
      ...more,
    }),
    launch: (label, { signal = AbortSignal.timeout(60_000), ...more } = {}) =>
      launch(provider, opened.spec(label, more), signal, log),
    close: () => provider.close(AbortSignal.timeout(5000)),
  };
  return opened;
}

function launch(provider: Provider, spec: LaunchSpec, signal: AbortSignal, log: Logger): Promise<Instance> {
  if (!provider.launch) throw new Error('the runC driver launches');
  return provider.launch(spec, { signal, log, onExternalId: () => Promise.resolve() });
}

/** The message of what an operation throws. */
export async function failureOf(operation: Promise<unknown>): Promise<string> {
  try {
    await operation;
    return 'no failure';
  } catch (error) {
    return reasonOf(error);
  }
}

export async function run(
  program: string,
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, {
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string };
    return { code: typeof code === 'number' ? code : -1, stdout, stderr: stderr || reasonOf(error) };
  }
}

function addUser(user: string, publicKey: string): void {
  // Another test may hold the lock of /etc/passwd.
  for (let attempt = 1; ; attempt += 1) {
    const { status, stderr } = spawnSync('useradd', ['-m', user], { encoding: 'utf8' });
    if (status === 0) break;
    if (attempt === 20) throw new Error(`useradd: ${stderr}`);
    execFileSync('sleep', ['0.1']);
  }
  mkdirSync(`/home/${user}/.ssh`, { recursive: true });
  writeFileSync(`/home/${user}/.ssh/authorized_keys`, `${publicKey}\n`);
}

function leftovers(base: string, prefix: string): string[] {
  const names = (directory: string) => (existsSync(directory) ? readdirSync(directory) : []);
  const bundles = names(base).filter((name) => !name.startsWith('.'));
  const ports = names(join(base, '.ports')).map((name) => `port ${name}`);
  const containers = names('/run/runc').filter((name) => name.startsWith(prefix));
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => (line.includes(` ${base}/`) ? [`mount ${line.split(' ')[4]}`] : []));
  return [
    ...bundles,
    ...ports,
    ...containers,
    ...mounts,
    ...processes(base, prefix),
    ...cgroups(prefix),
  ].sort();
}

/** Those that mention the world's directory or one of its containers. */
function processes(base: string, prefix: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      // A zombie waits for the first process of this machine, which is not ours to answer for.
      if (/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))) return [];
      const cgroup = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
      return command.includes(`${base}/${prefix}`) || cgroup.includes(`/${prefix}`)
        ? [`process ${command}`]
        : [];
    } catch {
      return [];
    }
  });
}

function cgroups(prefix: string): string[] {
  const { stdout } = spawnSync('find', ['/sys/fs/cgroup', '-type', 'd', '-name', `${prefix}*`], {
    encoding: 'utf8',
  });
  return stdout.split('\n').flatMap((path) => (path === '' ? [] : [`cgroup ${path}`]));
}

/** Whatever a failed test has left. Nothing is removed below a mount. */
function removeAll(directory: string, prefix: string): void {
  const console = join(directory, 'runc/.console.pid');
  if (existsSync(console)) spawnSync('kill', [readFileSync(console, 'utf8').split(' ')[0] ?? '']);
  for (const id of existsSync('/run/runc') ? readdirSync('/run/runc') : []) {
    if (id.startsWith(prefix)) spawnSync('runc', ['delete', '--force', id]);
  }
  const mounts = () =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
      .filter((path) => path.startsWith(`${directory}/`));
  for (const path of mounts().reverse()) spawnSync('umount', ['--lazy', path]);
  if (mounts().length === 0) rmSync(directory, { recursive: true, force: true });
}
