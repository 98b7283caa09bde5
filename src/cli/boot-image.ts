/** How an image that was built is looked at: as a container, or as a machine. */
import { bootContainer } from './boot-container.ts';
import { bootQemu, QEMU, QEMU_PACKAGE } from './boot-qemu.ts';
import { BOOT_WAYS, type Boot } from './boot-words.ts';
import { Failure } from './failure.ts';
import type { Tools } from './verb.ts';

export interface BootPlan {
  way: (typeof BOOT_WAYS)[number];
  format: string;
}

const FORMATS: Readonly<Record<BootPlan['way'], readonly string[]>> = {
  container: ['tar'],
  qemu: ['qcow2', 'raw'],
};

/** What is built to be looked at where nobody says in which formats; `own` are those of the image. */
export function typesToBoot(boot: Boot, own: readonly string[]): readonly string[] {
  if (boot === 'container') return ['tar'];
  if (boot === 'qemu') return own.some((type) => FORMATS.qemu.includes(type)) ? own : ['qcow2'];
  return own.length > 0 ? own : ['tar'];
}

/** Throws Failure when the image is made in no format for it. */
export function planBoot(boot: Boot, types: readonly string[]): BootPlan {
  for (const way of boot === true ? BOOT_WAYS : [boot]) {
    const format = types.find((type) => FORMATS[way].includes(type));
    if (format !== undefined) return { way, format };
  }
  const wanted = boot === true ? Object.values(FORMATS).flat() : FORMATS[boot];
  throw new Failure(
    `--boot needs one of the formats ${wanted.join(', ')}, found ${types.join(', ')}: name it with --type`,
  );
}

/** Programs that it needs, and what each is in on Debian. */
export function programsToBoot({ way }: BootPlan): Record<string, string> {
  return way === 'container' ? { runc: 'runc' } : { [QEMU]: QEMU_PACKAGE, setpriv: 'util-linux' };
}

/** What else is missing. */
export function missingToBoot({ way }: BootPlan): string[] {
  if (way === 'container')
    return process.getuid?.() === 0 ? [] : ['--boot makes a container, which needs root: run it with sudo'];
  return process.arch === 'x64'
    ? []
    : ['--boot=qemu works on x86_64 only; look at the image with --boot=container'];
}

/** Returns the exit code of the shell, or of QEMU. */
export async function bootImage(tools: Tools, { way, format }: BootPlan, output: string): Promise<number> {
  const file = `${output}.${format}`;
  return way === 'container' ? await bootContainer(tools, file) : await bootQemu(tools, { file, format });
}
