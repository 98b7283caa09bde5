/** The real launcher as a process of its own, as an operator runs it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { atEnd } from './clean-up.ts';

export interface LauncherProcess {
  pid: number;
  stop(): Promise<void>;
}

const STOP_MS = 60_000;

/** @param profileDir the launcher writes a CPU profile there when it ends. */
export async function startLauncher(
  directory: string,
  yaml: string,
  profileDir: string | undefined,
  { webapp = false } = {},
): Promise<LauncherProcess> {
  const config = join(directory, 'nodepool.yaml');
  const log = join(directory, 'launcher.log');
  writeFileSync(config, yaml);
  const child = spawn(
    process.execPath,
    [
      ...(profileDir === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileDir]),
      join(import.meta.dirname, '../dist/bin/nodepool-launcher.js'),
      ...(webapp ? [] : ['--no-webapp']),
      ...['-f', '-c', config, '--log-file', log, '--drain-time', '5'],
    ],
    // A process group of its own: Ctrl-C is for us, who then stop it in order.
    { stdio: 'ignore', detached: true },
  );
  const ended = once(child, 'exit');
  await once(child, 'spawn');
  child.unref();
  const pid = child.pid as number;

  const stop = atEnd(`launcher, process ${pid}`, async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  });
  await waitForLine(log, 'launcher started', () => child.exitCode !== null);
  return { pid, stop };
}

const START_MS = 30_000;

async function waitForLine(log: string, text: string, isOver: () => boolean): Promise<void> {
  const deadline = performance.now() + START_MS;
  const read = () => {
    try {
      return readFileSync(log, 'utf8');
    } catch {
      return '';
    }
  };
  while (!read().includes(text)) {
    if (isOver() || performance.now() > deadline)
      throw new Error(`the launcher does not start; its log says:\n${read()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
