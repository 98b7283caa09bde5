import fc from 'fast-check';
import t from 'tap';
import {
  algorithmsOf,
  fingerprint,
  formatHostKey,
  HOST_KEY_TYPES,
  readHostKey,
  typeOf,
} from '../../../src/driver/host-key.ts';

/** A key of the type on the wire, its contents arbitrary. */
function blobOf(type: string, contents: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), contents]);
}

const keys = fc.tuple(fc.constantFrom(...HOST_KEY_TYPES), fc.uint8Array({ maxLength: 300 }));

t.test('reads back every key that it formats, with a comment and odd blanks around', (t) => {
  fc.assert(
    fc.property(
      keys,
      fc.constantFrom('', ' root@host', '  a comment of words\n'),
      ([type, contents], comment) => {
        const key = formatHostKey(blobOf(type, contents));
        return readHostKey(` ${key.replace(' ', '\t ')}${comment}`) === key && typeOf(key) === type;
      },
    ),
  );
  t.end();
});

t.test('refuses what is no host key', (t) => {
  const ed25519 = formatHostKey(blobOf('ssh-ed25519', new Uint8Array(32)));
  const base64 = ed25519.split(' ')[1] ?? '';
  for (const line of [
    '',
    'ssh-ed25519',
    `ssh-rsa ${base64}`,
    base64,
    `host ${ed25519}`,
    'ssh-rsa FAKEKEY',
    `${ed25519}%%`,
  ]) {
    t.equal(readHostKey(line), undefined, line);
  }
  t.end();
});

t.test('prints fingerprints as ssh-keygen does', (t) => {
  // ssh-keygen -lf said so.
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRoZSBob3N0IGtleSBvZiBhIGZha2UgaW5zdGFuY2Uu';
  t.equal(fingerprint(key), 'SHA256:cmswv0JINCDWMA6KWZCogkNA91z6DJfHUafzkU7E2rU');
  t.end();
});

t.test('offers the algorithms that prove a key of the type, the strongest first', (t) => {
  t.same(algorithmsOf(['ssh-rsa']), ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa']);
  t.same(algorithmsOf(['ecdsa-sha2-nistp256', 'ssh-ed25519']), ['ssh-ed25519', 'ecdsa-sha2-nistp256']);
  t.same(algorithmsOf(['ssh-dss']), []);
  t.end();
});
