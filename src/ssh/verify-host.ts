/** Is the host that answers the one we mean? */
import { HostError } from '../errors.ts';
import { fingerprint, keyType, parseKeyLine } from './host-key.ts';
import { knownHostName, readKnownKeys, recordKnownKey, type KnownKey } from './known-hosts.ts';

export interface HostIdentity {
  host: string;
  port: number;
  /** `['ssh-ed25519 AAAAC3Nz…']`: the only keys to accept. Empty: the known hosts file decides. */
  hostKeys: readonly string[];
  knownHosts: string;
}

/** Types of the keys that would be accepted, to be asked for first. */
export function expectedTypes({ host, port, hostKeys, knownHosts }: HostIdentity): string[] {
  if (hostKeys.length > 0) return hostKeys.map((line) => line.split(' ', 1)[0] ?? '');
  return readKnownKeys(knownHosts, host, port).flatMap(({ blob, revoked }) =>
    revoked ? [] : [keyType(blob)],
  );
}

/**
 * Accepts a key that is expected, records the first key of a new host, and throws HostError for any other, with what
 * the operator has to compare and change. Returns true when the key was recorded.
 */
export function verifyHost(identity: HostIdentity, blob: Buffer): boolean {
  const { host, port, hostKeys, knownHosts } = identity;
  if (hostKeys.length > 0) {
    if (hostKeys.some((line) => parseKeyLine(line)?.equals(blob))) return false;
    throw new HostError(host, pinnedMessage(identity, blob));
  }
  const known = readKnownKeys(knownHosts, host, port);
  const match = known.find((key) => key.blob.equals(blob));
  const revoked = known.find((key) => key.revoked && key.blob.equals(blob));
  if (revoked) {
    throw new HostError(
      host,
      `the host key of ${host} (${describe(blob)}) is marked @revoked in ${knownHosts} line ${revoked.line}`,
    );
  }
  if (match) return false;
  const valid = known.filter((key) => !key.revoked);
  if (valid.length > 0) throw new HostError(host, changedMessage(identity, valid, blob));
  recordKnownKey(knownHosts, host, port, blob);
  return true;
}

function changedMessage({ host, port, knownHosts }: HostIdentity, known: KnownKey[], blob: Buffer): string {
  const before = known.map((key) => `${describe(key.blob)} (${knownHosts} line ${key.line})`).join(', ');
  return (
    `the host key of ${host} has changed: expected ${before}, found ${describe(blob)}. ` +
    `Somebody may be answering in its place. If ${host} was really reinstalled, remove the old key with ` +
    `\`ssh-keygen -R '${knownHostName(host, port)}' -f ${knownHosts}\`; the new one is then recorded`
  );
}

function pinnedMessage({ host, hostKeys }: HostIdentity, blob: Buffer): string {
  const expected = hostKeys.map((line) => describe(parseKeyLine(line) ?? Buffer.alloc(0))).join(' or ');
  return (
    `${host} shows another host key than its \`host-key\` in the configuration: expected ${expected}, ` +
    `found ${describe(blob)}. Correct \`host-key\` if the host was really reinstalled`
  );
}

function describe(blob: Buffer): string {
  return `${keyType(blob)} ${fingerprint(blob)}`;
}
