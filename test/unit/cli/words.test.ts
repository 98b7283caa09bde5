import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import t from 'tap';
import { connectionCommand, sshTarget } from '../../../src/operator/connection.ts';
import { quoteWord } from '../../../src/shell.ts';
import { parseCount, parseDuration } from '../../../src/cli/duration.ts';
import { joinCommand } from '../../../src/cli/remote-command.ts';
import { sshArguments } from '../../../src/cli/shell.ts';
import { makeNode, type Node } from '../../../src/model/node.ts';

const entryOf = (node: Partial<Node>) => ({
  id: '0000000001',
  value: makeNode(node),
  version: 1,
  locked: false,
  createdMs: 0,
  modifiedMs: 0,
});

t.test('reads durations', async (t) => {
  t.equal(parseDuration('90'), 90);
  t.equal(parseDuration('30m'), 1800);
  t.equal(parseDuration('1h30m'), 5400);
  t.equal(parseDuration('2d'), 172_800);
  for (const wrong of ['', '0', 'm', '1x', '1h30', '-5', '1.5h', '1 h', '9'.repeat(30)]) {
    t.throws(() => parseDuration(wrong), /expected a/, wrong);
  }
});

t.test('reads counts', async (t) => {
  t.equal(parseCount('3'), 3);
  for (const wrong of ['0', '-1', '1.5', 'x', '']) t.throws(() => parseCount(wrong), /expected a/, wrong);
});

t.test('makes connections that can be pasted', async (t) => {
  const node = {
    interfaceIp: '10.77.0.11',
    connectionPort: 22023,
    username: 'zuul-worker',
    connectionType: 'ssh',
  };
  const target = sshTarget(entryOf(node))!;
  t.equal(connectionCommand(target), 'ssh -p 22023 zuul-worker@10.77.0.11');
  t.equal(connectionCommand({ ...target, port: 22 }), 'ssh zuul-worker@10.77.0.11');
  t.equal(connectionCommand({ ...target, username: '$(reboot)' }), `ssh -p 22023 '$(reboot)@10.77.0.11'`);
});

t.test(
  'has no connection for nodes without an address, of other types, or with credentials for a port',
  async (t) => {
    t.equal(sshTarget(entryOf({})), undefined);
    t.equal(sshTarget(entryOf({ interfaceIp: '10.0.0.1', connectionType: 'winrm' })), undefined);
    t.equal(sshTarget(entryOf({ interfaceIp: '10.0.0.1', connectionPort: { token: 'secret' } })), undefined);
  },
);

t.test('passes several words to a shell exactly, and one word as a line', async (t) => {
  t.equal(joinCommand(['echo $HOME | wc']), 'echo $HOME | wc');
  t.equal(joinCommand(['bash', '-c', 'echo $HOME']), `bash -c 'echo $HOME'`);
  const word = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (words) => {
      const script = words.map(quoteWord).join(' ');
      const back = execFileSync('sh', ['-c', `for word in ${script}; do printf '%s\\0' "$word"; done`]);
      return back.equals(Buffer.from(words.map((each) => `${each}\0`).join('')));
    }),
    { numRuns: 30 },
  );
});

t.test('checks the recorded host keys, whatever was at that address before', async (t) => {
  const target = {
    nodeId: '0000000001',
    host: '::1',
    port: 22022,
    username: 'zuul',
    hostKeys: ['ssh-ed25519 AAAA'],
  };
  const args = sshArguments(
    target,
    { files: [], explicit: false },
    { knownHosts: '/tmp/k', command: undefined },
  );
  for (const option of [
    'UserKnownHostsFile=/tmp/k',
    'StrictHostKeyChecking=yes',
    'HostKeyAlias=nodepool-0000000001',
    'GlobalKnownHostsFile=/dev/null',
  ]) {
    t.ok(args.includes(option), option);
  }
  t.same(args.slice(-6), ['-p', '22022', '-l', 'zuul', '--', '::1']);
  const unchecked = sshArguments(
    { ...target, hostKeys: [] },
    { files: [], explicit: false },
    { knownHosts: '/tmp/k' },
  );
  t.ok(unchecked.includes('StrictHostKeyChecking=no'));
});
