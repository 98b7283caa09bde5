/** Processes of this machine, known by their number together with their start: numbers alone are used again. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessId {
  pid: number;
  /** Clock ticks after boot. */
  start: string;
}

/** Undefined when there is no such process, or only its remains that nobody has asked for yet. */
export function identify(pid: number): ProcessId | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, start = ''] = [fields[0], fields[19]];
    return state === 'Z' || state === 'X' ? undefined : { pid, start };
  } catch {
    return undefined;
  }
}

export function isRunning({ pid, start }: ProcessId): boolean {
  return identify(pid)?.start === start;
}

/** Asks it to end, waits, and ends it. True: it ended by itself. */
export async function endProcess(target: ProcessId, patienceMs: number): Promise<boolean> {
  for (const [signal, waitMs] of [
    ['SIGTERM', patienceMs],
    ['SIGKILL', 5000],
  ] as const) {
    if (!isRunning(target)) return true;
    try {
      process.kill(target.pid, signal);
    } catch {
      return true;
    }
    const endMs = performance.now() + waitMs;
    while (isRunning(target) && performance.now() < endMs) await sleep(10);
    if (!isRunning(target)) return signal === 'SIGTERM';
  }
  return false;
}

/** Other processes with this text in their command line. */
export function processesWith(text: string): { pid: number; command: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid || pid === process.ppid) return [];
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return command.includes(text) ? [{ pid, command }] : [];
    } catch {
      return [];
    }
  });
}
