/** Images in a directory: files and root file systems, on this machine and over SSH. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import t, { type Test } from 'tap';
import { systemClock } from '../../../src/clock.ts';
import { directoryDriver } from '../../../src/directory/driver.ts';
import type { ImageStore, UploadSpec } from '../../../src/driver/images.ts';
import { silentLogger } from '../../../src/log.ts';
import { providerConfig } from '../../support/provider-config.ts';
import { startSshServer } from '../../support/ssh-server.ts';
import { startSshd } from '../../support/sshd.ts';
import { tempDir } from '../../support/temp.ts';
import { driverContract } from '../driver/contract.ts';

const skip = process.getuid?.() === 0 ? false : 'owners of files need root';
const never = new AbortController().signal;

function open(section: Record<string, unknown>) {
  const config = providerConfig(directoryDriver, {
    name: 'shelf',
    diskimages: [{ name: 'debian' }],
    pools: [{ name: 'none', labels: [] }],
    ...section,
  });
  const pool = config.pools.get('none');
  if (pool === undefined) throw new TypeError('no pool');
  const deps = { log: silentLogger, clock: systemClock, onChange: () => undefined };
  return { provider: directoryDriver.open(config, deps), pool };
}

/** A tar file with a system of a few files in it; `mark` tells it from others. */
function makeTar(t: Test, mark = 'one'): string {
  const dir = tempDir(t);
  const root = join(dir, 'root');
  mkdirSync(join(root, 'etc'), { recursive: true });
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\n');
  writeFileSync(join(root, 'etc/mark'), mark);
  writeFileSync(join(root, 'tool'), '', { mode: 0o755 });
  execFileSync('chmod', ['4755', join(root, 'tool')]);
  execFileSync('chown', ['12345:54321', join(root, 'etc/mark')]);
  execFileSync('tar', ['-C', root, '-cf', join(dir, 'image.tar'), '.']);
  return join(dir, 'image.tar');
}

const remains = (path: string) => async (externalId: string) =>
  existsSync(path)
    ? readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.includes(basename(externalId)),
      )
    : [];

t.test('files', { skip }, async (t) => {
  const path = join(tempDir(t), 'shelf');
  await driverContract(t, async () => ({
    ...open({ path, 'image-format': 'qcow2' }),
    imageRemains: remains(path),
  }));
  t.same(readdirSync(path), [], 'nothing is left, hidden or not');
});

t.test('root file systems', { skip }, async (t) => {
  const path = join(tempDir(t), 'shelf');
  await driverContract(t, async () => ({
    ...open({ path }),
    imageFile: makeTar,
    imageRemains: remains(path),
  }));
  t.same(readdirSync(path), []);
});

t.test('on another host', { skip }, async (t) => {
  const sshd = await startSshd(t);
  const path = join(tempDir(t), 'shelf');
  const host = {
    host: sshd.host,
    'ssh-port': sshd.port,
    'host-key': sshd.hostKeys,
    'ssh-key': sshd.clientKeyFile,
  };
  await driverContract(t, async () => ({
    ...open({ path, ...host, 'image-format': 'raw' }),
    imageRemains: remains(path),
  }));
  t.same(readdirSync(path), []);
});

t.test('a command is over when all that its host says about it comes at once', async (t) => {
  const server = await startSshServer(t, { atOnce: true });
  const dir = tempDir(t);
  const keyFile = join(dir, 'key');
  writeFileSync(keyFile, server.clientKey.private, { mode: 0o600 });
  const { provider } = open({
    path: join(dir, 'shelf'),
    host: server.host,
    'ssh-port': server.port,
    'host-key': server.hostKeys,
    'ssh-key': keyFile,
  });
  const { images } = provider;
  t.same(await images?.list(AbortSignal.timeout(10_000)), []);
});

t.test(
  'a root file system keeps owners and modes, and has what is mounted in every system',
  { skip },
  async (t) => {
    const { path, images, publish } = openShelf(t);
    const id = await publish('1');
    const root = join(path, 'debian');
    t.equal(readlinkSync(root), `.builds/${basename(id)}/rootfs`);
    t.equal(statSync(join(root, 'etc/mark')).uid, 12345);
    t.equal(statSync(join(root, 'etc/mark')).gid, 54321);
    t.equal(statSync(join(root, 'tool')).mode & 0o7777, 0o4755);
    t.equal(statSync(id).mode & 0o777, 0o700, 'its setuid programs are not for users of the host');
    for (const name of ['dev', 'proc', 'run', 'sys', 'tmp']) t.ok(existsSync(join(root, name)), name);
    await images.remove(id, never);
  },
);

t.test(
  'the link is always there while images change, and goes back when the newest is removed',
  { skip },
  async (t) => {
    const { path, images, publish } = openShelf(t);
    const mark = () => readFileSync(join(path, 'debian/etc/mark'), 'utf8');
    const first = await publish('1', 'first');
    t.equal(mark(), 'first');
    const second = await publish('2', 'second');
    t.equal(mark(), 'second');
    await images.remove(second, never);
    t.equal(mark(), 'first', 'the one before takes its place');
    await images.remove(first, never);
    t.same(readdirSync(path), []);
  },
);

t.test('an image is not removed while a container has it below its overlay', { skip }, async (t) => {
  const { path, images, publish } = openShelf(t);
  const id = await publish('1');
  const overlay = join(tempDir(t), 'container');
  mkdirSync(overlay);
  execFileSync('mount', ['-t', 'tmpfs', 'test', overlay]);
  for (const name of ['upper', 'work', 'root']) mkdirSync(join(overlay, name));
  const layers = `lowerdir=${join(id, 'rootfs')},upperdir=${overlay}/upper,workdir=${overlay}/work`;
  execFileSync('mount', ['-t', 'overlay', '-o', layers, 'test', join(overlay, 'root')]);
  let mounted = true;
  const unmount = () => {
    if (mounted) execFileSync('umount', [join(overlay, 'root'), overlay]);
    mounted = false;
  };
  t.teardown(unmount);
  await t.rejects(images.remove(id, never), { name: 'ImageInUseError', message: /a container runs on/ });
  t.ok(existsSync(join(id, 'rootfs/etc/mark')), 'nothing of it is gone');
  t.notOk(existsSync(join(path, 'debian')), 'but nothing new begins on it');
  unmount();
  await images.remove(id, never);
  t.same(readdirSync(path), []);
});

t.test('what somebody else has put there is neither listed, replaced nor removed', { skip }, async (t) => {
  const { path, images, publish } = openShelf(t);
  mkdirSync(join(path, 'debian'), { recursive: true });
  mkdirSync(join(path, '.builds', 'mine'), { recursive: true });
  writeFileSync(join(path, 'debian', 'precious'), '');
  await t.rejects(publish('1'), { message: /debian exists and is no link; nothing of it is changed/ });
  t.same(readdirSync(join(path, '.builds')), ['mine'], 'what was sent is removed');
  for (const foreign of ['.builds/mine', 'debian', '.builds/../debian', '/etc']) {
    await images.remove(foreign.startsWith('/') ? foreign : join(path, foreign), never);
  }
  t.ok(existsSync(join(path, 'debian/precious')));
  t.ok(existsSync(join(path, '.builds/mine')));
  t.same(await images.list(never), []);
});

t.test('a tar file that is cut, or holds no system, is refused and leaves nothing', { skip }, async (t) => {
  const { path, upload } = openShelf(t);
  const dir = tempDir(t);
  const whole = readFileSync(makeTar(t));
  writeFileSync(join(dir, 'cut.tar'), whole.subarray(0, whole.indexOf('root:x:0') + 10));
  await t.rejects(upload('1', join(dir, 'cut.tar')), { message: /cannot unpack the image/ });
  execFileSync('tar', ['-C', dir, '-cf', join(dir, 'empty.tar'), '--files-from=/dev/null']);
  await t.rejects(upload('2', join(dir, 'empty.tar')), {
    message: /holds no system: it has no \/etc\/passwd/,
  });
  t.same(readdirSync(path), []);
});

t.test('what a killed builder has left is listed, and removed by its id', { skip }, async (t) => {
  const { path, images } = openShelf(t);
  const id = `debian-${'a'.repeat(32)}-0000000007`;
  const folder = join(path, '.builds', id);
  mkdirSync(join(folder, 'rootfs.new/etc'), { recursive: true });
  const mark = { image: 'debian', build: 'a'.repeat(32), upload: '0000000007' };
  writeFileSync(
    join(folder, 'mark.json'),
    `${JSON.stringify({ provider: 'shelf', id, name: 'x', ...mark })}\n`,
  );
  symlinkSync(`.builds/${id}/rootfs`, join(path, `.link-${id}`));
  t.match(await images.list(never), [{ externalId: folder, ...mark }]);
  await images.remove(folder, never);
  t.same(readdirSync(path), []);
});

t.test('a broken mark does not hide the other images', { skip }, async (t) => {
  const { path, images, publish } = openShelf(t);
  const id = await publish('1');
  for (const [name, text] of Object.entries({
    cut: '{"provider":"sh',
    empty: '',
    other: '[\n1]',
    nothing: 'null',
  })) {
    mkdirSync(join(path, '.builds', name));
    writeFileSync(join(path, '.builds', name, 'mark.json'), text);
  }
  t.match(await images.list(never), [{ externalId: id }]);
  t.equal((await images.list(never)).length, 1);
});

t.test('a copy can be read by all, whatever its file is', { skip }, async (t) => {
  const { path, upload } = openShelf(t, 'raw');
  const file = join(tempDir(t), 'image.raw');
  writeFileSync(file, 'an image', { mode: 0o600 });
  const id = await upload('1', file);
  t.equal(readFileSync(join(path, 'debian.raw'), 'utf8'), 'an image');
  t.equal(statSync(join(id, 'image.raw')).mode & 0o777, 0o644);
});

t.test('a tar file that was damaged since it was built leaves nothing', { skip }, async (t) => {
  const { path, upload } = openShelf(t);
  const tar = makeTar(t);
  await t.rejects(upload('1', tar, { crc32: ['00000000'] }), { message: /1 of 1 blocks damaged/ });
  t.same(readdirSync(path), []);
  const sum = crc32(readFileSync(tar)).toString(16).padStart(8, '0');
  await upload('2', tar, { crc32: [sum] });
  t.equal(readFileSync(join(path, 'debian/etc/mark'), 'utf8'), 'one');
});

function openShelf(t: Test, format = 'tar') {
  const path = join(tempDir(t), 'shelf');
  const { provider } = open({ path, 'image-format': format });
  const images = provider.images as ImageStore;
  const upload = async (number: string, file: string, checksums: UploadSpec['checksums'] = {}) => {
    const mark = { image: 'debian', build: 'f'.repeat(32), upload: number.padStart(10, '0') };
    const spec: UploadSpec = {
      mark,
      name: `debian-${number}`,
      file,
      format,
      sizeBytes: statSync(file).size,
      checksums,
      properties: {},
    };
    const context = {
      signal: never,
      log: silentLogger,
      onExternalId: () => Promise.resolve(),
      onProgress: () => undefined,
    };
    return (await images.upload(spec, context)).externalId;
  };
  return {
    path,
    images,
    upload,
    publish: (number: string, mark?: string) => upload(number, makeTar(t, mark)),
  };
}
