/** Where images are unpacked to be looked at: a directory for each call, named after its process, so that the next call knows a killed one. */
import { execFile } from 'node:child_process';
import { lstat, mkdir, readdir, readFile, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { CommandError } from '../errors.ts';
import { Failure } from './failure.ts';

type Env = Readonly<Record<string, string | undefined>>;

const PATIENCE_MS = 120_000;
const run = promisify(execFile);

/** Makes one for this process, readable by root alone; beside the files of diskimage-builder, which need as much room. */
export async function claimBootDir(env: Env): Promise<string> {
  const base = baseOf(env);
  await mkdir(base, { recursive: true, mode: 0o700 });
  await refuseForeign(base);
  const dir = join(base, `${process.pid}-${(await startOf(process.pid)) ?? 0}`);
  await mkdir(dir, { recursive: true, mode: 0o700 }); // the last of others may just have removed the base
  return dir;
}

/** What calls that were killed have left. */
export async function removeLeftBoots(env: Env): Promise<void> {
  const base = baseOf(env);
  const names = await readdir(base).catch(() => undefined);
  if (!names) return;
  await refuseForeign(base);
  for (const name of names) {
    const [, pid, start] = /^(\d+)-(\d+)$/.exec(name) ?? [];
    if (pid !== undefined && (await startOf(Number(pid))) !== start) await removeBootDir(join(base, name));
  }
}

/** Whoever else could write there would have runC do, as root, what the state of a container says. */
async function refuseForeign(base: string): Promise<void> {
  const found = await lstat(base);
  if (found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0) return;
  throw new Failure(`${base} belongs to somebody else, or others may write to it; remove it, or set TMPDIR`);
}

/** Ends the container that may run in it, and removes it. Already gone is fine. */
export async function removeBootDir(dir: string): Promise<void> {
  const runcRoot = join(dir, 'runc');
  for (const id of await readdir(runcRoot).catch(() => []))
    await call('runc', ['--root', runcRoot, 'delete', '--force', id]);
  await call('rm', ['-rf', '--one-file-system', dir]);
  await rmdir(dirname(dir)).catch(() => undefined); // Others may still need it.
}

async function call(program: string, args: readonly string[]): Promise<void> {
  try {
    await run(program, args, { timeout: PATIENCE_MS, killSignal: 'SIGKILL' });
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    throw new CommandError({
      host: 'this machine',
      command: [program, ...args].join(' '),
      stderr,
      cause: error,
    });
  }
}

function baseOf(env: Env): string {
  return join(env['TMPDIR'] || '/var/tmp', 'nodepool-boot');
}

/** When a process began, in ticks since the machine did; undefined when there is none. Process ids are used again, with another start. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
