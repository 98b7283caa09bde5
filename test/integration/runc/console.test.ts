import { once } from 'node:events';
import { existsSync, linkSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { until } from '../../support/poll.ts';
import { freePort } from '../../support/free-port.ts';
import { makeWorld, runcMissing, type Opened, type World } from './world.ts';

const skip = runcMissing();
const signal = () => AbortSignal.timeout(30_000);

interface Client {
  send(text: string): void;
  /** Resolves when everything received so far contains the text. */
  receive(text: string): Promise<string>;
  closed: Promise<unknown>;
  socket: Socket;
}

async function dial(t: Test, port: number): Promise<Client> {
  const socket = await until(async () => {
    const attempt = connect(port, '127.0.0.1');
    return Promise.race([
      once(attempt, 'connect').then(() => attempt),
      once(attempt, 'error').then(() => undefined),
    ]).catch(() => undefined);
  });
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined);
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => (received += text));
  return {
    socket,
    send: (text) => void socket.write(text),
    async receive(text) {
      while (!received.includes(text)) await once(socket, 'data', { signal: signal() });
      return received;
    },
    closed: new Promise((resolve) => socket.once('close', resolve)),
  };
}

/** A zombie is gone too: it only waits for the first process of this machine. */
function isGone(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return true;
  }
}

/** The process that the file names; undefined while it is the old one, or none because it is being started again. */
function newPid(file: string, old?: number): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8').split(' ')[0]);
    return pid > 0 && pid !== old ? pid : undefined;
  } catch {
    return undefined;
  }
}

async function open(t: Test): Promise<{ world: World; opened: Opened; port: number }> {
  const world = makeWorld(t);
  const port = await freePort();
  const opened = world.open({ settings: { consolePort: port } });
  return { world, opened, port };
}

t.test('tasks are streamed as Zuul asks for them today', { skip }, async (t) => {
  const { world, opened, port } = await open(t);
  const instance = await opened.launch();
  const id = `${randomUUID()}-1-debian`;
  const client = await dial(t, port);
  client.send('v:0\n');
  t.equal(await client.receive('\n'), '1\n');
  client.send(`s:${id}\n`);
  await client.receive('[Zuul] Log not found\n');
  const log = `/tmp/console-${id}.log`;
  const task = world.ssh(
    instance,
    `echo one >${log}; sleep 0.3; echo two >>${log}; echo '[Zuul] Task exit code: 0' >>${log}`,
  );
  const all = await client.receive('[Zuul] Task exit code: 0\n');
  t.match(all, /one\ntwo\n\[Zuul\] Task exit code: 0\n$/);
  await task;
  client.socket.end();
  await client.closed;

  const file = join(world.base, instance.externalId, 'tmp', `console-${id}.log`);
  t.ok(existsSync(file));
  const last = await dial(t, port);
  last.send(`f:${id}\n`);
  await until(() => !existsSync(file));
  last.socket.destroy();
  await opened.provider.destroy(instance.externalId, signal());
});

t.test('executors from before version 6.3 just name the log', { skip }, async (t) => {
  const { world, opened, port } = await open(t);
  const instance = await opened.launch();
  const id = randomUUID();
  await world.ssh(instance, `echo '[Zuul] Task exit code: 0' >/tmp/console-${id}.log`);
  const client = await dial(t, port);
  client.send(`${id}\n`);
  t.equal(await client.receive('exit code: 0\n'), '[Zuul] Task exit code: 0\n');
});

t.test('only logs of jobs are served, whatever a job or a client tries', { skip }, async (t) => {
  const { world, opened, port } = await open(t);
  const instance = await opened.launch();
  const tmp = join(world.base, instance.externalId, 'tmp');
  const secret = join(world.directory, 'secret');
  writeFileSync(secret, 'secret\n');
  symlinkSync(secret, join(tmp, 'console-link.log'));
  writeFileSync(join(tmp, 'console-root.log'), 'secret of root\n');
  await world.ssh(
    instance,
    'mkfifo /tmp/console-pipe.log; echo mine >/tmp/mine; ln /tmp/mine /tmp/console-hard.log',
  );
  linkSync(secret, join(world.directory, 'secret-link'));
  for (const id of [
    'link',
    'root',
    'pipe',
    'hard',
    '../../../../../../etc/passwd',
    '../homedir/.ssh/authorized_keys',
    '/etc/passwd',
  ]) {
    const client = await dial(t, port);
    client.send(`s:${id}\n`);
    t.equal(await client.receive('\n'), '[Zuul] Log not found\n', id);
    client.socket.destroy();
  }
  const endless = await dial(t, port);
  endless.send('x'.repeat(5000));
  await endless.closed;
  t.pass('a line that never ends is not read for ever');
});

t.test('the service is started again when it died or when its program changed', { skip }, async (t) => {
  const { world, opened, port } = await open(t);
  const pidFile = join(world.base, '.console.pid');
  await opened.connected();
  const first = await until(() => newPid(pidFile));
  (await dial(t, port)).socket.destroy();
  process.kill(first, 'SIGKILL');
  await opened.provider.list(signal());
  const second = await until(() => newPid(pidFile, first));
  writeFileSync(join(world.base, '.console.py'), '# an older version\n');
  await opened.provider.list(signal());
  const third = await until(() => newPid(pidFile, second));
  t.ok(isGone(second), 'the old one is gone');
  await opened.close();
  await until(() => isGone(third));
  t.pass('and goes with the last launcher');
});

t.test('launchers that connect at the same moment start one service', { skip }, async (t) => {
  const world = makeWorld(t);
  const consolePort = await freePort();
  const all = Array.from({ length: 6 }, () => world.open({ settings: { consolePort } }));
  await Promise.all(all.map(({ connected }) => connected()));
  // Starting it again waits until the first start is over, and says so when it failed.
  await Promise.all(all.map(({ provider }) => provider.list(signal())));
  await dial(t, consolePort);
  t.same(
    all.flatMap(({ events }) => events.filter(({ level }) => level === 'warning')),
    [],
  );
});

t.test('a port that another service has is a notice, not a failure', { skip }, async (t) => {
  const world = makeWorld(t);
  const other = createServer().listen(0, '::');
  await once(other, 'listening');
  t.teardown(() => other.close());
  const { port } = other.address() as AddressInfo;
  const opened = world.open({ settings: { consolePort: port } });
  const instance = await opened.launch();
  const notice = await until(() => opened.events.find(({ level }) => level === 'warning'));
  t.match(notice, {
    message: 'no live output of tasks from this hypervisor',
    fields: { error: new RegExp(`port ${port}: Address already in use`) },
  });
  await opened.provider.destroy(instance.externalId, signal());
});

t.test('without python3 everything else works', { skip }, async (t) => {
  const world = makeWorld(t);
  const hide =
    'for p in $(command -v -p python3) /usr/bin/python3 $(command -v python3); do mount --bind /dev/null "$p"; done';
  const opened = world.open({
    settings: {
      consolePort: await freePort(),
      localShell: ['unshare', '--mount', 'sh', '-c', `${hide}; exec sh`],
    },
  });
  t.equal(await opened.connected(), undefined);
  const notice = await until(() => opened.events.find(({ level }) => level === 'warning'));
  t.match(notice.fields['error'], /python3 is not installed/);
});
