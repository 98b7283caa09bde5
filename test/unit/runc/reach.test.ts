import t from 'tap';
import { howToReach, readReach } from '../../../src/runc/reach.ts';

t.test('keeps of a pool what its name does not say', async (t) => {
  t.equal(howToReach({ options: { 'rw-overlay': true, address: '192.0.2.1' } }), undefined);
  t.strictSame(howToReach({ options: { 'ssh-port': 2222, connection: 'ssh' } }), {
    connection: 'ssh',
    'ssh-port': 2222,
  });
});

t.test('reads it back, and nothing else', async (t) => {
  const kept = { connection: 'local', 'ssh-port': 2222, 'host-key': ['ssh-ed25519 AAAA'] };
  t.strictSame(readReach(kept), kept);
  for (const other of [null, 'text', 7, [], { 'ssh-port': '22', 'host-key': [7], connection: {} }])
    t.strictSame(readReach(other), {});
});
