/** The launcher of this run, a process of its own. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { save, type Place } from './place.ts';
import { endProcess, identify } from './processes.ts';
import { launcherProgram } from './programs.ts';

const START_MS = 30_000;
const STOP_MS = 30_000;

/** A hypervisor that is this machine, and a label whose containers show this machine's files. */
export function writeConfig({ config, directory, name }: Place): string {
  const text = `state-dir: ${directory}/state

labels:
  - name: ${name}

providers:
  - name: ${name}
    driver: runC
    pools:
      - name: localhost
        connection: local      # this machine; without it, SSH as root to the host of this name
        max-servers: 2
        labels:
          - name: ${name}
            username: ${name}
`;
  writeFileSync(config, text);
  return text;
}

/** Away from this terminal, so that Ctrl-C reaches it in our order. Resolves when it says that it has started. */
export async function startLauncher(place: Place, signal: AbortSignal): Promise<number> {
  const output = openSync(join(place.directory, 'launcher.out'), 'a', 0o600);
  const args = [launcherProgram, '-f', '-c', place.config, '--log-file', place.log];
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', output, output] });
  closeSync(output);
  let ended: string | undefined;
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, by) => (ended = `it ended with ${by ?? `exit code ${code ?? ''}`}`));
  child.unref();
  const id = child.pid === undefined ? undefined : identify(child.pid);
  if (id !== undefined) {
    place.record.launcher = id;
    save(place);
  }
  const endMs = performance.now() + START_MS;
  while (!readLog(place).includes('launcher started')) {
    signal.throwIfAborted();
    if (ended !== undefined) throw new Error(`the launcher did not start: ${ended}`);
    if (performance.now() > endMs) throw new Error(`the launcher did not start within ${START_MS / 1000} s`);
    await sleep(20);
  }
  return child.pid ?? 0;
}

/** SIGTERM lets it finish what runs. False: it had to be killed. */
export async function stopLauncher({ record }: Place): Promise<boolean> {
  return record.launcher === undefined || (await endProcess(record.launcher, STOP_MS));
}

/** The last lines of its log, or of what it said before it had one. */
export function tailLog(place: Place, lines = 15): string {
  return readLog(place).trimEnd().split('\n').slice(-lines).join('\n');
}

function readLog({ log, directory }: Place): string {
  const output = join(directory, 'launcher.out');
  const found = [log, output].find((path) => existsSync(path) && readFileSync(path, 'utf8') !== '');
  return found === undefined ? '' : readFileSync(found, 'utf8');
}
