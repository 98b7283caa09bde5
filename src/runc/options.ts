/** What a runC provider section may say, and its values in the form in which the driver uses them. */
import type { PoolConfig, PoolLabel, ProviderConfig } from '../config/config.ts';
import { isHost } from '../config/host.ts';
import {
  absolutePath,
  delaySeconds,
  flag,
  port,
  positiveInteger,
  providerSchema,
  stringOrStrings,
  text,
  type Schema,
} from '../config/schema.ts';
import type { ReportProblem } from '../driver/driver.ts';
import {
  checkHostKeys,
  readHostKeys,
  readRootLogin,
  ROOT_LOGIN_KEYS,
  type RootLogin,
} from '../driver/root-login.ts';
import type { Limits } from './bundle.ts';
import { parsePortRange, type PortRange } from './port-hints.ts';

const DEFAULT_PORTS: PortRange = { first: 22022, last: 65535 };
const DEFAULT_PIDS = 4096;
/** Less than this, and runc itself does not fit. */
const LEAST_MEMORY_BYTES = 16 * 1024 ** 2;

const size: Schema = {
  anyOf: [{ type: 'integer', minimum: 1 }, { type: 'string' }],
  expected: 'a number of MiB, or a size such as 512M or 2G',
};
const paths: Schema = { type: 'array', items: absolutePath, expected: 'a list of absolute paths' };

export const runcSchema = providerSchema({
  provider: {
    'zuul-console-dir': absolutePath,
    ...ROOT_LOGIN_KEYS,
    'keep-failed-bundles': delaySeconds,
  },
  pool: {
    'host-key': stringOrStrings,
    'ssh-port': port,
    address: text,
    connection: { type: 'string', enum: ['ssh', 'local'] },
    'rw-overlay': flag,
    'port-range': text,
  },
  label: {
    path: absolutePath,
    username: text,
    'home-dir': absolutePath,
    'rw-overlay': flag,
    'rw-overlay-size': size,
    sudo: flag,
    memory: size,
    cpus: { type: 'number', exclusiveMinimum: 0, expected: 'a number of CPUs above 0' },
    pids: positiveInteger,
    'hidden-paths': paths,
  },
  requires: { provider: ['pools'], pool: ['labels'] },
});

export interface ProviderOptions extends RootLogin {
  /** `/tmp`, without a `/` at its end. */
  consoleDir: string;
  keepFailedSeconds: number;
}

export interface PoolOptions {
  name: string;
  local: boolean;
  sshPort: number;
  /** Given to jobs instead of the pool's resolved name. */
  address: string | undefined;
  /** `['ssh-ed25519 AAAAC3Nz…']`; empty: known hosts decide. */
  hostKeys: readonly string[];
  ports: PortRange;
}

export interface LabelOptions {
  name: string;
  path: string;
  username: string;
  homeDir: string;
  overlay: boolean;
  /** For mount(8): `2147483648`; undefined: a directory of the bundle. */
  overlaySize: number | undefined;
  sudo: boolean;
  limits: Limits;
  hiddenPaths: readonly string[];
}

export function readProviderOptions({ options }: Pick<ProviderConfig, 'options'>): ProviderOptions {
  return {
    ...readRootLogin(options),
    consoleDir: withoutSlash((options['zuul-console-dir'] as string | undefined) ?? '/tmp'),
    keepFailedSeconds: Math.round((options['keep-failed-bundles'] as number | undefined) ?? 0),
  };
}

export function readPoolOptions({ name, options }: Pick<PoolConfig, 'name' | 'options'>): PoolOptions {
  const range = options['port-range'] as string | undefined;
  return {
    name,
    local: options['connection'] === 'local',
    sshPort: (options['ssh-port'] as number | undefined) ?? 22,
    address: options['address'] as string | undefined,
    hostKeys: readHostKeys(options),
    ports: (range === undefined ? undefined : parsePortRange(range)) ?? DEFAULT_PORTS,
  };
}

export function readLabelOptions(pool: Pick<PoolConfig, 'options'>, label: PoolLabel): LabelOptions {
  const { options } = label;
  const username = (options['username'] as string | undefined) ?? 'zuul';
  const overlay = (options['rw-overlay'] ?? pool.options['rw-overlay'] ?? false) as boolean;
  const memoryBytes = sizeInBytes(options['memory']);
  const cpus = options['cpus'] as number | undefined;
  return {
    name: label.name,
    path: withoutSlash((options['path'] as string | undefined) ?? '/'),
    username,
    homeDir: withoutSlash((options['home-dir'] as string | undefined) ?? `/home/${username}`),
    overlay,
    overlaySize: overlay ? sizeInBytes(options['rw-overlay-size']) : undefined,
    sudo: (options['sudo'] as boolean | undefined) ?? overlay,
    limits: {
      pids: (options['pids'] as number | undefined) ?? DEFAULT_PIDS,
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      ...(cpus === undefined ? {} : { cpus }),
    },
    hiddenPaths: (options['hidden-paths'] as string[] | undefined) ?? [],
  };
}

/** `2G` → 2147483648, `512` → 512 MiB; undefined when it is no size. */
export function sizeInBytes(value: unknown): number | undefined {
  const found = /^(\d+)([KMGT]?)(?:i?B)?$/i.exec(String(value));
  if (found === null) return undefined;
  const power = ['K', 'M', 'G', 'T'].indexOf((found[2] || 'M').toUpperCase()) + 1;
  return Number(found[1]) * 1024 ** power;
}

/** What the schema cannot say: keys, ranges and sizes that parse, paths that a mount command takes. */
export function checkOptions(config: ProviderConfig, report: ReportProblem): void {
  let poolIndex = -1;
  for (const pool of config.pools.values()) {
    poolIndex += 1;
    const at = `pools[${poolIndex}]`;
    checkPool(pool, at, report);
    let labelIndex = -1;
    for (const label of pool.labels.values()) {
      labelIndex += 1;
      checkLabel(label, `${at}.labels[${labelIndex}]`, report);
    }
  }
}

function checkPool({ name, options }: PoolConfig, at: string, report: ReportProblem): void {
  const address = options['address'] as string | undefined;
  if (options['connection'] !== 'local' && !isHost(name))
    report(`${at}.name`, 'the name or address of a hypervisor', quote(name));
  if (address !== undefined && !isHost(address))
    report(`${at}.address`, 'a host name or address', quote(address));
  checkHostKeys(options, `${at}.host-key`, report);
  const range = options['port-range'] as string | undefined;
  if (range !== undefined && parsePortRange(range) === undefined) {
    report(`${at}.port-range`, 'two ports from 1024 to 65535 such as "22022-65535"', quote(range));
  }
}

function checkLabel({ options }: PoolLabel, at: string, report: ReportProblem): void {
  for (const key of ['memory', 'rw-overlay-size']) {
    const value = options[key];
    if (value === undefined) continue;
    const bytes = sizeInBytes(value);
    if (bytes === undefined)
      report(`${at}.${key}`, 'a number of MiB, or a size such as 512M or 2G', quote(value));
    else if (bytes < LEAST_MEMORY_BYTES) report(`${at}.${key}`, 'at least 16M', quote(value));
  }
  for (const key of ['path', 'home-dir']) {
    const value = options[key] as string | undefined;
    if (value !== undefined && !isPlainPath(value)) {
      report(`${at}.${key}`, 'a path without "..", white space or any of : , \\ @', quote(value));
    }
  }
  if ((options['hidden-paths'] as string[] | undefined)?.some((path) => withoutSlash(path) === '/'))
    report(`${at}.hidden-paths`, 'directories below "/"', '"/" itself');
  const path = options['path'] as string | undefined;
  if (path !== undefined && /^\/var\/lib\/nodepool\/runc(\/|$)/.test(path)) {
    report(
      `${at}.path`,
      "a directory outside /var/lib/nodepool/runc, where other nodes' files are",
      quote(path),
    );
  }
  const username = options['username'] as string | undefined;
  if (username !== undefined && !/^[A-Za-z_][\w.-]*$/.test(username)) {
    report(`${at}.username`, 'the name of a user', quote(username));
  } else if (username === 'root') {
    report(`${at}.username`, 'an ordinary user; containers let nobody in as root', quote(username));
  }
}

function isPlainPath(path: string): boolean {
  return !/[\s:,\\@]/.test(path) && !path.split('/').includes('..');
}

function withoutSlash(path: string): string {
  return path.replace(/\/+$/, '') || '/';
}

function quote(value: unknown): string {
  return JSON.stringify(value);
}
