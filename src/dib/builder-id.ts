import { randomUUID } from 'node:crypto';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, StoreError } from '../errors.ts';

/** The builder's UUID, from `builder_id.txt` in the images directory, made at the first start. Throws StoreError. */
export async function readBuilderId(imagesDir: string): Promise<string> {
  const found = await stat(imagesDir).catch(() => undefined);
  if (!found?.isDirectory())
    throw new StoreError(`images-dir ${imagesDir} is no directory; make it, or correct images-dir`);
  const file = join(imagesDir, 'builder_id.txt');
  const known = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (known !== '') return known;
  const id = randomUUID();
  try {
    await writeFile(`${file}.new`, id);
    await rename(`${file}.new`, file);
  } catch (error) {
    throw new StoreError(`images-dir ${imagesDir} cannot be written: ${reasonOf(error)}`, { cause: error });
  }
  return id;
}
