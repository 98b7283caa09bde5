/** Disks without room, for images and for what is published: told, cleaned up after, and used again when there is room. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openBuilder } from '../../support/builder.ts';
import { tempDir } from '../../support/temp.ts';

const skip = mountMissing();

/** Why nothing can be mounted here; false when it can. */
function mountMissing(): string | false {
  if (process.getuid?.() !== 0) return 'mounting a small file system needs root';
  const dir = tempDir(t);
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'test', dir], { stdio: 'ignore' });
    execFileSync('umount', [dir]);
    return false;
  } catch {
    return 'nothing can be mounted here';
  }
}

/** A file system of so many KiB at the path, until the test ends. */
function mountSmall(t: Test, path: string, kib: number): { resize(kib: number): void } {
  mkdirSync(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'test', path]);
  t.teardown(() => execFileSync('umount', ['--lazy', path]));
  return { resize: (kib) => execFileSync('mount', ['-o', `remount,size=${kib}k`, path]) };
}

const image = (name: string, kib: number) =>
  `  - {name: ${name}, dib-cmd: <DIB>, formats: [raw], env-vars: {STAND_IN_DATA: "${kib}"}}\n`;

t.test(
  'no room for an image: the build says so and leaves nothing, others are built, and so is it later',
  { skip },
  async (t) => {
    const dir = tempDir(t);
    const disk = mountSmall(t, join(dir, 'images-one'), 1024);
    const yaml = `diskimages:\n${image('large', 2048)}${image('small', 64)}`;
    const b = await openBuilder(t, { dir, yaml });
    const failed = await b.build('large', 'failed');
    t.match(failed.value.error, /^exit code 1: .*No space left on device$/);
    const small = await b.build('small', 'ready');
    t.same(
      b.files().filter((file) => file.startsWith('large-')),
      [],
      'nothing takes the room that it did not get',
    );
    t.ok(b.files().includes(`${small.id.replace('/', '-')}.raw`));

    disk.resize(4096);
    await b.request('large');
    await b.build('large', 'ready');
    t.ok(b.builds.entries.has(small.id), 'the other image is as it was');
  },
);

t.test('not even room for a note: the build has failed, and the builder goes on', { skip }, async (t) => {
  const dir = tempDir(t);
  const disk = mountSmall(t, join(dir, 'images-one'), 256);
  const b = await openBuilder(t, { dir, yaml: 'diskimages: []\n' });
  const filler = join(b.imagesDir, 'filler');
  t.throws(() => writeFileSync(filler, Buffer.alloc(512 * 1024)), { code: 'ENOSPC' });
  await b.reload(`diskimages:\n${image('small', 16)}`);
  const { value } = await b.build('small', 'failed');
  t.match(value.error, /no space left on device/i);
  t.same(b.files(), ['filler']);

  rmSync(filler);
  disk.resize(1024);
  await b.request('small');
  const { id } = await b.build('small', 'ready');
  t.ok(b.files().includes(`${id.replace('/', '-')}.raw`));
  t.same(readdirSync(join(b.imagesDir, '.running')), []);
});

for (const format of ['raw', 'tar']) {
  t.test(`no room where ${format} is published: told, cleaned up, tried again`, { skip }, async (t) => {
    const dir = tempDir(t);
    const disk = mountSmall(t, join(dir, 'shelf'), 512);
    const tar = makeSystem(t, dir, 1024);
    const yaml = (kib: number) => `diskimages:
  - name: image
    dib-cmd: ${format === 'raw' ? '<DIB>' : tar}
    env-vars: {STAND_IN_DATA: "${kib}"}
providers:
  - {name: shelf, driver: directory, path: <DIR>/shelf, image-format: ${format}, diskimages: [{name: image}]}
`;
    const b = await openBuilder(t, { dir, yaml: yaml(1024) });
    const first = await b.build('image', 'ready');
    const { value } = await b.upload('shelf', 'failed');
    t.match(value.error, /No space left on device|cannot unpack the image/);
    t.match(value.error, 'No space left on device');
    t.same(readdirSync(join(dir, 'shelf')), [], 'nothing is left there');
    t.ok(b.builds.entries.has(first.id), 'the build itself is good');

    disk.resize(8192);
    await b.request('image'); // Another build is uploaded at once; the first is tried again after a pause.
    const second = await b.build('image', 'ready', [first.id]);
    const upload = await b.upload('shelf', 'ready');
    t.ok(upload.id.startsWith(`${second.id}/`));
    t.ok(readdirSync(join(dir, 'shelf')).includes(format === 'tar' ? 'image' : 'image.raw'));
  });
}

/** A program that makes a tar file with a system of that size; returns its path. */
function makeSystem(t: Test, dir: string, kib: number): string {
  const system = join(dir, 'system');
  mkdirSync(join(system, 'etc'), { recursive: true });
  writeFileSync(join(system, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\n');
  writeFileSync(join(system, 'content'), Buffer.alloc(kib * 1024, 'x'));
  execFileSync('tar', ['-C', system, '-cf', join(dir, 'system.tar'), '.']);
  const program = join(dir, 'make-tar');
  writeFileSync(program, `#!/bin/sh\ncp '${dir}/system.tar' "$DIB_IMAGE_FILENAME.tar"\n`, { mode: 0o755 });
  return program;
}
