import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Command, InvalidArgumentError } from 'commander';
import { systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { loadConfig, type LoadedConfig } from '../config/load.ts';
import { formatWarning } from '../config/warnings.ts';
import { contentOf, watchConfig } from '../config/watch.ts';
import { ConfigError, reasonOf, StoreError } from '../errors.ts';
import { startLauncher, type Launcher } from '../launcher/launcher.ts';
import { createLogger, type Logger } from '../log.ts';
import { openSink, type LogSink } from '../log-sink.ts';
import { openMetrics, statsdFrom, type Metrics } from '../metrics/metrics.ts';
import { openStore } from '../store/open.ts';
import type { Store } from '../store/store.ts';
import { readVersion } from '../version.ts';
import { startWeb, type Web } from '../web/web.ts';
import { logSettings } from './daemon-log.ts';
import { createDrivers } from './drivers.ts';
import { removePidFile, writePidFile } from './pid-file.ts';

// Collect garbage when the heap is half as large again as what lives, not several times: under load a quarter less
// memory, for a tenth more CPU time (docs/performance.md).
setFlagsFromString('--heap-growing-percent=50');

const DEFAULT_LOG = '/var/log/nodepool/launcher.log';

interface Options {
  config: string;
  secure?: string;
  logging?: string;
  logFile: string;
  pidFile: string;
  foreground?: true;
  debug?: true;
  /** Seconds. */
  drainTime: number;
  webapp: boolean;
}

const program = new Command('nodepool-launcher')
  .description('Hands out nodes: serves the node requests of a CI system from the configured providers.')
  .version(`Nodepool version: ${readVersion()}`, '--version')
  .option('-c, --config <file>', 'configuration', '/etc/nodepool/nodepool.yaml')
  .option('-s, --secure <file>', 'second configuration file with secrets')
  .option('-l, --logging <file>', 'logging configuration, YAML, JSON or INI')
  .option('--log-file <file>', 'log file, in the foreground as well; "none" for no file', DEFAULT_LOG)
  .option(
    '-p, --pid-file <file>',
    'PID file, written when in the background',
    '/var/run/nodepool/nodepool.pid',
  )
  .option('-f, --foreground', 'stay in the foreground and log to the terminal too')
  .option('-d, --debug', 'like -f, and log everything')
  .option('--drain-time <seconds>', 'how long SIGTERM waits for launches that run', readSeconds, 60)
  .option('--no-webapp', 'serve no web application')
  .addHelpText(
    'after',
    `
Examples:
  nodepool-launcher -f                             run in the foreground, as systemd does
  nodepool-launcher -d -c ./nodepool.yaml --log-file none

Signals:
  SIGTERM, SIGINT, SIGUSR1   finish what runs, take nothing new, end; a second one ends at once
  SIGHUP                     open the log files again
  SIGUSR2                    log what the process is doing`,
  )
  .showHelpAfterError('(--help shows the options)')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));

program.parse();
const options = absolute(program.opts<Options>());

if (options.foreground || options.debug || process.env['NODEPOOL_DETACHED']) await run();
else detach();

function readSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError('expected a number of seconds up to 86400 (a day).');
}

/** Starts the same program again, without a terminal, and ends as soon as that one serves, or has failed. */
function detach(): void {
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
    process.stderr.write(
      `nodepool-launcher: it did not start; ${options.logFile === 'none' ? 'run it with -f to see why' : `see ${options.logFile}`}\n`,
    );
    process.exitCode = code ?? 1;
  });
}

/** Tells the process that waits in `detach` that this one serves. */
function announceStart(): void {
  process.send?.('started');
  if (process.connected) process.disconnect();
}

async function run(): Promise<void> {
  const background = Boolean(process.env['NODEPOOL_DETACHED']);
  let sink: LogSink;
  try {
    sink = openSink(await logSettings(options), { env: process.env });
  } catch (error) {
    process.stderr.write(`nodepool-launcher: ${reasonOf(error)}\n`);
    process.exit(1);
  }
  const log = createLogger(sink);
  process.on('exit', () => sink.flushSync());
  process.on('SIGHUP', () => sink.reopen());
  process.on('uncaughtException', (error) => die(error, log, sink));
  process.on('unhandledRejection', (error) => die(error, log, sink));
  try {
    if (background) writePidFile(options.pidFile);
    await serve(log);
  } catch (error) {
    for (const line of describe(error)) log.error(line);
    sink.flushSync();
    process.exitCode = 1;
  } finally {
    if (background) removePidFile(options.pidFile);
    sink.close();
  }
  process.exit();
}

async function serve(log: Logger): Promise<void> {
  const drivers = createDrivers();
  const load = () =>
    loadConfig({ path: options.config, securePath: options.secure, drivers, env: process.env });
  const paths = options.secure === undefined ? [options.config] : [options.config, options.secure];
  const seen = await contentOf(paths);
  const config = await load();
  warn(config, log);
  const stopping = stopSignals(log);
  const store = await openStore(config, { log, signal: stopping.requested });
  const running: { launcher?: Launcher } = {}; // the web application is there first, and says that it is not ready
  let inForce: Config = config;
  const metrics = await openMetrics({
    store,
    drivers,
    config: () => inForce,
    statsd: readStatsd(log),
    isOwn: (launcherId) => running.launcher?.launcherIds().has(launcherId) === true,
    log,
    clock: systemClock,
  });
  const web = options.webapp ? await openWeb({ store, config, log, running, metrics }) : undefined;
  const launcher = await startLauncher({
    store: metrics.store,
    drivers: metrics.drivers,
    config,
    log,
    clock: systemClock,
    version: readVersion(),
  });
  running.launcher = launcher;
  announceStart();
  process.on('SIGUSR2', () => log.named('stack_dump').info('state of the process', dump()));
  await watchConfig<LoadedConfig>({
    load,
    paths,
    seen,
    signal: stopping.requested,
    onConfig(next) {
      inForce = next;
      reload(launcher, config, next, log);
    },
    onError: (error) => {
      log.error('the new configuration is not used; the one in force stays');
      for (const line of describe(error)) log.error(line);
    },
  });
  await aborted(stopping.requested);
  const patience = AbortSignal.timeout(options.drainTime * 1000);
  await launcher.stop(AbortSignal.any([patience, stopping.hurried]));
  await web?.close();
  await metrics.close();
  await store.close();
}

async function openWeb({
  store,
  config,
  log,
  running,
  metrics,
}: {
  store: Store;
  config: Config;
  log: Logger;
  running: { launcher?: Launcher };
  metrics: Metrics;
}): Promise<Web> {
  const whyNotReady = () => {
    const unreached = running.launcher?.unreached();
    if (!unreached) return ['the launcher is starting'];
    const reasons = unreached.map((name) => `provider ${name} has not answered yet`);
    const { state } = store.session;
    return state === 'connected' ? reasons : [...reasons, `the connection to the state store is ${state}`];
  };
  const version = readVersion();
  return await startWeb({
    store,
    webapp: config.webapp,
    log,
    clock: systemClock,
    version,
    whyNotReady,
    metrics,
    plotsFile: join(config.stateDir, 'plots.json'),
    buildLogDir: config.buildLogDir,
  });
}

/** A mistake there costs the metrics only. */
function readStatsd(log: Logger): ReturnType<typeof statsdFrom> {
  try {
    return statsdFrom(process.env);
  } catch (error) {
    log.error('no metrics are sent to statsd', { error: reasonOf(error) });
    return undefined;
  }
}

/** What cannot change while running is named; the rest takes effect. */
function reload(launcher: Launcher, first: Config, next: LoadedConfig, log: Logger): void {
  warn(next, log);
  if (
    next.stateDir !== first.stateDir ||
    JSON.stringify(next.zookeeper) !== JSON.stringify(first.zookeeper)
  ) {
    log.warning('a change of where the state is kept takes effect at the next start');
  }
  if (JSON.stringify(next.webapp) !== JSON.stringify(first.webapp))
    log.warning('a change of webapp takes effect at the next start');
  launcher.reload(next);
}

/** The first signal asks for an orderly end, the second hurries it, a third ends the process. */
function stopSignals(log: Logger): { requested: AbortSignal; hurried: AbortSignal } {
  const requested = new AbortController();
  const hurried = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const) {
    process.on(name, () => {
      log.info('signal received', { signal: name });
      if (hurried.signal.aborted) process.exit(1);
      if (requested.signal.aborted) hurried.abort();
      requested.abort();
    });
  }
  return { requested: requested.signal, hurried: hurried.signal };
}

function warn(config: LoadedConfig, log: Logger): void {
  for (const warning of config.warnings) log.warning(formatWarning(warning));
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

function aborted(signal: AbortSignal): Promise<void> {
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

/** In the background the working directory is another one. */
function absolute(given: Options): Options {
  const paths = { ...given, config: resolve(given.config), pidFile: resolve(given.pidFile) };
  if (given.secure !== undefined) paths.secure = resolve(given.secure);
  if (given.logging !== undefined) paths.logging = resolve(given.logging);
  if (given.logFile !== 'none') paths.logFile = resolve(given.logFile);
  return paths;
}
