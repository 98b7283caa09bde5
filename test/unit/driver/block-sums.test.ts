import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import t from 'tap';
import { BLOCK_BYTES, createBlockSums } from '../../../src/driver/block-sums.ts';

const hex = (sum: number) => sum.toString(16).padStart(8, '0');

t.test('sums up each block, in whatever parts the file comes', (t) => {
  const file = Buffer.alloc(2 * BLOCK_BYTES + 3);
  for (let place = 0; place < file.length; place += 4096) randomBytes(16).copy(file, place);
  const expected = [0, BLOCK_BYTES, 2 * BLOCK_BYTES].map((from) =>
    hex(crc32(file.subarray(from, from + BLOCK_BYTES))),
  );
  for (const partBytes of [1_000_003, BLOCK_BYTES, file.length]) {
    const sums = createBlockSums();
    for (let from = 0; from < file.length; from += partBytes)
      sums.update(file.subarray(from, from + partBytes));
    t.same(sums.end(), expected, `parts of ${partBytes} bytes`);
  }
  t.end();
});

t.test('a file that ends with a block has no empty one behind it, and an empty file has none', (t) => {
  const sums = createBlockSums();
  sums.update(Buffer.alloc(BLOCK_BYTES));
  t.same(sums.end(), [hex(crc32(Buffer.alloc(BLOCK_BYTES)))]);
  t.same(createBlockSums().end(), []);
  t.end();
});

t.test('is the CRC-32 that other programs know, with all its digits', (t) => {
  for (const [text, sum] of [
    ['123456789', 'cbf43926'],
    ['image 174', '00ed62ad'],
  ] as const) {
    const sums = createBlockSums();
    sums.update(Buffer.from(text));
    t.same(sums.end(), [sum]);
  }
  t.end();
});
