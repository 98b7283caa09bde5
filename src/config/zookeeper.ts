/** The sections `zookeeper-servers`, `zookeeper-tls` and `zookeeper-timeout`. */
import type { Problem } from '../errors.ts';
import type { ZookeeperConfig } from './config.ts';
import type { Document } from './document.ts';
import { isHost } from './host.ts';
import { asMapping, isEmpty } from './plain.ts';
import { didYouMean, quote, type Path } from './words.ts';

const DEFAULT_TIMEOUT_S = 10;

/** The ZooKeeper servers; undefined when there are none. */
export function readZookeeper(
  serversFrom: Document,
  tlsFrom: Document,
  main: Document,
  problems: Problem[],
): ZookeeperConfig | undefined {
  const tls = readTls(tlsFrom, problems);
  const sessionTimeoutMs = readTimeout(main, problems) * 1000;
  const { servers, chroot } = readServers(serversFrom, tls ? 2281 : 2181, problems);
  return servers.length === 0 ? undefined : { servers, chroot, tls, sessionTimeoutMs };
}

function readTimeout(main: Document, problems: Problem[]): number {
  const value = asMapping(main.value)?.['zookeeper-timeout'];
  if (value === undefined) return DEFAULT_TIMEOUT_S;
  if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
  problems.push(main.problem(['zookeeper-timeout'], 'a number of seconds above 0'));
  return DEFAULT_TIMEOUT_S;
}

function readTls(document: Document, problems: Problem[]): ZookeeperConfig['tls'] {
  const given = asMapping(document.value)?.['zookeeper-tls'];
  if (given === undefined) return undefined;
  const tls = asMapping(given);
  if (!tls) {
    problems.push(document.problem(['zookeeper-tls'], 'a mapping with cert, key and ca'));
    return undefined;
  }
  if (isEmpty(tls)) return undefined;
  const path: Path = ['zookeeper-tls'];
  checkKeys(document, path, tls, ['cert', 'key', 'ca'], problems);
  for (const key of ['cert', 'key', 'ca']) {
    if (tls[key] === undefined) problems.push(document.problem(path, `the key "${key}"`, 'no such key'));
    else if (!isText(tls[key])) problems.push(document.problem([...path, key], 'the path of a PEM file'));
  }
  return { cert: String(tls.cert), key: String(tls.key), ca: String(tls.ca) };
}

interface Server {
  host: string;
  port: number;
}

function readServers(
  document: Document,
  defaultPort: number,
  problems: Problem[],
): { servers: Server[]; chroot: string } {
  const given = asMapping(document.value)?.['zookeeper-servers'];
  if (given === undefined) return { servers: [], chroot: '' };
  if (!Array.isArray(given)) {
    problems.push(document.problem(['zookeeper-servers'], 'a list of servers'));
    return { servers: [], chroot: '' };
  }
  const servers = given.map((item, index) => readServer(document, index, item, defaultPort, problems));
  return { servers, chroot: readChroot(document, given, problems) };
}

function readServer(
  document: Document,
  index: number,
  item: unknown,
  defaultPort: number,
  problems: Problem[],
): Server {
  const path: Path = ['zookeeper-servers', index];
  const server = asMapping(item);
  if (!server) {
    problems.push(document.problem(path, 'a mapping with host, port and chroot'));
    return { host: '', port: defaultPort };
  }
  checkKeys(document, path, server, ['host', 'port', 'chroot'], problems);
  const { host, port = defaultPort } = server;
  if (host === undefined) problems.push(document.problem(path, 'the key "host"', 'no such key'));
  else if (typeof host !== 'string' || !isHost(host)) {
    problems.push(
      document.problem([...path, 'host'], 'a host name or address (the port has a key of its own)'),
    );
  }
  if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65535) {
    problems.push(document.problem([...path, 'port'], 'a port number (1–65535)'));
  }
  return { host: String(host).replace(/^\[(.*)\]$/, '$1'), port: port as number };
}

/** A client has one root for all servers: the same on every entry, or on some of them, usually the last. */
function readChroot(document: Document, servers: readonly unknown[], problems: Problem[]): string {
  let chroot = '';
  for (const [index, item] of servers.entries()) {
    const path: Path = ['zookeeper-servers', index, 'chroot'];
    const given = asMapping(item)?.chroot;
    if (given === undefined || given === '') continue;
    if (typeof given !== 'string' || !/^\/[^\s,]*$/.test(given)) {
      problems.push(document.problem(path, 'a path that starts with "/"'));
      continue;
    }
    const root = given.replace(/\/+$/, '');
    if (chroot !== '' && root !== chroot) {
      problems.push(document.problem(path, 'the same chroot as the other servers (all share one)'));
    }
    chroot ||= root;
  }
  return chroot;
}

function checkKeys(
  document: Document,
  path: Path,
  value: Record<string, unknown>,
  known: readonly string[],
  problems: Problem[],
): void {
  for (const key of Object.keys(value).filter((name) => !known.includes(name) && !name.startsWith('x-'))) {
    const found = `the unknown key ${quote(key)}${didYouMean(key, known)}`;
    problems.push(document.problem([...path, key], `one of the known keys: ${known.join(', ')}`, found));
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}
