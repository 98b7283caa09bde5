/** What a build leaves in the system when it does not end by itself: processes, mounts, loop devices, temporary files. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import type { Clock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { findWorkDirs } from './build-log.ts';
import { asRoot, endBuild, valuesInUse } from './processes.ts';

export interface Leftovers {
  base: string;
  logFile: string;
  /** Process group of the build. */
  leader?: number;
  /** How long processes may take to end by themselves. */
  patienceMs: number;
}

/** Releases everything that belongs to one build; what is gone already is fine. What cannot be released is logged. */
export async function releaseLeftovers(
  { base, logFile, leader, patienceMs }: Leftovers,
  { clock, log }: { clock: Clock; log: Logger },
): Promise<void> {
  await endBuild(base, { ...(leader === undefined ? {} : { leader }), clock, patienceMs });
  const dirs = await ownWorkDirs(logFile);
  if (dirs.length === 0) return;
  const attempt = async (what: string, command: readonly string[]) => {
    try {
      await asRoot(command);
    } catch (error) {
      log.warning('a remainder of a build cannot be released', { what, error: reasonOf(error) });
    }
  };
  for (const point of mountsBelow(dirs)) await attempt(point, ['umount', '--lazy', point]);
  for (const device of loopsBelow(dirs)) {
    for (const mapped of mappedParts(device)) await attempt(mapped, ['dmsetup', 'remove', '--force', mapped]);
    await attempt(device, ['losetup', '--detach', device]);
  }
  if (mountsBelow(dirs).length > 0) return; // Never remove files through a mount.
  for (const dir of dirs) await attempt(dir, ['rm', '-rf', '--one-file-system', dir]);
}

/** Those that exist and that no other build works in: a log may name the directories of others. */
async function ownWorkDirs(logFile: string): Promise<string[]> {
  const existing = (await findWorkDirs(logFile)).filter(isDirectory);
  if (existing.length === 0) return []; // The usual case; to look through all processes takes a while.
  const used = new Set([...valuesInUse('TMP_BUILD_DIR'), ...valuesInUse('TMP_IMAGE_DIR')]);
  return existing.filter((dir) => !used.has(dir));
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Mount points at or below the directories, the deepest first. */
function mountsBelow(dirs: readonly string[]): string[] {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => unescapeOctal(line.split(' ')[4] ?? ''));
  return points.filter((point) => isBelow(point, dirs)).reverse();
}

function isBelow(path: string, dirs: readonly string[]): boolean {
  return dirs.some((dir) => path === dir || path.startsWith(`${dir}/`));
}

/** The kernel writes blanks and the like as `\040` (proc(5), mountinfo). */
function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
}

/** `/dev/loop3`, where the file behind it lies in one of the directories, also when it is deleted. */
function loopsBelow(dirs: readonly string[]): string[] {
  return readdirSync('/sys/block').flatMap((name) => {
    if (!name.startsWith('loop')) return [];
    try {
      const file = readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trim();
      return isBelow(file.replace(/ \(deleted\)$/, ''), dirs) ? [`/dev/${name}`] : [];
    } catch {
      return [];
    }
  });
}

/** What kpartx made of a loop device: `loop3p1`. */
function mappedParts(device: string): string[] {
  try {
    const pattern = new RegExp(`^${basename(device)}p\\d+$`);
    return readdirSync('/dev/mapper').filter((name) => pattern.test(name));
  } catch {
    return [];
  }
}
