import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { sshdMissing } from '../../support/sshd.ts';
import { makeWorld, run, runcMissing, WAYS, type World } from './world.ts';

const skip = runcMissing() || sshdMissing();

interface Config {
  process: { args: string[]; noNewPrivileges: boolean };
  root: { path: string; readonly: boolean };
  annotations: Record<string, string>;
}

function configOf(world: World, id: string): Config {
  return JSON.parse(readFileSync(join(world.base, id, 'config.json'), 'utf8')) as Config;
}

t.test('a container is made, reached, looked at and removed', { skip }, async (t) => {
  for (const [name, options] of Object.entries(WAYS)) {
    await t.test(name, async (t) => {
      const world = makeWorld(t);
      const opened = world.open(await options(t, world));
      const spec = opened.spec();
      const signal = AbortSignal.timeout(30_000);
      const instance = await opened.launch('debian', spec);
      const id = `${spec.nodeId}-debian-200-0000000017`;

      t.match(instance, {
        externalId: id,
        hostname: opened.pool.name,
        interfaceIp: '127.0.0.1',
        connectionType: 'ssh',
        connectionPort: world.ports.first,
        username: world.user,
        hostKeys: [/^ssh-ed25519 AAAA/],
        pythonPath: 'auto',
      });
      const { code, stdout, stderr } = await world.ssh(
        instance,
        'id -un; hostname; cd src && touch written && echo ok',
      );
      t.strictSame([code, stdout, stderr], [0, `${world.user}\n${id}\nok\n`, '']);

      const config = configOf(world, id);
      t.match(config.process.args.join(' '), new RegExp(`^/usr/sbin/sshd .*-p ${instance.connectionPort}$`));
      t.equal(config.annotations['org.nodepool.provider'], 'runc-farm');
      t.match((await run('runc', ['list', '-q'])).stdout.split('\n'), new Set([id]));
      t.match((await run('runc', ['exec', id, 'bash', '-c', 'id -u; cat /proc/1/comm'])).stdout, '0\nsshd\n');

      t.strictSame(await opened.provider.list(signal), [
        { externalId: id, nodeId: spec.nodeId, pool: opened.pool.name, running: true },
      ]);
      t.equal(await opened.provider.checkAlive?.(id, signal), undefined);

      await opened.provider.destroy(id, signal);
      t.strictSame(world.leftovers(), [], 'nothing is left');
      t.strictSame(await opened.provider.list(signal), []);
      t.match(await opened.provider.checkAlive?.(id, signal), /does not exist/);
      await opened.provider.destroy(id, signal);

      const next = await opened.launch();
      t.equal(next.connectionPort, world.ports.first, 'the port is used again');
      await opened.provider.destroy(next.externalId, signal);
    });
  }
});

t.test('runc run with the bundle by hand shows what sshd says, and harms nothing', { skip }, async (t) => {
  const world = makeWorld(t);
  const opened = world.open();
  const instance = await opened.launch();
  const name = `${instance.externalId}-debug`;
  const { stderr } = await run('runc', ['run', '--bundle', join(world.base, instance.externalId), name]);
  t.match(stderr, /Bind to port \d+ on 0\.0\.0\.0 failed: Address already in use/);
  t.equal((await world.ssh(instance, 'true')).code, 0, 'the node itself goes on');
  await opened.provider.destroy(instance.externalId, AbortSignal.timeout(30_000));
  t.strictSame(world.leftovers(), []);
});

t.test('only the worker may log in, and only with the key of its authorized_keys', { skip }, async (t) => {
  const world = makeWorld(t);
  const instance = await world.open().launch();
  const asRoot = await world.ssh(instance, 'true', ['-l', 'root']);
  t.equal(asRoot.code, 0, 'the first user name given to ssh counts');
  t.equal((await world.ssh({ ...instance, username: 'root' }, 'true')).code, 255);
  const foreign = { ...instance, hostKeys: [world.key.public] };
  t.match(
    (await world.ssh(foreign, 'true')).stderr,
    /REMOTE HOST IDENTIFICATION HAS CHANGED|verification failed/i,
  );
});

t.test('another attempt for the same node is another container', { skip }, async (t) => {
  const world = makeWorld(t);
  const opened = world.open();
  const spec = opened.spec();
  const first = await opened.launch('debian', spec);
  const second = await opened.launch('debian', { ...spec, attempt: 2 });
  t.equal(second.externalId, `${first.externalId}-2`);
  t.not(second.connectionPort, first.connectionPort);
});

t.test('a pseudo terminal, files copied with sftp, and signals work as on a machine', { skip }, async (t) => {
  const world = makeWorld(t);
  const instance = await world.open().launch();
  const terminal = await world.ssh(instance, 'tty; grep SigIgn /proc/self/status', ['-tt']);
  t.match(terminal.stdout, /\/dev\/pts\/\d/);
  t.match(terminal.stdout, /SigIgn:\t0000000000000000/, 'no signal is ignored, so Ctrl-C reaches jobs');
  const known = join(world.directory, `known-${instance.externalId}`);
  const copy = await run('scp', [
    ...['-F', 'none', '-i', world.keyFile, '-P', String(instance.connectionPort), '-o', 'BatchMode=yes'],
    ...['-o', `UserKnownHostsFile=${known}`, world.keyFile, `${world.user}@127.0.0.1:src/copied`],
  ]);
  t.equal(copy.code, 0, copy.stderr);
  t.ok(existsSync(join(world.base, instance.externalId, 'homedir/src/copied')));
});

t.test('the rootfs is mounted once, whoever asks, and given back by the last', { skip }, async (t) => {
  const world = makeWorld(t);
  const opened = [world.open(), world.open({ providerName: 'other' }), world.open({ providerName: 'third' })];
  await Promise.all(opened.map((one) => one.connected()));
  const mounts = () =>
    readFileSync('/proc/self/mountinfo', 'utf8').split(`${world.paths.hostRootfs} ro,`).length - 1;
  t.equal(mounts(), 1);
  await opened[0]?.close();
  t.equal(mounts(), 1, 'others still use it');
  await opened[1]?.close();
  await opened[2]?.close();
  t.equal(mounts(), 0);
  t.strictSame(readdirSync(join(world.base, '.agents')), []);
});

t.test('a container whose bundle was removed by hand is found and removed', { skip }, async (t) => {
  const world = makeWorld(t);
  const opened = world.open();
  const { externalId } = await opened.launch();
  const bundle = join(world.base, externalId);
  await run('umount', ['--lazy', join(bundle, 'rootfs')]);
  rmSync(bundle, { recursive: true });
  const signal = AbortSignal.timeout(30_000);
  t.match(await opened.provider.list(signal), [{ externalId, running: true }]);
  await opened.provider.destroy(externalId, signal);
  t.strictSame(world.leftovers(), []);
});
