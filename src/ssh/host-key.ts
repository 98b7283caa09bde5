/** Public keys of SSH servers as they go over the wire (RFC 4253 section 6.6). */
import { createHash } from 'node:crypto';
import type { ServerHostKeyAlgorithm } from 'ssh2';

/** In the order in which they are asked for, with the signature algorithms that prove each type. */
const ALGORITHMS: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/** `ssh-ed25519` */
export function keyType(blob: Buffer): string {
  if (blob.length < 4) return '';
  return blob.toString('latin1', 4, 4 + blob.readUInt32BE(0));
}

/** `SHA256:Xi7…`, as `ssh-keygen -l` prints it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** `ssh-ed25519 AAAAC3Nz…` → its bytes; undefined when it is no key. */
export function parseKeyLine(line: string): Buffer | undefined {
  const [type = '', base64 = ''] = line.trim().split(/\s+/);
  const blob = Buffer.from(base64, 'base64');
  return type !== '' && keyType(blob) === type ? blob : undefined;
}

/** All algorithms, those of the wanted types first: a server with several keys then shows one that we know. */
export function algorithmsPreferring(types: readonly string[]): ServerHostKeyAlgorithm[] {
  const wanted = Object.keys(ALGORITHMS).filter((type) => types.includes(type));
  const others = Object.keys(ALGORITHMS).filter((type) => !types.includes(type));
  return [...wanted, ...others].flatMap((type) => ALGORITHMS[type] ?? []);
}
