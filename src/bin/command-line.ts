/** A `nodepool` command line with its parts wired. What is heavy is imported when a verb asks for it. */
import { hostname, userInfo } from 'node:os';
import { systemClock } from '../clock.ts';
import { main } from '../cli/main.ts';
import type { Globals } from '../cli/parse.ts';
import type { Io } from '../cli/verb.ts';
import type { Driver } from '../driver/driver.ts';
import { openSink, simpleSettings, type LogSettings, type LogSink } from '../log-sink.ts';
import { createLogger } from '../log.ts';
import { readVersion } from '../version.ts';

/** How long a command waits for ZooKeeper: a person, or a script, waits too. */
const STORE_PATIENCE_MS = 10_000;

/** Returns the exit code; all that was logged is written by then. `signal` is aborted with `Interrupted`. */
export async function runCommandLine(
  argv: readonly string[],
  { io, signal }: { io: Io; signal: AbortSignal },
): Promise<number> {
  const { env } = io;
  let drivers: Driver[] | undefined;
  let sink: LogSink | undefined;

  async function createDriversOnce() {
    const { createDrivers } = await import('./drivers.ts');
    return (drivers ??= createDrivers());
  }

  try {
    return await main(argv, {
      io,
      version: readVersion(),
      clock: systemClock,
      who: `${env['SUDO_USER'] ?? userName()}@${hostname()}`,
      signal,
      async createLog(globals) {
        sink = openSink(await logSettings(globals), io);
        return createLogger(sink);
      },
      async openStore({ config, secure }, log, over) {
        const [{ loadStateLocation }, { openStore }] = await Promise.all([
          import('../config/state-location.ts'),
          import('../store/open.ts'),
        ]);
        const location = await loadStateLocation({ path: config, securePath: secure, env });
        const either = AbortSignal.any([signal, over]);
        return openStore(location, { log, patienceMs: STORE_PATIENCE_MS, signal: either });
      },
      async loadConfig({ secure }, file) {
        const [{ loadConfig }, drivers] = await Promise.all([
          import('../config/load.ts'),
          createDriversOnce(),
        ]);
        return loadConfig({ path: file, securePath: secure, drivers, env });
      },
      drivers: createDriversOnce,
    });
  } finally {
    sink?.close();
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`; // a container may run as a user without an entry
  }
}

/** Commands print their results themselves; what goes wrong on the way goes to stderr. */
async function logSettings({ logging, debug }: Globals): Promise<LogSettings> {
  if (logging === undefined) return simpleSettings({ to: 'stderr', level: debug ? 'debug' : 'warning' });
  const { loadLogConfig } = await import('../config/log-config.ts');
  return await loadLogConfig(logging);
}
