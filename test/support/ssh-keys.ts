import { generateKeyPairSync } from 'node:crypto';
import ssh2 from 'ssh2';

export interface TestKey {
  /** For ssh2, or for a file with mode 0600. */
  private: string;
  /** `ssh-ed25519 AAAA…`, without a comment. */
  public: string;
}

export type TestKeyType = 'ed25519' | 'ecdsa' | 'rsa';

/** Not ssh2's own generator: one in 256 of its ed25519 keys lacks a byte, because it drops leading zeros. */
export function makeKey(type: TestKeyType = 'ed25519'): TestKey {
  const text = type === 'ed25519' ? makeEd25519() : makePem(type);
  const parsed = ssh2.utils.parseKey(text);
  if (parsed instanceof Error) throw parsed;
  return { private: text, public: `${parsed.type} ${parsed.getPublicSSH().toString('base64')}` };
}

function makePem(type: 'ecdsa' | 'rsa'): string {
  const pair =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return pair.privateKey.export({ type: type === 'rsa' ? 'pkcs1' : 'sec1', format: 'pem' }) as string;
}

/** In OpenSSH's own format, the only one it reads for ed25519 (PROTOCOL.key in its sources). */
function makeEd25519(): string {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const [secret, point] = [Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')];
  const publicPart = Buffer.concat([string('ssh-ed25519'), string(point)]);
  const privatePart = Buffer.concat([
    Buffer.alloc(8), // two equal check numbers
    publicPart,
    string(Buffer.concat([secret, point])),
    string(''), // comment
  ]);
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7]).subarray(0, (8 - (privatePart.length % 8)) % 8);
  const whole = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...[string('none'), string('none'), string(''), Buffer.from([0, 0, 0, 1])], // no encryption, one key
    string(publicPart),
    string(Buffer.concat([privatePart, padding])),
  ]);
  const lines = whole.toString('base64').match(/.{1,70}/g) ?? [];
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join(
    '\n',
  );
}

function string(value: string | Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(value));
  return Buffer.concat([length, Buffer.from(value)]);
}
