#!/usr/bin/env node
/** The `nodepool` command: reads the environment, wires, runs. What is heavy is imported when a verb asks for it. */
import { hostname, userInfo } from 'node:os';
import { systemClock } from '../clock.ts';
import { Interrupted } from '../cli/failure.ts';
import { main, type Deps } from '../cli/main.ts';
import type { Globals } from '../cli/parse.ts';
import type { Driver } from '../driver/driver.ts';
import { openSink, simpleSettings } from '../log-sink.ts';
import { createLogger, type Logger } from '../log.ts';
import { readVersion } from '../version.ts';

const stop = new AbortController();

/** A verb that cannot be stopped, say because a file or a server does not answer, is left behind after this. */
const STOP_TIME_MS = 10_000;

/** The first signal lets the verb clean up; the second ends the process at once. */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    const reason = new Interrupted(signal);
    if (stop.signal.aborted) return dieOf(signal);
    stop.abort(reason);
    setTimeout(() => dieOf(signal), STOP_TIME_MS).unref();
  });
}

/** As if the signal had never been caught; process.exit() would wait for a file that does not answer. */
function dieOf(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/** `nodepool list | head` is not an error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  stop.abort(new Interrupted('SIGPIPE'));
});
process.stderr.on('error', () => undefined);

/** How long a command waits for ZooKeeper: a person, or a script, waits too. */
const STORE_PATIENCE_MS = 10_000;

const { env } = process;
let drivers: Driver[] | undefined;

const deps: Deps = {
  io: {
    // Opened only by what reads it.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    env,
  },
  version: readVersion(),
  clock: systemClock,
  who: `${env['SUDO_USER'] ?? userName()}@${hostname()}`,
  signal: stop.signal,
  createLog: openLog,
  async openStore({ config, secure }, log, over) {
    const [{ loadStateLocation }, { openStore }] = await Promise.all([
      import('../config/state-location.ts'),
      import('../store/open.ts'),
    ]);
    const location = await loadStateLocation({ path: config, securePath: secure, env });
    const signal = AbortSignal.any([stop.signal, over]);
    return openStore(location, { log, patienceMs: STORE_PATIENCE_MS, signal });
  },
  async loadConfig({ secure }, file) {
    const [{ loadConfig }, drivers] = await Promise.all([import('../config/load.ts'), createDriversOnce()]);
    return loadConfig({ path: file, securePath: secure, drivers, env });
  },
  drivers: createDriversOnce,
};
void main(process.argv.slice(2), deps).then(async (exitCode) => {
  // What goes into a pipe may still be on its way, and an exit would drop it.
  const written = Promise.all([process.stdout, process.stderr].map(drain));
  await Promise.race([written, aborted(stop.signal)]);
  process.exit(exitCode);
});

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

async function createDriversOnce() {
  const { createDrivers } = await import('./drivers.ts');
  return (drivers ??= createDrivers());
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`; // a container may run as a user without an entry
  }
}

/** Commands print their results themselves; what goes wrong on the way goes to stderr. */
async function openLog({ logging, debug }: Globals): Promise<Logger> {
  if (logging === undefined) {
    const settings = simpleSettings({ to: 'stderr', level: debug ? 'debug' : 'warning' });
    return createLogger(openSink(settings, { env }));
  }
  const { loadLogConfig } = await import('../config/log-config.ts');
  return createLogger(openSink(await loadLogConfig(logging), { env }));
}
