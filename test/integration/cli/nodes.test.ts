import t from 'tap';
import { makeNode, type Node } from '../../../src/model/node.ts';
import type { Driver, Provider } from '../../../src/driver/driver.ts';
import type { LoadedConfig } from '../../../src/config/load.ts';
import { openCli } from '../../support/cli.ts';

const clock = { nowMs: () => 1_000_000_000, sleep: () => Promise.resolve(), after: () => () => undefined };
const NOW = 1_000_000;
const node = (given: Partial<Node> = {}) =>
  makeNode({
    state: 'ready',
    stateTimeS: NOW - 61,
    provider: 'runc',
    pool: 'hv1',
    type: ['debian'],
    externalId: 'debian-0000000001-1',
    interfaceIp: '10.77.0.11',
    publicIpv4: '10.77.0.11',
    connectionType: 'ssh',
    connectionPort: 22023,
    username: 'zuul-worker',
    ...given,
  });

t.test('lists nodes in the classic nine columns', async (t) => {
  const { store, run } = await openCli(t, { clock });
  await store.nodes.create(node());
  const held = await store.nodes.createLocked(
    node({ state: 'in-use', type: ['a', 'b'], externalId: null, publicIpv4: null }),
  );
  const { code, stdout } = await run(['list']);
  t.equal(code, 0);
  t.equal(
    stdout,
    `+------------+----------+--------+---------------------+-------------+------+--------+-------------+----------+
| ID         | Provider | Label  | Server ID           | Public IPv4 | IPv6 | State  | Age         | Locked   |
+------------+----------+--------+---------------------+-------------+------+--------+-------------+----------+
| 0000000001 | runc     | debian | debian-0000000001-1 | 10.77.0.11  |      | ready  | 00:00:01:01 | unlocked |
| 0000000002 | runc     | a,b    |                     |             |      | in-use | 00:00:01:01 | locked   |
+------------+----------+--------+---------------------+-------------+------+--------+-------------+----------+
`,
  );
  await held.release();
});

t.test('shows reason, address, port and connection on one line of list --detail', async (t) => {
  const { store, run } = await openCli(t, { clock });
  await store.nodes.create(node({ state: 'hold', comment: `disk\nfull ${'again '.repeat(40)}` }));
  const { stdout } = await run(['list', '--detail']);
  const line = stdout.split('\n').find((each) => each.includes('disk\\nfull again')) ?? '';
  t.match(line, '| 10.77.0.11 ');
  t.match(line, '| 22023 ');
  t.match(line, '| ssh -p 22023 zuul-worker@10.77.0.11 |');
  const headers = stdout
    .split('\n')[1]
    ?.split('|')
    .map((header) => header.trim())
    .filter(Boolean);
  t.same(headers?.slice(9), [
    'Pool',
    'Hostname',
    'Private IPv4',
    'AZ',
    'Username',
    'Port',
    'Launcher',
    'Allocated To',
    'Hold Job',
    'Comment',
    'User Data',
    'Driver Data',
    'Connection',
  ]);
});

t.test('never shows credentials that live in the port field', async (t) => {
  const { store, run } = await openCli(t, { clock });
  await store.nodes.create(node({ connectionType: 'kubectl', connectionPort: { token: 'secret' } }));
  for (const argv of [
    ['list', '--detail'],
    ['list', '--format', 'json'],
  ]) {
    const { stdout } = await run(argv);
    t.match(stdout, 'redacted');
    t.notMatch(stdout, 'secret');
  }
});

t.test('prints JSON with the keys of the web interface and more', async (t) => {
  const { store, run } = await openCli(t, { clock });
  await store.nodes.create(node());
  const { stdout } = await run(['--format', 'json', 'list']);
  t.match(JSON.parse(stdout), [
    {
      id: '0000000001',
      label: ['debian'],
      server_id: 'debian-0000000001-1',
      AZ: null,
      age: '00:00:01:01',
      locked: 'unlocked',
      connection_port: 22023,
      connection: 'ssh -p 22023 zuul-worker@10.77.0.11',
      state_time: NOW - 61,
    },
  ]);
});

t.test('cuts and colours on a terminal only, and not with NO_COLOR', async (t) => {
  const { store, run } = await openCli(t, { clock });
  await store.nodes.create(node({ externalId: 'x'.repeat(60) }));
  const wide = await run(['list'], { terminal: 120 });
  t.match(wide.stdout, '\x1b[32mready');
  t.match(wide.stdout, 'x…');
  const plain = await run(['list'], { terminal: 120, env: { NO_COLOR: '1' } });
  t.notMatch(plain.stdout, '\x1b');
  const narrow = await run(['list', '--detail'], { terminal: 80 });
  t.match(narrow.stdout, /^ +Connection: ssh -p 22023 zuul-worker@10.77.0.11$/m);
});

t.test('holds a node with reason and duration, also by its short id', async (t) => {
  const { store, run } = await openCli(t, { clock });
  await store.nodes.create(node());
  const { code, stdout } = await run(['hold', '1', '--reason', 'look at this', '--for', '2h']);
  t.equal(code, 0);
  t.match(stdout, /0000000001 .* hold .* 00:00:00:00 .* unlocked/);
  const { value, locked } = (await store.nodes.get('0000000001'))!;
  t.match(value, { state: 'hold', comment: 'look at this', holdExpirationS: 7200, stateTimeS: NOW });
  t.equal(locked, false);
});

t.test('refuses to hold what cannot be kept', async (t) => {
  const { store, run } = await openCli(t, { clock });
  await store.nodes.create(node({ state: 'deleting' }));
  t.match(await run(['hold', '1']), {
    code: 1,
    stdout: '',
    stderr: /0000000001 is deleting and cannot be held/,
  });
  t.match(await run(['hold', '99']), { code: 1, stderr: /node 0000000099 does not exist/ });
});

t.test('deletes the nodes it can, and says which it cannot', async (t) => {
  const { store, run } = await openCli(t, { clock });
  await store.nodes.create(node({ state: 'hold' }));
  const inUse = await store.nodes.createLocked(
    node({ state: 'in-use', allocatedTo: '200-0000000007', requestor: 'zs01' }),
  );
  const { code, stdout, stderr } = await run(['delete', '1', '0000000002', '77']);
  t.equal(code, 1);
  t.match(stdout, /0000000001 .* deleting/);
  t.match(stderr, /node 0000000002 is locked: in use by a job for request 200-0000000007 of zs01/);
  t.match(stderr, /node 0000000077 does not exist/);
  t.equal((await store.nodes.get('0000000001'))?.value.state, 'deleting');
  t.equal((await store.nodes.get('0000000002'))?.value.state, 'in-use');
  await inUse.release();
});

t.test('gets a lock that is given back while it waits', async (t) => {
  const { store, run } = await openCli(t, { clock });
  const held = await store.nodes.createLocked(node());
  const deleting = run(['delete', '1']);
  await held.release();
  t.equal((await deleting).code, 0);
});

t.test('--now removes instance and record in the foreground', async (t) => {
  const destroyed: string[] = [];
  const provider = {
    destroy: (externalId: string) => {
      if (externalId === 'stuck') return Promise.reject(new Error('the hypervisor does not answer'));
      destroyed.push(externalId);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
  const drivers = [{ name: 'fake', schema: {}, open: () => provider as unknown as Provider }] as Driver[];
  const config = {
    providers: new Map([['runc', { name: 'runc', driver: 'fake' }]]),
  } as unknown as LoadedConfig;
  const { store, run } = await openCli(t, { clock, config, drivers });
  await store.nodes.create(node({ state: 'hold' }));
  await store.nodes.create(node({ externalId: 'stuck' }));
  await store.nodes.create(node({ provider: 'gone' }));
  await store.nodes.create(node({ provider: 'gone', externalId: null }));

  t.match(await run(['delete', '--now', '1']), { code: 0, stdout: /^\+-.*\n\| ID .*\n\+-.*\n\+-.*\n$/ });
  t.same(destroyed, ['debian-0000000001-1']);
  t.equal(await store.nodes.get('0000000001'), undefined);

  t.match(await run(['delete', '--now', '2']), {
    code: 1,
    stderr: /the hypervisor does not answer; a running launcher tries again/,
  });
  t.match(await store.nodes.get('0000000002'), { value: { state: 'deleting' }, locked: false });

  t.match(await run(['delete', '--now', '3']), {
    code: 1,
    stderr: /belongs to the provider gone, which .* does not have/,
  });
  t.equal((await store.nodes.get('0000000003'))?.value.state, 'ready', 'nothing was changed');

  t.equal((await run(['delete', '--now', '4'])).code, 0, 'a node without an instance needs no provider');
});

t.test('enters no node that has no address', async (t) => {
  const { store, run } = await openCli(t, { clock });
  await store.nodes.create(node({ state: 'building', interfaceIp: null, publicIpv4: null }));
  t.match(await run(['ssh', '1']), { code: 1, stderr: /it is building and has no address/ });
  t.match(await run(['ssh', '2']), { code: 1, stderr: /node 0000000002 does not exist/ });
});
