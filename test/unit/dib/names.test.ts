import fc from 'fast-check';
import t from 'tap';
import { basePath, logName, parseFileName } from '../../../src/dib/names.ts';
import { formatName } from '../../../src/dib/upload-image.ts';

t.test('knows the files of builds, whatever the image is called, and no others', async (t) => {
  const image = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,12}$/);
  const build = fc.oneof(fc.stringMatching(/^[0-9a-f]{32}$/), fc.stringMatching(/^\d{10}$/));
  const extension = fc.constantFrom('raw', 'qcow2.md5', 'd', 'qcow2-new', 'vhd-intermediate');
  fc.assert(
    fc.property(image, build, extension, (image, build, extension) => {
      const name = basePath('/images', { image, build }).slice('/images/'.length);
      t.same(parseFileName(`${name}.${extension}`), { image, build, extension });
      t.same(parseFileName(logName({ image, build })), { image, build, extension: 'log' });
    }),
  );
  for (const name of [
    'centos-8.qcow2',
    'builder_id.txt',
    'x-0123456789abcdef.raw',
    `${'0'.repeat(32)}.raw`,
    `x-${'0'.repeat(32)}`,
  ]) {
    t.equal(parseFileName(name), undefined, name);
  }
});

t.test('names images in providers', async (t) => {
  const values = { image_name: 'debian', timestamp: '17', upload_id: '0000000001' };
  t.equal(formatName(undefined, values), 'debian-17');
  t.equal(formatName('{upload_id}.{image_name} {other}', values), '0000000001.debian {other}');
});
