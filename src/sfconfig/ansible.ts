/** Runs ansible-playbook and shows what it does. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createProgressReader } from './progress.ts';
import { LOCK_HELD } from './lock.ts';
import { createScreen } from './screen.ts';

/** The terminal and the environment, as far as a run uses them. */
export interface RunIo {
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable & { isTTY?: boolean; columns?: number };
  stderr: Writable;
  env: Readonly<Record<string, string | undefined>>;
}

export interface AnsibleRun {
  playbook: string;
  /** ansible.cfg, which names the inventory. */
  config: string;
  /** More arguments: `['--check', '--diff']`. */
  args: readonly string[];
  /** Gets everything that Ansible prints. */
  logFile: string;
  /** The open lock file, kept by ansible-playbook as well. */
  lockFd: number | undefined;
  /** Show Ansible's own output instead of a line a play. */
  verbose: boolean;
  signal: AbortSignal;
  io: RunIo;
}

/** How long an interrupted ansible-playbook may take to end the tasks that run. */
const STOP_TIME_MS = 30_000;

/** True when all plays have succeeded on all hosts. Rejects when Ansible cannot be started, or the run is cancelled. */
export async function runAnsible(run: AnsibleRun): Promise<boolean> {
  await mkdir(dirname(run.logFile), { recursive: true, mode: 0o700 });
  await appendFile(run.logFile, '', { mode: 0o600 });
  await chmod(run.logFile, 0o600);
  run.signal.throwIfAborted();
  const child = start(run);
  const ended = once(child, 'close') as Promise<[number | null]>;
  const release = killOnAbort(child, run.signal);
  try {
    const errors = child.stderr ? text(child.stderr) : '';
    const told = child.stdout ? await showProgress(child.stdout, run) : true;
    const [exitCode] = await ended;
    run.signal.throwIfAborted();
    if (exitCode !== 0 && !told)
      throw new Error(`ansible-playbook ended with ${exitCode ?? 'a signal'}:\n${await errors}`);
    return exitCode === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error('ansible-playbook is not installed (package ansible-core)', { cause: error });
  } finally {
    release();
  }
}

function start({ playbook, config, args, logFile, lockFd, verbose, io }: AnsibleRun): ChildProcess {
  const output = verbose ? 'inherit' : 'pipe';
  return spawn('ansible-playbook', [playbook, ...args], {
    cwd: '/',
    env: {
      ...io.env,
      ANSIBLE_CONFIG: config,
      ANSIBLE_LOG_PATH: logFile,
      ANSIBLE_NOCOWS: '1',
      ...(verbose ? {} : PLAIN),
      LC_ALL: io.env.LC_ALL ?? 'C.UTF-8',
      [LOCK_HELD]: '1',
    },
    stdio: ['inherit', output, output, ...(lockFd === undefined ? [] : [lockFd])],
  });
}

/** Ansible ends the tasks that run when it is interrupted. Returns what to call when it has ended. */
function killOnAbort(child: ChildProcess, signal: AbortSignal): () => void {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill('SIGINT');
    timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIME_MS);
  };
  signal.addEventListener('abort', stop, { once: true });
  return () => {
    signal.removeEventListener('abort', stop);
    clearTimeout(timer);
  };
}

/** What the progress reader understands. */
const PLAIN = {
  ANSIBLE_NOCOLOR: '1',
  ANSIBLE_FORCE_COLOR: '0',
  ANSIBLE_STDOUT_CALLBACK: 'default',
  ANSIBLE_CALLBACKS_ENABLED: undefined, // an empty one is an error for ansible-core 2.19
  ANSIBLE_DISPLAY_FAILED_STDERR: '0',
  ANSIBLE_CALLBACK_RESULT_FORMAT: 'json',
  ANSIBLE_CHECK_MODE_MARKERS: '0',
};

/** True when something was shown. */
async function showProgress(output: Readable, { io }: AnsibleRun): Promise<boolean> {
  const { stdout } = io;
  const screen = createScreen({
    write: (text) => void stdout.write(text),
    columns: stdout.isTTY ? (stdout.columns ?? 80) : undefined,
    colours: stdout.isTTY === true && !io.env.NO_COLOR,
    now: () => performance.now(),
  });
  const reader = createProgressReader(screen);
  for await (const line of createInterface({ input: output })) reader.read(line);
  reader.end();
  screen.end();
  return screen.results.length > 0;
}
