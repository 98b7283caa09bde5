/**
 * Test files as processes of their own. `tap run` would do the same, but it makes each of them, and each program that they
 * start, read its modules through a hook that keeps records for measuring coverage: most of a second for each.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readTap, type Tally } from './read-tap.ts';

/** After its time limit a test tells what it waited for; a process that does not end then is killed. */
const LAST_WORDS_MS = 15_000;
/** How long the output of a process that has ended may stay open, which only another process can do that it has left behind. */
const LEFT_OPEN_MS = 10_000;

export interface FileTally extends Tally {
  file: string;
}

/** Prints what fails at once, and a line for each file at its end. In the order of the files. */
export async function runFiles(
  files: readonly string[],
  { jobs, timeoutSeconds }: { jobs: number; timeoutSeconds: number },
  print: (text: string) => void,
): Promise<FileTally[]> {
  const tallies: FileTally[] = [];
  let next = 0;
  const work = async () => {
    for (;;) {
      const place = next++;
      const file = files[place];
      if (file === undefined) return;
      const startedMs = performance.now();
      const tally = await runFile(file, timeoutSeconds, print);
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
      print(`${tally.failed.length === 0 ? 'ok    ' : 'FAILED'}  ${file}  ${seconds} s`);
      tallies[place] = { file, ...tally };
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return tallies;
}

/** tap's hundreds of modules are read before tsx is there, which would look at each of them. */
const IMPORTS = ['--import=tap', '--import=tsx/esm'];

async function runFile(file: string, timeoutSeconds: number, print: (text: string) => void): Promise<Tally> {
  const child = spawn(process.execPath, [...IMPORTS, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TAP: '1', TAP_TIMEOUT: String(timeoutSeconds) },
  });
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const limit = setTimeout(() => child.kill('SIGKILL'), timeoutSeconds * 1000 + LAST_WORDS_MS);
  let isLeftOpen = false;
  child.once('exit', () => {
    clearTimeout(limit);
    setTimeout(() => {
      isLeftOpen = !child.stdout.closed;
      child.stdout.destroy();
    }, LEFT_OPEN_MS).unref();
  });
  const tally = await readTap(file, child.stdout, print);
  const [exitCode, signal] = await ended;
  const problems = [
    ...(exitCode === 0 || (signal === null && tally.failed.length > 0)
      ? []
      : [`${file}: ended with ${signal ?? `exit code ${String(exitCode)}`}`]),
    ...(isLeftOpen ? [`${file}: a process that it has started is still there`] : []),
  ];
  for (const problem of problems) print(`not ok  ${problem}`);
  return { ...tally, failed: [...tally.failed, ...problems] };
}
