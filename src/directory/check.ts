/** Compares an image on its way with what it was when it was built. */
import { createHash } from 'node:crypto';
import { BLOCK_BYTES, createBlockSums, type BlockSums } from '../driver/block-sums.ts';
import type { UploadSpec } from '../driver/images.ts';

export interface Check {
  /** The next part; returns how many bytes there were so far. */
  update(part: Buffer): number;
  /** Throws what differs. Only the size is compared where no checksum is known. */
  end(): void;
}

/** By its blocks, which is faster, or by SHA-256 where only that is known. */
export function createCheck({ file, sizeBytes, checksums }: Omit<UploadSpec, 'mark'>): Check {
  const { update, end } = createSum(file, checksums);
  let bytes = 0;
  return {
    update(part) {
      update(part);
      return (bytes += part.length);
    },
    end() {
      if (bytes !== sizeBytes) throw new Error(`${file} has ${bytes} bytes, expected ${sizeBytes}`);
      end();
    },
  };
}

function createSum(
  file: string,
  { crc32, sha256 }: UploadSpec['checksums'],
): { update(part: Buffer): void; end(): void } {
  if (crc32 !== undefined) {
    const sums = createBlockSums();
    return { update: sums.update, end: () => compareBlocks(file, sums.end(), crc32) };
  }
  if (sha256 === undefined) return { update: () => undefined, end: () => undefined };
  const hash = createHash('sha256');
  return {
    update: (part) => void hash.update(part),
    end() {
      const found = hash.digest('hex');
      if (found !== sha256) throw new Error(`${file} arrived with SHA-256 ${found}, expected ${sha256}`);
    },
  };
}

function compareBlocks(file: string, found: BlockSums, expected: BlockSums): void {
  const damaged = expected.flatMap((sum, block) => (found[block] === sum ? [] : [block]));
  const [first] = damaged;
  if (first === undefined) return;
  throw new Error(
    `${file} arrived with ${damaged.length} of ${expected.length} blocks damaged, the first from byte ${first * BLOCK_BYTES} on: ` +
      `CRC-32 ${found[first] ?? 'unknown'}, expected ${expected[first] ?? 'unknown'}`,
  );
}
