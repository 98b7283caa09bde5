import ssh2 from 'ssh2';
import t from 'tap';
import { makeHostKey } from '../../../src/runc/host-key.ts';

t.test('makes a key pair that OpenSSH understands, another one each time', (t) => {
  const seen = new Set<string>();
  for (let index = 0; index < 20; index += 1) {
    const key = makeHostKey();
    const parsed = ssh2.utils.parseKey(key.private);
    if (parsed instanceof Error) throw parsed;
    t.equal(`ssh-ed25519 ${parsed.getPublicSSH().toString('base64')}`, key.public);
    const data = Buffer.from('something to sign');
    t.ok(parsed.verify(data, parsed.sign(data)));
    seen.add(key.public);
  }
  t.equal(seen.size, 20);
  t.end();
});
