import t from 'tap';
import type { DiskImage } from '../../../src/config/config.ts';
import { dibCommand, dibEnvironment, digestDefinition } from '../../../src/dib/dib-command.ts';

const image = {
  name: 'debian',
  elements: ['debian-minimal', 'vm'],
  dibCmd: 'disk-image-create',
  release: 'bookworm',
  envVars: { DIB_IMAGE_NAME: 'mine', PASSWORD: 'secret-one' },
  secretEnvVars: ['PASSWORD'],
} as unknown as DiskImage;

t.test('the command line is the one that other programs know', async (t) => {
  const line = (given: Partial<DiskImage>, formats: string[]) =>
    dibCommand({ ...image, ...given }, { formats, base: '/i/debian-1' }).join(' ');
  t.equal(
    line({}, ['raw', 'qcow2']),
    'disk-image-create -x -t qcow2,raw --checksum --no-tmpfs --qemu-img-options compat=0.10 -o /i/debian-1 debian-minimal vm',
  );
  t.equal(
    line({ dibCmd: 'sudo dib-virt-customize', elements: ['base'] }, ['tar']),
    'sudo dib-virt-customize -x -t tar --checksum --no-tmpfs -o /i/debian-1 base',
  );
  t.match(line({ dibCmd: '%p/x' }, ['raw']), /^\/.*\/x -x/);
  t.throws(() => line({ dibCmd: ' ' }, ['raw']), /dib-cmd is empty/);
});

t.test('no secret is on the command line or in the digest', async (t) => {
  t.notMatch(dibCommand(image, { formats: ['raw'], base: '/i' }).join(' '), 'secret-one');
  const other = { ...image, envVars: { ...image.envVars, PASSWORD: 'secret-two' } };
  t.equal(digestDefinition(image), digestDefinition(other));
});

t.test('the digest follows what an image is made from, not what is done with it', async (t) => {
  const digest = digestDefinition(image);
  t.equal(digestDefinition({ ...image, rebuildAgeS: 5, formats: ['tar'], username: 'x' }), digest);
  for (const change of [{ elements: ['vm'] }, { release: 'trixie' }, { dibCmd: 'x' }, { envVars: {} }]) {
    t.not(digestDefinition({ ...image, ...change }), digest);
  }
});

t.test('the environment is that of the builder, then ours, then the image’s own', async (t) => {
  const env = dibEnvironment(image, {
    base: '/i/x',
    elementsDir: '/a:/b',
    env: { HOME: '/h', DIB_RELEASE: 'old' },
  });
  t.same(env, {
    HOME: '/h',
    DIB_RELEASE: 'bookworm',
    DIB_IMAGE_NAME: 'mine',
    DIB_IMAGE_FILENAME: '/i/x',
    ELEMENTS_PATH: '/a:/b',
    PASSWORD: 'secret-one',
  });
  t.notOk('ELEMENTS_PATH' in dibEnvironment(image, { base: '/i', elementsDir: undefined, env: {} }));
});
