import { createHash } from 'node:crypto';
import t from 'tap';
import { createCheck } from '../../../src/directory/check.ts';
import { BLOCK_BYTES, createBlockSums } from '../../../src/driver/block-sums.ts';
import type { UploadSpec } from '../../../src/driver/images.ts';

const image = Buffer.alloc(2 * BLOCK_BYTES + 10, 'an image');
const sha256 = createHash('sha256').update(image).digest('hex');
const crc32 = sumsOf(image);

function sumsOf(file: Buffer) {
  const sums = createBlockSums();
  sums.update(file);
  return sums.end();
}

function check(arrived: Buffer, checksums: UploadSpec['checksums']): void {
  const spec = { name: 'i', file: '/i.raw', format: 'raw', sizeBytes: image.length, properties: {} };
  const check = createCheck({ ...spec, checksums });
  check.update(arrived.subarray(0, 5));
  t.equal(check.update(arrived.subarray(5)), arrived.length);
  check.end();
}

function damaged(...places: number[]): Buffer {
  const copy = Buffer.from(image);
  for (const place of places) copy[place] = 0;
  return copy;
}

t.test('what arrived as it was built passes', (t) => {
  for (const checksums of [{ crc32, sha256 }, { crc32 }, { sha256 }, {}])
    t.doesNotThrow(() => check(image, checksums));
  t.end();
});

t.test('names the first block that is damaged, and how many there are', (t) => {
  const arrived = damaged(BLOCK_BYTES, image.length - 1);
  const message = `/i.raw arrived with 2 of 3 blocks damaged, the first from byte 67108864 on: CRC-32 ${sumsOf(arrived)[1]}, expected ${crc32[1]}`;
  t.throws(() => check(arrived, { crc32, sha256 }), { message });
  t.throws(() => check(damaged(0), { crc32 }), {
    message: /1 of 3 blocks damaged, the first from byte 0 on/,
  });
  t.end();
});

t.test('compares SHA-256 where the sums of blocks are not known', (t) => {
  const arrived = damaged(7);
  const found = createHash('sha256').update(arrived).digest('hex');
  t.throws(() => check(arrived, { sha256 }), {
    message: `/i.raw arrived with SHA-256 ${found}, expected ${sha256}`,
  });
  t.end();
});

t.test('another size is told as such, also where nothing else is known', (t) => {
  const message = `/i.raw has ${image.length - 1} bytes, expected ${image.length}`;
  for (const checksums of [{ crc32, sha256 }, {}])
    t.throws(() => check(image.subarray(1), checksums), { message });
  t.end();
});
