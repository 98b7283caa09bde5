import ssh2 from 'ssh2';

export interface TestKey {
  /** OpenSSH format, for ssh2 or for a file with mode 0600. */
  private: string;
  /** `ssh-ed25519 AAAA…`, without a comment. */
  public: string;
}

export type TestKeyType = 'ed25519' | 'ecdsa' | 'rsa';

export function makeKey(type: TestKeyType = 'ed25519'): TestKey {
  const pair =
    type === 'ed25519'
      ? ssh2.utils.generateKeyPairSync('ed25519')
      : ssh2.utils.generateKeyPairSync(type, { bits: type === 'rsa' ? 2048 : 256 });
  return { private: pair.private, public: pair.public.split(' ').slice(0, 2).join(' ') };
}
