/** SSH host keys as node records hold them: `ssh-ed25519 AAAAC3Nz…`, without a host in front and a comment behind. */
import { createHash } from 'node:crypto';
import type { ServerHostKeyAlgorithm } from 'ssh2';

/** Key types in the order in which scans return them, with the signature algorithms that prove each. */
const ALGORITHMS: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  // ssh-rsa (SHA-1) comes last: it is all that some network devices know.
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'],
};

export const HOST_KEY_TYPES: readonly string[] = Object.keys(ALGORITHMS);

/**
 * The key of a line such as `ssh-ed25519 AAAAC3Nz… root@host`, comment removed; undefined when the line is no host key
 * of a known type or its base64 part is a key of another type.
 */
export function readHostKey(line: string): string | undefined {
  const [type = '', base64 = ''] = line.trim().split(/\s+/);
  if (!HOST_KEY_TYPES.includes(type)) return undefined;
  const blob = Buffer.from(base64, 'base64');
  return blob.toString('base64') === base64 && typeOfBlob(blob) === type ? `${type} ${base64}` : undefined;
}

/** The key as it goes over the wire (RFC 4253 section 6.6) in the form of a node record. */
export function formatHostKey(blob: Buffer): string {
  return `${typeOfBlob(blob)} ${blob.toString('base64')}`;
}

/** `SHA256:Xi7…` as ssh-keygen -l prints it. */
export function fingerprint(hostKey: string): string {
  const blob = Buffer.from(hostKey.split(' ')[1] ?? '', 'base64');
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** What to offer to a server so that it proves a key of one of these types. */
export function algorithmsOf(types: Iterable<string>): ServerHostKeyAlgorithm[] {
  const wanted = new Set(types);
  return HOST_KEY_TYPES.flatMap((type) => (wanted.has(type) ? (ALGORITHMS[type] ?? []) : []));
}

export function typeOf(hostKey: string): string {
  return hostKey.split(' ', 1)[0] ?? '';
}

function typeOfBlob(blob: Buffer): string {
  if (blob.length < 4) return '';
  return blob.toString('latin1', 4, 4 + blob.readUInt32BE(0));
}
