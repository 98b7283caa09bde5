/** What launcher and builder have in common as programs: background, log, signals that end them, the last words. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import type { LoadedConfig } from '../config/load.ts';
import { formatWarning } from '../config/warnings.ts';
import { watchConfig, type WatchOptions } from '../config/watch.ts';
import { ConfigError, reasonOf, StoreError } from '../errors.ts';
import { createLogger, type Logger } from '../log.ts';
import { openSink, type LogSink } from '../log-sink.ts';
import { logSettings } from './daemon-log.ts';
import { warnOfWebapp } from './daemon-web.ts';
import { removePidFile, writePidFile } from './pid-file.ts';

export interface DaemonOptions {
  config: string;
  secure?: string;
  logging?: string;
  /** `none` for no file. */
  logFile: string;
  pidFile: string;
  foreground?: true;
  debug?: true;
}

/** Told to stop before it served: an orderly end. */
class StoppedError extends Error {}

/**
 * Runs a daemon until `serve` returns, in the foreground or as a process of its own, and ends this process. `name` is the
 * program's; options have absolute paths (see `withAbsolutePaths`).
 */
export async function runDaemon(
  name: string,
  options: DaemonOptions,
  serve: (log: Logger) => Promise<void>,
): Promise<void> {
  const inBackground = Boolean(process.env['NODEPOOL_DETACHED']);
  if (!options.foreground && !options.debug && !inBackground) return detach(name, options);
  let sink: LogSink;
  try {
    sink = openSink(await logSettings(options), { env: process.env });
  } catch (error) {
    process.stderr.write(`${name}: ${reasonOf(error)}\n`);
    process.exit(1);
  }
  const log = createLogger(sink);
  process.on('exit', () => sink.flushSync());
  process.on('SIGHUP', () => sink.reopen());
  process.on('SIGUSR2', () => log.named('stack_dump').info('state of the process', dump()));
  process.on('uncaughtException', (error) => die(error, log, sink));
  process.on('unhandledRejection', (error) => die(error, log, sink));
  try {
    if (inBackground) writePidFile(options.pidFile);
    await serve(log);
  } catch (error) {
    if (!(error instanceof StoppedError)) {
      for (const line of describe(error)) log.error(line);
      process.exitCode = 1;
    }
    sink.flushSync();
  } finally {
    if (inBackground) removePidFile(options.pidFile);
    sink.close();
  }
  process.exit();
}

/** Starts the same program again, without a terminal, and ends as soon as that one serves, or has failed. */
function detach(name: string, { logFile }: DaemonOptions): void {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    cwd: '/',
    env: { ...process.env, NODEPOOL_DETACHED: '1' },
  });
  child.once('message', () => {
    child.disconnect();
    child.unref();
  });
  child.once('exit', (code) => {
    const where = logFile === 'none' ? 'run it with -f to see why' : `see ${logFile}`;
    process.stderr.write(`${name}: it did not start; ${where}\n`);
    process.exitCode = code ?? 1;
  });
}

/** Tells the process that waits in `detach` that this one serves. */
export function announceStart(): void {
  process.send?.('started');
  if (process.connected) process.disconnect();
}

/**
 * The signals that end a daemon. The first one requests it; a second one, or one of `hurrying`, hurries it; one more ends
 * the process.
 */
export function stopSignals(
  log: Logger,
  hurrying: readonly NodeJS.Signals[] = [],
): { requested: AbortSignal; hurried: AbortSignal } {
  const requested = new AbortController();
  const hurried = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const) {
    process.on(name, () => {
      log.info('signal received', { signal: name });
      if (hurried.signal.aborted) process.exit(1);
      if (requested.signal.aborted || hurrying.includes(name)) hurried.abort(new Error('told to hurry'));
      requested.abort(new StoppedError('told to stop'));
    });
  }
  return { requested: requested.signal, hurried: hurried.signal };
}

/** Resolves when the signal is aborted, and keeps the process alive until then. */
export function whenStopped(signal: AbortSignal): Promise<void> {
  // A pending promise alone does not keep a process alive; the interval does.
  const alive = setInterval(() => undefined, 2 ** 30);
  return new Promise((resolved) => {
    const end = () => {
      clearInterval(alive);
      resolved();
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

export function logWarnings(config: LoadedConfig, log: Logger): void {
  for (const warning of config.warnings) log.warning(formatWarning(warning));
}

/**
 * Reads the files again when they change, until `signal`. What cannot change while running is named; the rest is for `apply`
 * to take over. `seen` is what `first` was made of.
 */
export async function followConfig(
  first: Config,
  files: Pick<WatchOptions<LoadedConfig>, 'load' | 'paths' | 'seen' | 'signal'>,
  log: Logger,
  apply: (next: LoadedConfig) => void,
): Promise<void> {
  await watchConfig<LoadedConfig>({
    ...files,
    onConfig(next) {
      logReload(first, next, log);
      warnOfWebapp(first, next, log);
      apply(next);
    },
    onError: (error) => logBadReload(error, log),
  });
}

function logReload(first: Config, next: LoadedConfig, log: Logger): void {
  logWarnings(next, log);
  const moved =
    next.stateDir !== first.stateDir || JSON.stringify(next.zookeeper) !== JSON.stringify(first.zookeeper);
  if (moved) log.warning('a change of where the state is kept takes effect at the next start');
}

function logBadReload(error: unknown, log: Logger): void {
  log.error('the new configuration is not used; the one in force stays');
  for (const line of describe(error)) log.error(line);
}

/** In the background the working directory is another one. */
export function withAbsolutePaths<T extends DaemonOptions>(given: T): T {
  const paths = { ...given, config: resolve(given.config), pidFile: resolve(given.pidFile) };
  if (given.secure !== undefined) paths.secure = resolve(given.secure);
  if (given.logging !== undefined) paths.logging = resolve(given.logging);
  if (given.logFile !== 'none') paths.logFile = resolve(given.logFile);
  return paths;
}

/** One line for each mistake; anything unforeseen with its stack. */
function describe(error: unknown): string[] {
  if (error instanceof ConfigError) return error.message.split('\n');
  if (error instanceof StoreError) return [error.message];
  return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
}

/** A defect: nothing is known about the state in memory any more, so end; the store says what to redo. */
function die(error: unknown, log: Logger, sink: LogSink): never {
  log.error('unexpected error, ending', { error });
  for (const line of describe(error)) log.error(line);
  sink.flushSync();
  process.exit(70);
}

function dump() {
  const { rss, heapUsed } = process.memoryUsage();
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return {
    rssMib: Math.round(rss / 2 ** 20),
    heapMib: Math.round(heapUsed / 2 ** 20),
    resources: JSON.stringify(counts),
  };
}
