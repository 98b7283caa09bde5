/** Looks at a registered host: does it answer, with which keys, under which addresses. */
import { lookup } from 'node:dns/promises';
import { isIPv4, isIPv6 } from 'node:net';
import { fingerprint, typeOf } from '../driver/host-key.ts';
import { checkTcp, scanHostKey } from '../driver/keyscan.ts';
import { HostError, LaunchError } from '../errors.ts';
import type { StaticHost } from './options.ts';

/** What a look at a host finds out. */
export interface Sighting {
  /** `type base64` each; none where the connection type has no host keys. */
  hostKeys: readonly string[];
  publicIpv4: string | undefined;
  publicIpv6: string | undefined;
}

/** Connection types that are SSH underneath. */
const SSH_TYPES = new Set(['ssh', 'network_cli']);

/** A full look, before a host is registered. Throws HostError, or the signal's reason. */
export async function lookAt(host: StaticHost, signal: AbortSignal): Promise<Sighting> {
  const hostKeys = host.hostKeyChecking ? await readKeys(host, signal) : host.hostKeys;
  return { hostKeys, ...(await readAddresses(host, signal)) };
}

/** A quick look, before a job gets the host: one connection attempt. Throws HostError, or the signal's reason. */
export async function glanceAt(host: StaticHost, signal: AbortSignal): Promise<void> {
  if (!host.hostKeyChecking) return;
  const target = { host: host.name, port: host.port, timeoutMs: host.timeoutMs, signal, retry: false };
  await toHostError(host, async () => {
    if (!SSH_TYPES.has(host.connectionType) || host.hostKeys.length === 0) await checkTcp(target);
    else await scanHostKey({ ...target, expected: host.hostKeys });
  });
}

async function readKeys(host: StaticHost, signal: AbortSignal): Promise<readonly string[]> {
  const target = { host: host.name, port: host.port, timeoutMs: host.timeoutMs, signal };
  if (!SSH_TYPES.has(host.connectionType)) {
    await toHostError(host, () => checkTcp(target));
    return [];
  }
  const found = await toHostError(host, () => scanHostKey(target));
  const missing = host.hostKeys.find((key) => !found.includes(key));
  if (missing === undefined) return found;
  throw new HostError(
    host.name,
    `${host.name}:${host.port} does not have the configured host key ${describe(missing)}; found ` +
      `${found.map(describe).join(', ')}. If the host was reinstalled, update its host-key; otherwise do not use it`,
  );
}

/** The addresses that the host name stands for; none when it does not resolve, which a failed connection has told. */
async function readAddresses({ name }: StaticHost, signal: AbortSignal): Promise<Omit<Sighting, 'hostKeys'>> {
  const addresses = isIPv4(name) || isIPv6(name) ? [name] : await resolve(name, signal);
  return { publicIpv4: addresses.find(isIPv4), publicIpv6: addresses.find(isIPv6) };
}

async function resolve(name: string, signal: AbortSignal): Promise<string[]> {
  const found = await orAborted(
    lookup(name, { all: true }).catch(() => []),
    signal,
  );
  return found.map(({ address }) => address);
}

/** The outcome of `work`, or the signal's reason when that comes first; `work` itself goes on. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

async function toHostError<T>(host: StaticHost, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof LaunchError) throw new HostError(host.name, error.message, { cause: error });
    throw error;
  }
}

function describe(hostKey: string): string {
  return `${typeOf(hostKey)} ${fingerprint(hostKey)}`;
}
