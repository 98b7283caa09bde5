/** How the files of builds are called, in the images directory and in the directory of the logs. */
import { join } from 'node:path';
import type { BuildName } from '../model/image.ts';

const BUILD = '[0-9a-f]{32}|\\d{10}';
const FILE = new RegExp(`^(.+)-(${BUILD})\\.(.+)$`);

/** `/var/lib/nodepool/dib/debian-0f…`, to which `.qcow2`, `.qcow2.md5` or `.d` is added. */
export function basePath(imagesDir: string, { image, build }: BuildName): string {
  return join(imagesDir, `${image}-${build}`);
}

export function logName({ image, build }: BuildName): string {
  return `${image}-${build}.log`;
}

/**
 * Which build a file belongs to: `debian-0f….qcow2-new` → `{ image: 'debian', build: '0f…', extension: 'qcow2-new' }`.
 * Undefined for files of others, such as a `centos-8.qcow2` that somebody has put there.
 */
export function parseFileName(name: string): (BuildName & { extension: string }) | undefined {
  const [, image, build, extension] = FILE.exec(name) ?? [];
  if (image === undefined || build === undefined || extension === undefined) return undefined;
  return { image, build, extension };
}
