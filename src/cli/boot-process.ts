import type { ChildProcess } from 'node:child_process';
import { Failure } from './failure.ts';

export interface Interruption {
  signal: AbortSignal;
  /** Makes the process end; it is waited for all the same. */
  stop: () => void;
}

/** Its exit code. `debian`: the package of the program. Throws the signal's reason when it was that which ended it. */
export async function waitFor(
  child: ChildProcess,
  { program, debian }: { program: string; debian: string },
  { signal, stop }: Interruption,
): Promise<number> {
  signal.addEventListener('abort', stop, { once: true });
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        const reason =
          error.code === 'ENOENT'
            ? `is not installed (Debian: ${debian})`
            : `cannot be started: ${error.message}`;
        reject(new Failure(`${program} ${reason}`));
      });
      child.once('close', (code) => resolve(code ?? 1));
    });
    signal.throwIfAborted();
    return code;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
