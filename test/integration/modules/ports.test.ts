import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import t from 'tap';
import { callModule } from '../../support/ansible-module.ts';
import { tempDir } from '../../support/temp.ts';

const skip =
  process.getuid?.() !== 0
    ? 'needs root, as everything on a hypervisor does'
    : spawnSync('runc', ['--version']).error
      ? 'needs runc'
      : false;

t.test('a port is reserved once, changes with its range, and is given back once', { skip }, async (t) => {
  const dir = tempDir(t);
  const base_dir = join(dir, 'runc');
  const reserve = (values: object, check = false) =>
    callModule('sshd_port', dir, { base_dir, name: 'web', ...values }, { check });

  const foreseen = await reserve({}, true);
  t.equal(foreseen.json.changed, true);
  t.notOk(existsSync(base_dir), 'check mode makes nothing');

  const first = await reserve({ first_port: 22022 });
  t.match(first.json, { changed: true, diff: { before: '', after: `web: ${String(first.json.port)}\n` } });
  const again = await reserve({ first_port: 22022 });
  t.match(again.json, { changed: false, port: first.json.port });
  t.equal((await reserve({}, true)).json.changed, false, 'check mode sees that it is there');

  const other = await callModule('sshd_port', dir, { base_dir, name: 'mail' });
  t.not(other.json.port, first.json.port, 'another name gets another port');

  const moved = await reserve({ first_port: 30000, last_port: 30500 });
  t.equal(moved.json.changed, true);
  const port = moved.json.port as number;
  t.ok(port >= 30000 && port <= 30500, `${port} is in the new range`);

  const listed = await callModule('runc_info', dir, { base_dir });
  t.same(
    (listed.json.ports as { owner: string; kind: string }[]).map(({ owner, kind }) => [owner, kind]),
    [
      ['mail', 'reservation'],
      ['web', 'reservation'],
    ],
  );

  t.equal((await reserve({ state: 'absent' }, true)).json.changed, true);
  t.equal((await reserve({ state: 'absent' })).json.changed, true);
  t.equal((await reserve({ state: 'absent' })).json.changed, false);
  const left = (await callModule('runc_info', dir, { base_dir })).json.ports as unknown[];
  t.equal(left.length, 1, 'only the other port is still taken');
});

t.test(
  'neither a port of a container nor one that somebody listens on is given away',
  { skip },
  async (t) => {
    const dir = tempDir(t);
    const base_dir = join(dir, 'runc');
    const server = createServer().listen(0, '127.0.0.1');
    t.teardown(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const narrow = { base_dir, name: 'web', first_port: port, last_port: port };
    const taken = await callModule('sshd_port', dir, narrow);
    t.match(taken.json, { failed: true, msg: `no free port from ${port} to ${port}` });
    t.equal(taken.exitCode, 1);

    mkdirSync(join(base_dir, 'c1'), { recursive: true });
    symlinkSync('../c1', join(base_dir, '.ports', '31000'));
    const reserved = await callModule('sshd_port', dir, { base_dir, name: 'web', first_port: 31000 });
    t.not(reserved.json.port, 31000);
    t.ok(lstatSync(join(base_dir, '.ports', '31000')).isSymbolicLink());
  },
);

t.test('tells bundles as they lie there, whole and half-made', async (t) => {
  const dir = tempDir(t);
  const base_dir = join(dir, 'runc');
  const mark = { provider: 'farm', pool: 'hv1', nodeId: '0000000001', requestId: '200-1', label: 'debian' };
  const write = (id: string, files: Record<string, string>) => {
    mkdirSync(join(base_dir, id), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(base_dir, id, name), text);
  };
  write('a', { 'nodepool.json': JSON.stringify(mark), port: '22022\n', init: `${process.pid} 1\n` });
  write('b', { 'nodepool.json': '{', 'config.json': '' });
  const told = (await callModule('runc_info', dir, { base_dir })).json.containers as Record<
    string,
    unknown
  >[];
  t.match(told, [
    { id: 'a', running: false, port: 22022, provider: 'farm', node: '0000000001', label: 'debian' },
    { id: 'b', running: false, annotations: {} },
  ]);
  const one = (await callModule('runc_info', dir, { base_dir, provider: 'farm' })).json
    .containers as unknown[];
  t.equal(one.length, 1);
  t.same((await callModule('runc_info', dir, { base_dir: join(dir, 'none') })).json.containers, []);
});

t.test('mistakes of a task are told without a stack trace', async (t) => {
  const { exitCode, text, json } = await callModule('sshd_port', tempDir(t), { nam: 1, base_dir: 'x' });
  t.equal(exitCode, 1);
  t.match(json, {
    failed: true,
    msg: /nam: no such option.*name: required.*base_dir: expected an absolute path/,
  });
  t.notMatch(text, /\n\s+at /);
  const odd = await callModule('sshd_port', tempDir(t), { name: '../x' });
  t.match(odd.json, { failed: true, msg: /^name: expected/ });
});
