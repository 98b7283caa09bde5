/** git commands with a time limit, in one directory. */
import { execa } from 'execa';
import { CommandError } from '../errors.ts';
import { LOCK_HELD } from './lock.ts';

export interface Git {
  /** Standard output, without the last line break. Rejects with CommandError. */
  (...args: string[]): Promise<string>;
}

/** Of the config repository. */
export const BRANCH = 'master';

const TIME_LIMIT_MS = 120_000;

export function gitIn(dir: string, signal: AbortSignal): Git {
  return async (...args) => {
    const { stdout, stderr, failed, exitCode, timedOut, code } = await execa('git', args, {
      cwd: dir,
      env: { GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C', [LOCK_HELD]: '1' },
      stdin: 'ignore',
      reject: false,
      timeout: TIME_LIMIT_MS,
      cancelSignal: signal,
    });
    signal.throwIfAborted();
    if (!failed) return stdout;
    const reason = code === 'ENOENT' ? 'git is not installed' : stderr;
    const command = `git ${args.join(' ')} in ${dir}`;
    throw new CommandError({
      host: 'this host',
      command,
      stderr: reason,
      timedOut,
      ...(exitCode === undefined ? {} : { exitCode }),
    });
  };
}
