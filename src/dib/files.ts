/** The files of builds in the images directory. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildName } from '../model/image.ts';
import { basePath, parseFileName } from './names.ts';

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
  for (const suffix of ['', '.md5', '.sha256']) await rm(file + suffix, { force: true });
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

/** What diskimage-builder has written beside the image; both are missing for tar files. */
export async function readChecksums(file: string): Promise<{ md5?: string; sha256?: string }> {
  const [md5, sha256] = await Promise.all([readDigest(`${file}.md5`, 32), readDigest(`${file}.sha256`, 64)]);
  return { ...(md5 && { md5 }), ...(sha256 && { sha256 }) };
}

async function readDigest(file: string, length: number): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const digest = text.slice(0, length).toLowerCase();
  return digest.length === length && /^[0-9a-f]+$/.test(digest) ? digest : undefined;
}
