/** The known hosts file: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". Written here only by adding a line at its end. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { keyType, parseKeyLine } from './host-key.ts';

export interface KnownKey {
  blob: Buffer;
  revoked: boolean;
  /** 1-based. */
  line: number;
}

/** `hv1`, or `[hv1]:2222` where the port is not the usual one. */
export function knownHostName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

/** The keys that a file's text holds for a host. Lines that make no sense are skipped, as ssh does. */
export function findKnownKeys(text: string, name: string): KnownKey[] {
  return text.split('\n').flatMap((content, index) => {
    const words = content.trim().split(/\s+/);
    const marker = words[0]?.startsWith('@') ? words.shift() : undefined;
    const [hosts = '', ...key] = words;
    if (hosts === '' || hosts.startsWith('#')) return [];
    if (marker !== undefined && marker !== '@revoked') return [];
    const blob = parseKeyLine(key.slice(0, 2).join(' '));
    if (blob === undefined || !matchesHosts(hosts, name)) return [];
    return [{ blob, revoked: marker === '@revoked', line: index + 1 }];
  });
}

/** An absent file knows nobody. */
export function readKnownKeys(file: string, host: string, port: number): KnownKey[] {
  return findKnownKeys(readIfExists(file), knownHostName(host, port));
}

/** Adds a key unless it is there by now. One write at the end of the file, so several processes may do it at once. */
export function recordKnownKey(file: string, host: string, port: number, blob: Buffer): void {
  const name = knownHostName(host, port);
  const text = readIfExists(file);
  if (findKnownKeys(text, name).some((known) => known.blob.equals(blob))) return;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const handle = openSync(file, 'a', 0o600);
  try {
    const newline = text === '' || text.endsWith('\n') ? '' : '\n';
    writeSync(handle, `${newline}${name} ${keyType(blob)} ${blob.toString('base64')}\n`);
  } finally {
    closeSync(handle);
  }
}

/** `|1|salt|hash`, or patterns with `*`, `?` and `!` between commas. */
function matchesHosts(hosts: string, name: string): boolean {
  if (hosts.startsWith('|')) return matchesHash(hosts, name);
  const patterns = hosts.toLowerCase().split(',');
  const denied = patterns.some(
    (pattern) => pattern.startsWith('!') && matchesPattern(pattern.slice(1), name),
  );
  return !denied && patterns.some((pattern) => !pattern.startsWith('!') && matchesPattern(pattern, name));
}

function matchesHash(hosts: string, name: string): boolean {
  const [, version, salt = '', hash = ''] = hosts.split('|');
  const expected = Buffer.from(hash, 'base64');
  const found = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return version === '1' && expected.length === found.length && timingSafeEqual(expected, found);
}

function matchesPattern(pattern: string, name: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`).test(name);
}

function readIfExists(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
