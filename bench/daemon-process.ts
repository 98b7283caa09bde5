/** The real daemons as processes of their own, as an operator runs them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Peers } from '../test/interop/peers.ts';
import { atEnd } from './clean-up.ts';

export interface DaemonProcess {
  pid: number;
  stop(): Promise<void>;
}

const STOP_MS = 60_000;

/** @param profileDir the launcher writes a CPU profile there when it ends. */
export async function startLauncher(
  directory: string,
  yaml: string,
  profileDir: string | undefined,
  { webapp = false, env = {} }: { webapp?: boolean; env?: NodeJS.ProcessEnv } = {},
): Promise<DaemonProcess> {
  const args = [...(webapp ? [] : ['--no-webapp']), '--drain-time', '5'];
  return await startDaemon('launcher', { directory, yaml, profileDir, args, env });
}

export async function startBuilder(
  directory: string,
  yaml: string,
  profileDir: string | undefined,
): Promise<DaemonProcess> {
  return await startDaemon('builder', { directory, yaml, profileDir, args: ['--no-webapp'] });
}

async function startDaemon(
  name: 'launcher' | 'builder',
  {
    directory,
    yaml,
    profileDir,
    args,
    env = {},
  }: {
    directory: string;
    yaml: string;
    profileDir: string | undefined;
    args: readonly string[];
    env?: NodeJS.ProcessEnv;
  },
): Promise<DaemonProcess> {
  const config = join(directory, 'nodepool.yaml');
  const log = join(directory, `${name}.log`);
  writeFileSync(config, yaml);
  const child = spawn(
    process.execPath,
    [
      ...(profileDir === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileDir]),
      join(import.meta.dirname, `../dist/bin/nodepool-${name}.js`),
      ...['-f', '-c', config, '--log-file', log, ...args],
    ],
    // A process group of its own: Ctrl-C is for us, who then stop it in order.
    { stdio: 'ignore', detached: true, env: { ...process.env, ...env } },
  );
  const ended = once(child, 'exit');
  await once(child, 'spawn');
  child.unref();
  const pid = child.pid as number;

  const stop = atEnd(`${name}, process ${pid}`, async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  });
  await waitForLine(log, `${name} started`, () => child.exitCode !== null);
  return { pid, stop };
}

/** The launcher of the Python Nodepool. It ends only when it is killed: it would wait for its threads. */
export function startPeerLauncher(
  peers: Peers,
  directory: string,
  yaml: string,
  env: NodeJS.ProcessEnv = {},
): DaemonProcess {
  const config = join(directory, 'nodepool.yaml');
  writeFileSync(config, yaml);
  const log = openSync(join(directory, 'launcher.log'), 'w');
  const args = ['-f', '--no-webapp', '-c', config, '-p', join(directory, 'pid')];
  const child = spawn(peers.program('nodepool-launcher'), args, {
    stdio: ['ignore', log, log],
    detached: true,
    env: { ...process.env, ...env },
  });
  closeSync(log);
  const ended = once(child, 'exit');
  const stop = atEnd('the Python Nodepool', async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { pid: child.pid as number, stop };
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
      throw new Error(`it does not start; its log says:\n${read()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
