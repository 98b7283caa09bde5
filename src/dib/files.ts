/** The files of builds in the images directory. */
import { open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BLOCK_BYTES, createBlockSums, type BlockSums } from '../driver/block-sums.ts';
import type { UploadSpec } from '../driver/images.ts';
import type { BuildName } from '../model/image.ts';
import { basePath, parseFileName } from './names.ts';

/** `debian-0f….raw.crc32`. A build that an earlier version has made has none. */
const BLOCK_SUMS = '.crc32';
const PART_BYTES = 1024 * 1024;

/** Removes everything of a build: images, checksums, manifests, partial files. Already gone is fine. */
export async function removeFiles(imagesDir: string, name: BuildName): Promise<void> {
  const start = `${name.image}-${name.build}.`;
  for (const file of await readdir(imagesDir)) {
    if (file.startsWith(start)) await rm(join(imagesDir, file), { recursive: true, force: true });
  }
}

/** Removes one format of a build with its checksums. */
export async function removeFormat(imagesDir: string, name: BuildName, format: string): Promise<void> {
  const file = `${basePath(imagesDir, name)}.${format}`;
  for (const suffix of ['', '.md5', '.sha256', BLOCK_SUMS]) await rm(file + suffix, { force: true });
}

/** Every build that has files here, `image/build` → names of its files. */
export async function listFiles(imagesDir: string): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const file of await readdir(imagesDir)) {
    const name = parseFileName(file);
    if (name === undefined) continue;
    const id = `${name.image}/${name.build}`;
    found.set(id, [...(found.get(id) ?? []), file]);
  }
  return found;
}

/** Writes the sums of its blocks beside an image, a line for each. It is read once, and still in memory when it was just built. */
export async function writeBlockSums(file: string, signal: AbortSignal): Promise<void> {
  const sums = createBlockSums();
  const part = Buffer.allocUnsafe(PART_BYTES);
  const handle = await open(file);
  try {
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(part, 0, part.length, null);
      if (bytesRead === 0) break;
      sums.update(part.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
  await writeFile(
    file + BLOCK_SUMS,
    sums
      .end()
      .map((sum) => `${sum}\n`)
      .join(''),
  );
}

/** What was written beside the image: by diskimage-builder, nothing for tar files, and the sums of blocks by the builder. */
export async function readChecksums(file: string, sizeBytes: number): Promise<UploadSpec['checksums']> {
  const [md5, sha256, crc32] = await Promise.all([
    readDigest(`${file}.md5`, 32),
    readDigest(`${file}.sha256`, 64),
    readBlockSums(file + BLOCK_SUMS, sizeBytes),
  ]);
  return { ...(md5 && { md5 }), ...(sha256 && { sha256 }), ...(crc32 && { crc32 }) };
}

/** Undefined where they are not whole, perhaps cut off by a loss of power, or for a file of another size. */
async function readBlockSums(file: string, sizeBytes: number): Promise<BlockSums | undefined> {
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').slice(0, -1);
  const isWhole = lines.length === Math.ceil(sizeBytes / BLOCK_BYTES);
  return isWhole && lines.every((line) => /^[0-9a-f]{8}$/.test(line)) ? lines : undefined;
}

async function readDigest(file: string, length: number): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const digest = text.slice(0, length).toLowerCase();
  return digest.length === length && /^[0-9a-f]+$/.test(digest) ? digest : undefined;
}
