/** A daemon as a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { until } from './poll.ts';

const TSX = import.meta.resolve('tsx');
const programOf = (name: string) => fileURLToPath(new URL(`../../src/bin/${name}.ts`, import.meta.url));

export interface DaemonProcess {
  child: ChildProcess;
  /** Standard output and standard error so far. */
  output(): string;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Resolves when the output contains the text so many times; default once. */
  wrote(text: string, times?: number): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

/** Killed at the end of the test if it still runs. */
export function startLauncherProcess(
  t: Test,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  { webapp = false } = {},
): DaemonProcess {
  const web = webapp ? [] : ['--no-webapp']; // its port may be in use on this machine
  return startDaemonProcess(t, 'nodepool-launcher', [...web, ...args], env);
}

/** Killed at the end of the test if it still runs. */
export function startDaemonProcess(
  t: Test,
  program: 'nodepool-launcher' | 'nodepool-builder',
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): DaemonProcess {
  const child = spawn(process.execPath, ['--import', TSX, programOf(program), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const count = (part: string) => text.split(part).length - 1;
  return {
    child,
    output: () => text,
    ended,
    async wrote(part, times = 1) {
      const found = () => count(part) >= times || child.exitCode !== null;
      await until(found, { timeoutMs: 60_000, what: `"${part}" in the output of ${program}:\n${text}` });
      if (count(part) < times) throw new Error(`${program} ended without writing "${part}":\n${text}`);
    },
    kill: (signal) => void child.kill(signal),
  };
}

/** A file's text; empty when there is none. */
export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
