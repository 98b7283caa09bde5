/**
 * Fast checksums of an image file: the CRC-32 of gzip for each 64 MiB, at a third of what SHA-256 takes, which also tell where a
 * file is damaged. They are against accidents: who can change the image can change what stands beside it.
 */
import { crc32 } from 'node:zlib';

export const BLOCK_BYTES = 64 * 1024 * 1024;

/** 8 hex digits for each block, the last of which may be shorter: `['1c291ca3', '0a39ea9f']`; none for an empty file. */
export type BlockSums = readonly string[];

/** `update` takes the file in parts of any size, `end` is called once. */
export function createBlockSums(): { update(part: Buffer): void; end(): BlockSums } {
  const sums: string[] = [];
  let [sum, room] = [0, BLOCK_BYTES];
  const endBlock = () => {
    sums.push(sum.toString(16).padStart(8, '0'));
    [sum, room] = [0, BLOCK_BYTES];
  };
  return {
    update(part) {
      for (let rest = part; rest.length > 0;) {
        const taken = rest.subarray(0, room);
        sum = crc32(taken, sum);
        room -= taken.length;
        rest = rest.subarray(taken.length);
        if (room === 0) endBlock();
      }
    },
    end() {
      if (room < BLOCK_BYTES) endBlock();
      return sums;
    },
  };
}
