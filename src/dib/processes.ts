/** The processes of a build, found in /proc: also those that have left its process group, as children of sudo do. */
import { readdirSync, readFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Clock } from '../clock.ts';

const run = promisify(execFile);

interface Process {
  pid: number;
  parent: number;
  group: number;
  session: number;
}

/** `DIB_IMAGE_FILENAME=<base>` in the environment is what a build and all its hooks share. */
export function findBuildProcesses(base: string, leader?: number): number[] {
  const all = listProcesses();
  const mark = `\0DIB_IMAGE_FILENAME=${base}\0`;
  const chosen = new Set(
    all
      .filter(
        ({ pid, group, session }) =>
          (leader !== undefined && (group === leader || session === leader)) ||
          `\0${environOf(pid)}\0`.includes(mark),
      )
      .map(({ pid }) => pid),
  );
  for (let grown = true; grown;) {
    const before = chosen.size;
    for (const { pid, parent } of all) if (chosen.has(parent)) chosen.add(pid);
    grown = chosen.size > before;
  }
  chosen.delete(process.pid);
  return [...chosen];
}

/** Values that living processes have for a variable: `TMP_BUILD_DIR` of other builds. */
export function valuesInUse(name: string): Set<string> {
  const start = `${name}=`;
  const values = new Set<string>();
  for (const { pid } of listProcesses()) {
    for (const entry of environOf(pid).split('\0'))
      if (entry.startsWith(start)) values.add(entry.slice(start.length));
  }
  return values;
}

/** Ends all processes of a build: asks first, so that the build can unmount what it mounted, then does not ask. */
export async function endBuild(
  base: string,
  { leader, clock, patienceMs }: { leader?: number; clock: Clock; patienceMs: number },
): Promise<void> {
  const untilMs = clock.nowMs() + patienceMs;
  await signalAll(findBuildProcesses(base, leader), 'TERM');
  while (findBuildProcesses(base, leader).length > 0) {
    if (clock.nowMs() >= untilMs) await signalAll(findBuildProcesses(base, leader), 'KILL');
    await clock.sleep(50);
  }
}

async function signalAll(pids: readonly number[], signal: 'TERM' | 'KILL'): Promise<void> {
  const foreign = pids.filter((pid) => {
    try {
      process.kill(pid, `SIG${signal}`);
      return false;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  });
  if (foreign.length > 0) await asRoot(['kill', '-s', signal, ...foreign.map(String)]).catch(() => undefined);
}

/** Runs a command as root: directly, or with sudo, which diskimage-builder needs too. Throws when it fails. */
export async function asRoot([program = '', ...args]: readonly string[]): Promise<string> {
  const options = { timeout: 60_000, killSignal: 'SIGKILL' as const, maxBuffer: 2 ** 24 };
  const { stdout } =
    process.getuid?.() === 0
      ? await run(program, args, options)
      : await run('sudo', ['-n', program, ...args], options);
  return stdout;
}

/** Zombies are left out: they run no more, and go when their parent looks. */
function listProcesses(): Process[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const stat = readProc(`/proc/${name}/stat`);
    const [state, parent, group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === undefined || state === 'Z' || state === 'X' || state === '') return [];
    return [{ pid: Number(name), parent: Number(parent), group: Number(group), session: Number(session) }];
  });
}

function environOf(pid: number): string {
  return readProc(`/proc/${pid}/environ`);
}

/** Empty when the process has gone, or belongs to somebody else. */
function readProc(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
