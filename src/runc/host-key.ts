/** The host key of one container, made for it and for nothing else. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';

export interface HostKey {
  /** `ssh-ed25519 AAAAC3Nz…` */
  public: string;
  /** OpenSSH's own format. */
  private: string;
}

const TYPE = 'ssh-ed25519';

export function makeHostKey(): HostKey {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { x = '', d = '' } = privateKey.export({ format: 'jwk' });
  const publicKey = Buffer.from(x, 'base64url');
  const blob = Buffer.concat([sized(TYPE), sized(publicKey)]);
  const secret = sealPrivate(publicKey, Buffer.from(d, 'base64url'));
  const container = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    sized('none'),
    sized('none'),
    sized(''),
    uint32(1),
    sized(blob),
    sized(secret),
  ]);
  const lines = container.toString('base64').match(/.{1,70}/g) ?? [];
  return {
    public: `${TYPE} ${blob.toString('base64')}`,
    private: ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----'].join(
      '\n',
    ),
  };
}

/** The private part as in OpenSSH's PROTOCOL.key, not encrypted: padded with 1, 2, 3, … to a multiple of 8. */
function sealPrivate(publicKey: Buffer, seed: Buffer): Buffer {
  const check = randomBytes(4);
  const parts = [
    check,
    check,
    sized(TYPE),
    sized(publicKey),
    sized(Buffer.concat([seed, publicKey])),
    sized(''),
  ];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const padding = Buffer.from(Array.from({ length: (8 - (length % 8)) % 8 }, (_, index) => index + 1));
  return Buffer.concat([...parts, padding]);
}

function sized(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
