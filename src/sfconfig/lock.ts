/** One run at a time: sfconfig, and the playbook that a change of the config repository starts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectory } from './write.ts';

export interface RunLock {
  /** To be given to child processes: the lock is held as long as one of them has it open. */
  readonly fd: number;
  release(): Promise<void>;
}

/** Set for children, so that a hook of theirs does not wait for the lock that they hold. */
export const LOCK_HELD = 'SFCONFIG_LOCK_HELD';

/**
 * Waits for the lock; `onWait` is called once when somebody else has it. The kernel releases it with the last process
 * that holds it, however that ends.
 */
export async function lockRuns(
  path: string,
  { signal, onWait }: { signal: AbortSignal; onWait: () => void },
): Promise<RunLock> {
  await makeDirectory(dirname(path), 0o750);
  const file = await open(path, 'a', 0o600);
  try {
    if (!(await flock(['--nonblock'], file.fd, signal))) {
      onWait();
      if (!(await flock([], file.fd, signal))) throw new Error(`${path} could not be locked`);
    }
    return { fd: file.fd, release: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The lock belongs to the open file, which flock(1) shares with this process. False: another one has it. */
async function flock(options: readonly string[], fd: number, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  const child = spawn('flock', [...options, '3'], { stdio: ['ignore', 'ignore', 'inherit', fd] });
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [exitCode] = (await once(child, 'close')) as [number | null];
    signal.throwIfAborted();
    return exitCode === 0;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
