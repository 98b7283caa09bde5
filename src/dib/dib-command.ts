/** What is executed for a build, and in which environment. Other programs take the place of disk-image-create: both are fixed. */
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import type { DiskImage } from '../config/config.ts';
import { splitWords } from './split-words.ts';

/**
 * `['disk-image-create', '-x', '-t', 'qcow2,raw', '--checksum', '--no-tmpfs', '--qemu-img-options', 'compat=0.10', '-o',
 * BASE, 'debian-minimal', 'vm']`. Throws where `dib-cmd` is not a command line.
 */
export function dibCommand(
  image: DiskImage,
  { formats, base }: { formats: readonly string[]; base: string },
): string[] {
  const program = splitWords(image.dibCmd.replaceAll('%p', packageDir()));
  if (program.length === 0) throw new Error('dib-cmd is empty');
  const types = [...formats].sort().join(',');
  const qcow2 = types.includes('qcow2') ? ['--qemu-img-options', 'compat=0.10'] : [];
  const elements = image.elements.flatMap((element) => splitWords(element));
  return [...program, '-x', '-t', types, '--checksum', '--no-tmpfs', ...qcow2, '-o', base, ...elements];
}

/** The environment of the builder, the variables of diskimage-builder, and last the image's own, which may override both. */
export function dibEnvironment(
  image: DiskImage,
  { base, elementsDir, env }: { base: string; elementsDir: string | undefined; env: NodeJS.ProcessEnv },
): NodeJS.ProcessEnv {
  return {
    ...env,
    DIB_RELEASE: image.release,
    DIB_IMAGE_NAME: image.name,
    DIB_IMAGE_FILENAME: base,
    ...(elementsDir === undefined ? {} : { ELEMENTS_PATH: elementsDir }),
    ...image.envVars,
  };
}

/**
 * The same text for the same description: when it changes, what was built from the old one is out of date. Values of
 * secrets are left out, because the text is stored where many can read it.
 */
export function digestDefinition({ elements, release, dibCmd, envVars, secretEnvVars }: DiskImage): string {
  const shown = Object.entries(envVars).map(([name, value]) => [
    name,
    secretEnvVars.includes(name) ? '' : value,
  ]);
  const parts = [elements, release, dibCmd, shown.sort()];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

function packageDir(): string {
  return dirname(import.meta.dirname);
}
