/** What the built `nodepool` offers: the program, and its answers to another program. */
import { Interrupted } from '../cli/failure.ts';
import { runCommandLine } from './command-line.ts';

export { answer } from './answer.ts';

/** A verb that cannot be stopped, say because a file or a server does not answer, is left behind after this. */
const STOP_TIME_MS = 10_000;

/** Runs the command line of this process, and ends it. */
export function start(): void {
  const stop = new AbortController();
  catchSignals(stop);
  catchBrokenOutput(stop);
  const io = {
    // Opened only by what reads it.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
  };
  void runCommandLine(process.argv.slice(2), { io, signal: stop.signal }).then(async (exitCode) => {
    // What goes into a pipe may still be on its way, and an exit would drop it.
    const written = Promise.all([process.stdout, process.stderr].map(drain));
    await Promise.race([written, aborted(stop.signal)]);
    process.exit(exitCode);
  });
}

/** The first signal lets the verb clean up; the second ends the process at once. */
function catchSignals(stop: AbortController): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) return dieOf(signal);
      stop.abort(new Interrupted(signal));
      setTimeout(() => dieOf(signal), STOP_TIME_MS).unref();
    });
  }
}

/** As if the signal had never been caught; process.exit() would wait for a file that does not answer. */
function dieOf(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/** `nodepool list | head` is not an error. */
function catchBrokenOutput(stop: AbortController): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    stop.abort(new Interrupted('SIGPIPE'));
  });
  process.stderr.on('error', () => undefined);
}

/** Resolves when everything written so far has been taken, or never will be. */
function drain(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
