/** Images that begin with a local image instead of nothing: `DIB_LOCAL_IMAGE`, with the real diskimage-builder. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openBuilder } from '../support/builder.ts';
import { ELEMENTS, skipBuilds } from '../support/dib/real.ts';
import { tempDir } from '../support/temp.ts';

t.setTimeout(0); // The suite's limit applies.

const PATIENT_MS = 240_000;
const skip = skipBuilds();

/** A small system with a file of its own, as a tar file and as a disk image with a partition. */
function makeBases(t: Test): { tar: string; qcow2: string } {
  const dir = tempDir(t);
  const root = join(dir, 'root');
  const run = (program: string, args: readonly string[], input?: string) =>
    execFileSync(program, args, {
      input,
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { ...process.env, TARGET_ROOT: root },
    });
  run(join(ELEMENTS.test, 'host-os/root.d/10-host-os'), []);
  mkdirSync(join(root, 'opt'));
  writeFileSync(join(root, 'opt/base'), 'the base\n');
  execFileSync('chown', ['123:456', join(root, 'opt/base')]);
  const [tar, part, disk, qcow2] = ['base.tar', 'part', 'disk', 'base.qcow2'].map((name) =>
    join(dir, name),
  ) as [string, string, string, string];
  run('tar', ['-C', root, '-cf', tar, '.']);
  run('truncate', ['-s', '64M', part]);
  run('mkfs.ext4', ['-q', '-d', root, part]);
  run('truncate', ['-s', '66M', disk]);
  run('sfdisk', [disk], '2048,131072\n');
  run('dd', [`if=${part}`, `of=${disk}`, 'bs=1M', 'seek=1', 'conv=notrunc,sparse']);
  run('qemu-img', ['convert', '-O', 'qcow2', disk, qcow2]);
  return { tar, qcow2 };
}

t.test('a tar file and a disk image are what an element builds on', { skip }, async (t) => {
  const bases = makeBases(t);
  const images = Object.entries(bases).map(
    ([name, path]) =>
      `  - {name: ${name}, elements: [local-base], formats: [tar], env-vars: {DIB_LOCAL_IMAGE: ${path}, DIB_JOURNAL_SIZE: "8"}}\n`,
  );
  const b = await openBuilder(t, {
    yaml: `elements-dir: ${ELEMENTS.test}\ndiskimages:\n${images.join('')}`,
    waitMs: PATIENT_MS,
    workers: { buildWorkers: 2 },
  });
  for (const name of Object.keys(bases)) {
    const { id } = await b.build(name, 'ready');
    const tar = `${join(b.imagesDir, id.replace('/', '-'))}.tar`;
    const list = execFileSync('tar', ['--numeric-owner', '-tvf', tar, './opt/base'], { encoding: 'utf8' });
    t.match(list, /^-rw-r--r-- 123\/456 /, `${name}: what was in the base is in the image`);
  }
});

t.test('a base that is missing, or not named, fails the build and is told', { skip }, async (t) => {
  const b = await openBuilder(t, {
    yaml: `
elements-dir: ${ELEMENTS.test}
diskimages:
  - {name: absent, elements: [local-base], formats: [tar], env-vars: {DIB_LOCAL_IMAGE: /nonexistent/base.qcow2}}
  - {name: rhel, elements: [rhel], formats: [raw]}
  - {name: rhel-absent, elements: [rhel], formats: [raw], env-vars: {DIB_LOCAL_IMAGE: /nonexistent/rhel.qcow2}}
`,
    waitMs: PATIENT_MS,
    workers: { buildWorkers: 2 },
  });
  const absent = await b.build('absent', 'failed');
  t.match(absent.value.error, "Could not open '/nonexistent/base.qcow2'");
  t.match(b.log(absent.id), '/nonexistent/base.qcow2');
  const rhel = await b.build('rhel', 'failed');
  t.match(rhel.value.error, 'No source for a base image file configured');
  t.match(b.log(rhel.id), 'No source for a base image file configured');
  const rhelAbsent = await b.build('rhel-absent', 'failed');
  t.match(rhelAbsent.value.error, '/nonexistent/rhel.qcow2');
  t.same(b.files(), []);
});
