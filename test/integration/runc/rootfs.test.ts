import {
  existsSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeKey } from '../../support/ssh-keys.ts';
import { makeRootfs } from './rootfs.ts';
import { makeWorld, run, runcMissing } from './world.ts';

const skip = runcMissing();
const signal = () => AbortSignal.timeout(30_000);

t.test('what is on the hypervisor is in its containers, without an image', { skip }, async (t) => {
  const world = makeWorld(t);
  const instance = await world.open().launch();
  const tool = `/usr/local/bin/${world.user}`;
  writeFileSync(tool, '#!/bin/sh\necho from the host\n', { mode: 0o755 });
  t.teardown(() => rmSync(tool));
  t.equal((await world.ssh(instance, tool)).stdout, 'from the host\n');
});

t.test('a label with a path has its own files, users and keys', { skip }, async (t) => {
  const world = makeWorld(t);
  const path = makeRootfs(t, world);
  const theirs = makeKey();
  writeFileSync(join(path, 'etc/os-release'), 'NAME="Test"\n');
  const passwd = readFileSync(join(path, 'etc/passwd'), 'utf8');
  writeFileSync(
    join(path, 'etc/passwd'),
    passwd.replace(new RegExp(`^${world.user}:x:\\d+:\\d+:`, 'm'), `${world.user}:x:4711:4711:`),
  );
  writeFileSync(join(path, `home/${world.user}/.ssh/authorized_keys`), `${theirs.public}\n`);
  const theirKey = join(world.directory, 'their-key');
  writeFileSync(theirKey, theirs.private, { mode: 0o600 });

  const opened = world.open({ labels: { debian: {}, custom: { path } } });
  const [debian, custom] = await Promise.all([opened.launch('debian'), opened.launch('custom')]);
  t.notMatch((await world.ssh(debian, 'cat /etc/os-release')).stdout, 'NAME="Test"');
  t.equal(
    (await world.ssh(custom, 'true')).code,
    255,
    "the hypervisor's key for the user does not open this label",
  );
  const inside = await world.ssh(custom, 'cat /etc/os-release; id -u; touch ~/src/written && echo ok', [
    '-i',
    theirKey,
  ]);
  t.equal(inside.stdout, 'NAME="Test"\n4711\nok\n');
  t.not((await world.ssh(custom, 'touch /usr/share/changed', ['-i', theirKey])).code, 0);
  for (const { externalId } of [debian, custom]) await opened.provider.destroy(externalId, signal());
  t.strictSame(world.leftovers(), []);
  t.notOk(existsSync(join(path, 'usr/share/changed')));
});

t.test('containers with rw-overlay change their own copy only', { skip }, async (t) => {
  const world = makeWorld(t);
  writeFileSync(`/etc/sudoers.d/${world.user}`, `${world.user} ALL=(ALL) NOPASSWD: ALL\n`, { mode: 0o440 });
  t.teardown(() => rmSync(`/etc/sudoers.d/${world.user}`));
  const path = makeRootfs(t, world);
  const opened = world.open({
    labels: {
      shared: { path, 'rw-overlay': true },
      host: { 'rw-overlay': true },
      bounded: { 'rw-overlay': true, 'rw-overlay-size': '32M' },
    },
  });
  const instances = [
    await opened.launch('shared'),
    await opened.launch('shared'),
    await opened.launch('host'),
    await opened.launch('bounded'),
  ];
  const [first, second, host, bounded] = instances;
  if (!first || !second || !host || !bounded) throw new Error('four were launched');
  const write = 'sudo -n sh -c "echo mine >/usr/share/np-test-mine" && cat /usr/share/np-test-mine';
  t.equal((await world.ssh(first, write)).stdout, 'mine\n');
  t.not((await world.ssh(second, 'cat /usr/share/np-test-mine')).code, 0, 'not in the other container');
  t.equal((await world.ssh(host, write)).stdout, 'mine\n');
  t.notOk(existsSync('/usr/share/np-test-mine'), 'not on the hypervisor');
  t.notOk(existsSync(join(path, 'usr/share/np-test-mine')), 'not in the rootfs');
  const full = await world.ssh(bounded, 'sudo -n dd if=/dev/zero of=/usr/share/big bs=1M count=64');
  t.match(full.stderr, /No space left on device/);
  for (const { externalId } of instances) await opened.provider.destroy(externalId, signal());
  t.strictSame(world.leftovers(), []);
});

t.test(
  'a path may be a link: a container keeps what it pointed to, the next one gets what it points to',
  { skip },
  async (t) => {
    const world = makeWorld(t);
    const [one, two] = [makeRootfs(t, world, 'one'), makeRootfs(t, world, 'two')];
    writeFileSync(join(one, 'etc/mark'), 'one\n');
    writeFileSync(join(two, 'etc/mark'), 'two\n');
    const link = join(world.directory, 'newest');
    symlinkSync(one, link);
    const opened = world.open({ labels: { image: { path: link } } });
    const before = await opened.launch('image');
    t.match(readFileSync('/proc/self/mountinfo', 'utf8'), `lowerdir=${realpathSync(one)},`, 'seen as in use');
    symlinkSync(two, `${link}.new`);
    renameSync(`${link}.new`, link);
    const after = await opened.launch('image');
    t.equal((await world.ssh(before, 'cat /etc/mark')).stdout, 'one\n');
    t.equal((await world.ssh(after, 'cat /etc/mark')).stdout, 'two\n');
    for (const { externalId } of [before, after]) await opened.provider.destroy(externalId, signal());
    t.strictSame(world.leftovers(), []);
  },
);

t.test('a pool may give all its labels an overlay', { skip }, async (t) => {
  const world = makeWorld(t);
  const opened = world.open({
    pool: { 'rw-overlay': true },
    labels: { debian: {}, plain: { 'rw-overlay': false } },
  });
  const [debian, plain] = await Promise.all([opened.launch('debian'), opened.launch('plain')]);
  const rootOf = (id: string) =>
    (JSON.parse(readFileSync(join(world.base, id, 'config.json'), 'utf8')) as { root: { readonly: boolean } })
      .root;
  t.equal(rootOf(debian.externalId).readonly, false);
  t.equal(rootOf(plain.externalId).readonly, true, 'the label decides last');
});

t.test(
  'names are resolved as on the hypervisor, also where resolv.conf is a link into /run',
  { skip },
  async (t) => {
    const world = makeWorld(t);
    const path = makeRootfs(t, world);
    rmSync(join(path, 'etc/resolv.conf'), { force: true });
    symlinkSync('../run/systemd/resolve/stub-resolv.conf', join(path, 'etc/resolv.conf'));
    const opened = world.open({ labels: { plain: { path }, overlay: { path, 'rw-overlay': true } } });
    for (const label of ['plain', 'overlay']) {
      const instance = await opened.launch(label);
      const { stdout } = await world.ssh(instance, 'cat /etc/resolv.conf; getent hosts $(hostname)');
      t.match(stdout, readFileSync('/etc/resolv.conf', 'utf8').trim());
      t.match(stdout, `127.0.1.1       ${instance.externalId}`, 'and its own name');
    }
  },
);

t.test('a directory for console logs other than /tmp is there and writable', { skip }, async (t) => {
  const world = makeWorld(t);
  const path = makeRootfs(t, world);
  const opened = world.open({
    labels: { debian: {}, custom: { path } },
    provider: { 'zuul-console-dir': '/srv/zuul-console/' },
  });
  for (const label of ['debian', 'custom']) {
    const instance = await opened.launch(label);
    t.equal((await world.ssh(instance, 'echo x >/srv/zuul-console/console-1.log && echo ok')).stdout, 'ok\n');
    t.ok(existsSync(join(world.base, instance.externalId, 'console/console-1.log')));
  }
  t.equal((await run('ls', ['/srv/zuul-console'])).code, 2, 'nothing of it on the hypervisor');
});

t.test('a container does not mind when accounts and names change on the hypervisor', { skip }, async (t) => {
  const world = makeWorld(t);
  const path = makeRootfs(t, world);
  const opened = world.open({ labels: { debian: { path } } });
  const instance = await opened.launch();
  for (const name of ['shadow', 'gshadow', 'hosts', 'resolv.conf', 'hostname']) {
    const file = join(path, 'etc', name);
    writeFileSync(`${file}.new`, `${world.user}:!locked:::::::\n`);
    renameSync(`${file}.new`, file);
  }
  const { stdout, stderr } = await world.ssh(instance, 'cat /etc/hostname; head -n 1 /etc/hosts');
  t.equal(stderr, '');
  t.match(stdout, instance.externalId);
  t.notMatch(stdout, 'locked');
});
