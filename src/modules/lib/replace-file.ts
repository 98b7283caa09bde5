/** Replaces files as a whole: whoever reads one finds the old or the new text, never half of it. */
import { randomUUID } from 'node:crypto';
import { chmod, chown, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { ModuleError } from './run-module.ts';

export interface Wanted {
  path: string;
  text: string;
  /** Permission bits. */
  mode: number;
  /** Name of the group; root's where it is not given. */
  group?: string;
}

export interface Prepared {
  /** The new file, beside the old one. */
  candidate: string;
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/** Undefined where there is no such file. */
export async function readOld(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Does the file have this text, mode and group already? */
export async function isAsWanted({ path, text, mode, group }: Wanted): Promise<boolean> {
  if ((await readOld(path)) !== text) return false;
  const { mode: found, gid } = await stat(path);
  return (found & 0o7777) === mode && (process.getuid?.() !== 0 || gid === (await groupId(group)));
}

/** Writes the file under another name, on disk, with its final owner and mode. */
export async function prepare({ path, text, mode, group }: Wanted): Promise<Prepared> {
  const candidate = `${path}.${randomUUID()}.new`;
  const file = await open(candidate, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  if (process.getuid?.() === 0) await chown(candidate, 0, await groupId(group));
  await chmod(candidate, mode);
  return {
    candidate,
    commit: () => rename(candidate, path),
    discard: () => rm(candidate, { force: true }),
  };
}

async function groupId(name: string | undefined): Promise<number> {
  if (name === undefined) return 0;
  const groups = await readFile('/etc/group', 'utf8');
  const found = groups.split('\n').find((line) => line.startsWith(`${name}:`));
  if (found === undefined) throw new ModuleError(`there is no group ${name} on this host`);
  return Number(found.split(':')[2]);
}
