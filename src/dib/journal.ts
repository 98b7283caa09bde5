/** Which builds this builder has begun, on its own disk: what a killed one has left is found again, whatever the store says. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildName } from '../model/image.ts';

export interface JournalEntry extends BuildName {
  base: string;
  logFile: string;
}

const folderOf = (imagesDir: string) => join(imagesDir, '.running');
const fileOf = (imagesDir: string, { image, build }: BuildName) =>
  join(folderOf(imagesDir), `${image}-${build}.json`);

export async function noteRunning(imagesDir: string, entry: JournalEntry): Promise<void> {
  await mkdir(folderOf(imagesDir), { recursive: true });
  const file = fileOf(imagesDir, entry);
  await writeFile(`${file}.new`, JSON.stringify(entry));
  await rename(`${file}.new`, file);
}

export async function forgetRunning(imagesDir: string, name: BuildName): Promise<void> {
  const file = fileOf(imagesDir, name);
  for (const path of [file, `${file}.new`]) await rm(path, { force: true }); // A full disk leaves the second one.
}

export async function listRunning(imagesDir: string): Promise<JournalEntry[]> {
  const names = await readdir(folderOf(imagesDir)).catch(() => [] as string[]);
  const entries = names
    .filter((name) => name.endsWith('.json'))
    .map(async (name) => {
      try {
        return [JSON.parse(await readFile(join(folderOf(imagesDir), name), 'utf8')) as JournalEntry];
      } catch {
        return []; // Removed meanwhile.
      }
    });
  return (await Promise.all(entries)).flat();
}
