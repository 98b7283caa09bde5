import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { until } from '../../support/poll.ts';
import { makeKey } from '../../support/ssh-keys.ts';
import { freePort } from '../../support/free-port.ts';
import { sshdMissing, startSshd } from '../../support/sshd.ts';
import { makeRootfs } from './rootfs.ts';
import { failureOf, makeWorld, runcMissing, type OpenOptions, type World } from './world.ts';

const skip = runcMissing() || sshdMissing();
const signal = () => AbortSignal.timeout(30_000);

async function listenOn(t: Test, port: number): Promise<Server> {
  const server = createServer().listen(port, '0.0.0.0');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return server;
}

interface Case {
  label?: Record<string, unknown> | ((world: World, t: Test) => Record<string, unknown>);
  options?: OpenOptions;
  /** What the message says. */
  expected: RegExp;
  /** Whether `unready` tells it before anybody tries. */
  foreseen: boolean;
}

const CASES: Record<string, Case> = {
  'runc missing': {
    options: {
      settings: {
        localShell: [
          'unshare',
          '--mount',
          'sh',
          '-c',
          'mount --bind /dev/null "$(command -v runc)"; exec sh',
        ],
      },
    },
    expected: /here.*runc is not installed/,
    foreseen: true,
  },
  'no such user': {
    label: { username: 'np-test-nobody' },
    expected: /here: no such user: np-test-nobody \(not in \/etc\/passwd\)/,
    foreseen: true,
  },
  'no sshd in the rootfs': {
    label(world, t) {
      const path = makeRootfs(t, world);
      rmSync(join(path, 'usr/sbin/sshd'));
      return { path };
    },
    expected: /here: no sshd in the rootfs .*\/rootfs\/root/,
    foreseen: true,
  },
  'rootfs missing': {
    label: { path: '/srv/np-test-missing' },
    expected: /here: the rootfs \/srv\/np-test-missing does not exist/,
    foreseen: true,
  },
  'no key for the user': {
    label(world, t) {
      const path = makeRootfs(t, world);
      rmSync(join(path, `home/${world.user}/.ssh/authorized_keys`));
      return { path };
    },
    expected: /authorized_keys does not exist or is empty; put Zuul's public key there/,
    foreseen: true,
  },
  'sshd that ends at once': {
    label(world, t) {
      const path = makeRootfs(t, world);
      const passwd = readFileSync(join(path, 'etc/passwd'), 'utf8').replace(/^sshd:.*\n/m, '');
      writeFileSync(join(path, 'etc/passwd'), passwd);
      return { path };
    },
    expected: /here: sshd ended at once: .*Privilege separation user sshd does not exist/s,
    foreseen: false,
  },
  'runc that cannot start the container': {
    label: { 'hidden-paths': ['/usr'] },
    expected: /here: runc run failed: .*no such file or directory/s,
    foreseen: false,
  },
};

for (const [title, { label = {}, options = {}, expected, foreseen }] of Object.entries(CASES)) {
  t.test(`${title}: the launch fails with the cause and leaves nothing`, { skip }, async (t) => {
    const world = makeWorld(t);
    const own = typeof label === 'function' ? label(world, t) : label;
    const opened = world.open({ ...options, labels: { bad: own, good: {} } });

    const reason = await opened.connected('bad');
    if (foreseen) t.match(reason, expected, 'known before anybody tries');
    else t.equal(reason, undefined);
    t.match(await failureOf(opened.launch('bad')), expected);
    t.strictSame(world.leftovers(), []);

    if (title === 'runc missing') return;
    const instance = await opened.launch('good');
    await opened.provider.destroy(instance.externalId, signal());
    t.strictSame(world.leftovers(), [], 'other labels are served');
  });
}

t.test('a label is served again once its problem is solved', { skip }, async (t) => {
  const world = makeWorld(t);
  const path = makeRootfs(t, world);
  const keys = join(path, `home/${world.user}/.ssh/authorized_keys`);
  const text = readFileSync(keys);
  rmSync(keys);
  const opened = world.open({ labels: { debian: { path } } });
  t.match(await opened.connected(), /authorized_keys does not exist/);
  writeFileSync(keys, text);
  const instance = await opened.launch();
  t.equal((await world.ssh(instance, 'true')).code, 0);
  t.equal(await opened.connected(), undefined);
});

t.test('a port range that is used up fails the launch, and room is found again', { skip }, async (t) => {
  const world = makeWorld(t);
  const { first } = world.ports;
  const opened = world.open({ pool: { 'port-range': `${first}-${first + 1}` } });
  const other = await listenOn(t, first);
  const instance = await opened.launch();
  t.equal(instance.connectionPort, first + 1, 'a port that others use is skipped');
  t.match(await failureOf(opened.launch()), new RegExp(`no free port from ${first} to ${first + 1}`));
  other.close();
  await once(other, 'close');
  const second = await opened.launch();
  t.equal(second.connectionPort, first);
  for (const { externalId } of [instance, second]) await opened.provider.destroy(externalId, signal());
  t.strictSame(world.leftovers(), []);
});

t.test('a full disk fails the launch and leaves nothing', { skip }, async (t) => {
  const world = makeWorld(t);
  const disk = join(world.directory, 'disk');
  mkdirSync(disk);
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'test', disk]);
  t.equal(status, 0);
  t.teardown(() => spawnSync('umount', ['--lazy', disk]));
  const base = join(disk, 'runc');
  const opened = world.open({ settings: { paths: { ...world.paths, base } } });
  await opened.connected();
  const filler = join(disk, 'filler');
  spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k', 'count=1000'], { stdio: 'ignore' });
  spawnSync('truncate', ['--size=-40k', filler]);
  t.match(await failureOf(opened.launch()), /No space left on device|is the disk full/);
  t.strictSame(spawnSync('ls', [base], { encoding: 'utf8' }).stdout, '');
  rmSync(filler);
  const instance = await opened.launch();
  await opened.provider.destroy(instance.externalId, signal());
});

t.test('an unreachable hypervisor is reported, and the other pools are served', { skip }, async (t) => {
  const world = makeWorld(t);
  const port = await freePort();
  writeFileSync(join(world.directory, 'id'), makeKey().private, { mode: 0o600 });
  const opened = world.open({
    poolName: '127.0.0.1',
    pool: { connection: 'ssh', 'ssh-port': port },
    provider: { 'ssh-key': join(world.directory, 'id'), 'known-hosts': join(world.directory, 'known_hosts') },
  });
  t.match(await opened.connected(), new RegExp(`127\\.0\\.0\\.1:${port}: connection refused`));
  t.match(opened.provider.unready(opened.pool, { name: 'debian', options: {} }), { temporary: true });
  t.match(await failureOf(opened.launch()), /connection refused/);
  t.match(
    await failureOf(opened.provider.destroy('x-debian-1', signal())),
    /connection refused/,
    'not taken for gone',
  );
  t.ok(
    opened.events.some(({ level, logger }) => level === 'error' && logger.startsWith('nodepool.driver.runc')),
  );
});

t.test('a container whose port cannot be reached is a failed launch, and removed', { skip }, async (t) => {
  const world = makeWorld(t);
  // An address for documentation (RFC 5737), as behind a firewall that drops everything.
  const opened = world.open({ pool: { address: '203.0.113.1' }, bootTimeoutMs: 500 });
  await opened.connected();
  await t.rejects(opened.launch(), { name: 'LaunchError', stage: 'keyscan', message: /203\.0\.113\.1:\d+/ });
  t.strictSame(world.leftovers(), []);
});

t.test('a container that dies is noticed, whoever killed it, and can be removed', { skip }, async (t) => {
  const world = makeWorld(t);
  const opened = world.open();
  const instance = await opened.launch();
  const pid = Number(readFileSync(join(world.base, instance.externalId, 'pid'), 'utf8'));
  process.kill(pid, 'SIGKILL');
  const reason = await until(() => opened.provider.checkAlive?.(instance.externalId, signal()));
  t.match(reason, /does not run any more/);
  t.match(await opened.provider.list(signal()), [{ externalId: instance.externalId, running: false }]);
  await opened.provider.destroy(instance.externalId, signal());
  t.strictSame(world.leftovers(), []);
});

t.test('a failed bundle is kept as long as wanted, and can be run by hand', { skip }, async (t) => {
  const world = makeWorld(t);
  const opened = world.open({
    labels: { debian: { 'hidden-paths': ['/usr'] } },
    provider: { 'keep-failed-bundles': 3600 },
  });
  const spec = opened.spec();
  t.match(await failureOf(opened.launch('debian', spec)), /runc run failed/);
  const id = `${spec.nodeId}-debian-200-0000000017`;
  await opened.provider.destroy(id, signal());
  t.strictSame(
    world.leftovers(),
    [id, `mount ${join(world.base, id, 'rootfs')}`],
    'only what is needed for that',
  );
  const again = spawnSync('runc', ['run', '--bundle', join(world.base, id), `${id}-debug`], {
    encoding: 'utf8',
  });
  t.match(again.stderr, /no such file or directory/);
  t.strictSame(await opened.provider.list(signal()), []);
  writeFileSync(join(world.base, id, 'keep-until'), '1\n');
  t.strictSame(await opened.provider.list(signal()), []);
  t.strictSame(world.leftovers(), [], 'removed when its time is over');
});

t.test('what belongs to another provider is neither listed nor removed', { skip }, async (t) => {
  const world = makeWorld(t);
  const mine = world.open({ providerName: 'mine' });
  const theirs = world.open({ providerName: 'theirs' });
  const spec = theirs.spec();
  const { externalId } = await theirs.launch('debian', spec);
  t.strictSame(await mine.provider.list(signal()), []);
  t.match(await failureOf(mine.provider.destroy(externalId, signal())), /belongs to another provider/);
  t.match(await failureOf(mine.launch('debian', spec)), /cannot make .*: it exists already/);
  t.equal(await theirs.provider.checkAlive?.(externalId, signal()), undefined);
  await theirs.provider.destroy(externalId, signal());
  t.strictSame(world.leftovers(), []);
});

t.test('a changed host key is refused, with both fingerprints and what to do', { skip }, async (t) => {
  const world = makeWorld(t);
  const server = await startSshd(t);
  const knownHosts = join(world.directory, 'known_hosts');
  writeFileSync(knownHosts, `# one line before\n[127.0.0.1]:${server.port} ${makeKey().public}\n`);
  const opened = world.open({
    poolName: '127.0.0.1',
    pool: { connection: 'ssh', 'ssh-port': server.port },
    provider: { 'ssh-key': server.clientKeyFile, 'known-hosts': knownHosts },
  });
  const reason = await opened.connected();
  t.match(
    reason,
    /the host key of 127\.0\.0\.1 has changed: expected ssh-ed25519 SHA256:\S+ \(.*known_hosts line 2\)/,
  );
  t.match(reason, /found ssh-ed25519 SHA256:\S+\. .*ssh-keygen -R '\[127\.0\.0\.1\]:\d+'/);
  t.equal(readFileSync(knownHosts, 'utf8').split('\n').length, 3, 'the file is as before');
});
