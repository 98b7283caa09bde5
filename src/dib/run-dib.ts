/** Runs disk-image-create, with its output in the log of the build. */
import { spawn } from 'node:child_process';
import type { Clock } from '../clock.ts';
import type { BuildLog } from './build-log.ts';

export interface DibRun {
  command: readonly string[];
  env: NodeJS.ProcessEnv;
  log: BuildLog;
  timeoutMs: number;
  clock: Clock;
  /** Ends the run. */
  signal: AbortSignal;
  /** Called with the process group before the first output. */
  onStart(group: number): void;
  /** Ends all processes of the build; resolves when they are gone. */
  end(): Promise<void>;
}

/** `ended`: why the builder itself ended the run; undefined when it ended by itself. */
export interface DibResult {
  exitCode: number | undefined;
  ended: 'timeout' | 'stopped' | undefined;
}

/** A build prints line by line; what comes within this time is written at once, unless it is much already. */
const GATHER_MS = 100;
const MUCH_BYTES = 16_384;
/** What a background process of the build still has to say after its end is waited for so long. */
const LAST_OUTPUT_MS = 2_000;

/**
 * Resolves when the program has ended, by itself or because its time was over or it is no longer wanted; throws when the
 * log cannot be written. stdout and stderr become one stream, so that their lines stay in order; the shell that joins
 * them is replaced by the program.
 */
export async function runDib({
  command,
  env,
  log,
  timeoutMs,
  clock,
  signal,
  onStart,
  end,
}: DibRun): Promise<DibResult> {
  signal.throwIfAborted();
  const child = spawn('/bin/sh', ['-c', 'exec "$@" 2>&1', 'sh', ...command], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
    env,
  });
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code));
  });
  if (child.pid !== undefined) onStart(child.pid);
  let ended: DibResult['ended'];
  const endFor = (why: 'timeout' | 'stopped') => {
    ended ??= why;
    void end();
  };
  const onAbort = () => endFor('stopped');
  signal.addEventListener('abort', onAbort, { once: true });
  const cancelTimer = clock.after(timeoutMs, () => endFor('timeout'));
  const over = new AbortController();
  exited.finally(() => over.abort()).catch(() => undefined);
  const written = copyOutput(child.stdout, log, () =>
    clock.sleep(GATHER_MS, over.signal).catch(() => undefined),
  );
  written.catch(() => void end());
  try {
    const code = await exited;
    const cancelWait = clock.after(LAST_OUTPUT_MS, () => child.stdout.destroy());
    await written.finally(cancelWait);
    return { exitCode: code ?? undefined, ended };
  } finally {
    cancelTimer();
    signal.removeEventListener('abort', onAbort);
    child.stdout.destroy();
    await end();
  }
}

async function copyOutput(
  output: NodeJS.ReadableStream,
  log: BuildLog,
  gather: () => Promise<void>,
): Promise<void> {
  try {
    for await (const part of output as AsyncIterable<Buffer>) {
      await log.output(part);
      if (part.length < MUCH_BYTES) await gather();
    }
  } catch (error) {
    // Cut off because somebody else holds the other end open.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}
