import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import t from 'tap';
import { readPrivateKeys } from '../../../src/ssh/private-key.ts';
import { makeKey } from '../../support/ssh-keys.ts';
import { tempDir } from '../../support/temp.ts';

t.test('reads the keys that exist, in the given order', (t) => {
  const directory = tempDir(t);
  const [first, absent, last] = ['id_ed25519', 'id_none', 'id_rsa'].map((name) => join(directory, name));
  writeFileSync(first ?? '', makeKey().private);
  writeFileSync(last ?? '', makeKey('rsa').private);
  const keys = readPrivateKeys('hv1', [first ?? '', absent ?? '', last ?? '']);
  t.strictSame(
    keys.map(({ file }) => file),
    [first, last],
  );
  t.end();
});

t.test('says what to do when there is no usable key, and never shows one', (t) => {
  const directory = tempDir(t);
  const file = join(directory, 'id_ed25519');
  t.throws(() => readPrivateKeys('hv1', [file]), {
    name: 'HostError',
    message: /id_ed25519 does not exist; make one with `ssh-keygen -t ed25519 .*authorized_keys of hv1/,
  });
  writeFileSync(file, 'TOP SECRET, but no key');
  t.throws(() => readPrivateKeys('hv1', [file]), /is not a private key that can be used/);
  t.throws(() => readPrivateKeys('hv1', [file]), { message: /^(?![^]*TOP SECRET)/ });
  const sealed = ssh2.utils.generateKeyPairSync('ed25519', {
    passphrase: 'x',
    cipher: 'aes256-cbc',
    rounds: 1,
  });
  writeFileSync(file, sealed.private);
  t.throws(() => readPrivateKeys('hv1', [file]), /protected by a passphrase/);
  t.end();
});
