import type { ChildProcess } from 'node:child_process';
import { Failure } from './failure.ts';

/** Its exit code. `debian`: the package of the program. */
export function waitFor(child: ChildProcess, program: string, debian: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === 'ENOENT'
          ? `is not installed (Debian: ${debian})`
          : `cannot be started: ${error.message}`;
      reject(new Failure(`${program} ${reason}`));
    });
    child.once('close', (code) => resolve(code ?? 1));
  });
}
