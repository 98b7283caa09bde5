import { spawn } from 'node:child_process';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { loadConfig, type LoadedConfig } from '../config/load.ts';
import { formatWarning } from '../config/warnings.ts';
import { contentOf, watchConfig } from '../config/watch.ts';
import { ConfigError, reasonOf, StoreError } from '../errors.ts';
import { startBuilder, type Builder } from '../dib/builder.ts';
import { createLogger, type Logger } from '../log.ts';
import { openSink, type LogSink } from '../log-sink.ts';
import { openStore } from '../store/open.ts';
import { readVersion } from '../version.ts';
import { claimDirectory } from './claim-directory.ts';
import { logSettings } from './daemon-log.ts';
import { createDrivers } from './drivers.ts';
import { removePidFile, writePidFile } from './pid-file.ts';

const DEFAULT_LOG = '/var/log/nodepool/builder.log';

interface Options {
  config: string;
  secure?: string;
  logging?: string;
  logFile: string;
  pidFile: string;
  foreground?: true;
  debug?: true;
  buildWorkers: number;
  uploadWorkers: number;
}

const program = new Command('nodepool-builder')
  .description('Builds disk images, keeps them fresh and publishes them to the configured providers.')
  .version(`Nodepool version: ${readVersion()}`, '--version')
  .option('-c, --config <file>', 'configuration', '/etc/nodepool/nodepool.yaml')
  .option('-s, --secure <file>', 'second configuration file with secrets')
  .option('-l, --logging <file>', 'logging configuration, YAML, JSON or INI')
  .option('--log-file <file>', 'log file, in the foreground as well; "none" for no file', DEFAULT_LOG)
  .option(
    '-p, --pid-file <file>',
    'PID file, written when in the background',
    '/var/run/nodepool/nodepool-builder.pid',
  )
  .option('-f, --foreground', 'stay in the foreground and log to the terminal too')
  .option('-d, --debug', 'like -f, and log everything')
  .option('--build-workers <n>', 'how many images are built at once', readCount, 1)
  .option('--upload-workers <n>', 'how many uploads run at once', readCount, 4)
  .addHelpText(
    'after',
    `
Examples:
  nodepool-builder -f                             run in the foreground, as systemd does
  nodepool-builder -d -c ./nodepool.yaml --log-file none

Signals:
  SIGINT, SIGUSR1            start nothing new, wait for builds and uploads that run, end
  SIGTERM                    end builds and uploads that run, remove their remains, end
  SIGHUP                     open the log files again
  SIGUSR2                    log what the process is doing`,
  )
  .showHelpAfterError('(--help shows the options)')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));

program.parse();
const options = absolute(program.opts<Options>());

if (options.foreground || options.debug || process.env['NODEPOOL_DETACHED']) await run();
else detach();

function readCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count <= 1000) return count;
  throw new InvalidArgumentError('expected a whole number up to 1000.');
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
      `nodepool-builder: it did not start; ${options.logFile === 'none' ? 'run it with -f to see why' : `see ${options.logFile}`}\n`,
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
    process.stderr.write(`nodepool-builder: ${reasonOf(error)}\n`);
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
  if (config.imagesDir === undefined) throw new StoreError('No images-dir specified in config.');
  const claim = await claimDirectory('builder', config.imagesDir);
  const store = await openStore(config, { log });
  const stopping = stopSignals(log);
  const builder = await startBuilder({
    store,
    drivers,
    config,
    log,
    clock: systemClock,
    version: readVersion(),
    hostname: hostname(),
    env: ownEnvironment(),
    buildWorkers: options.buildWorkers,
    uploadWorkers: options.uploadWorkers,
  });
  announceStart();
  process.on('SIGUSR2', () => log.named('stack_dump').info('state of the process', dump()));
  await watchConfig<LoadedConfig>({
    load,
    paths,
    seen,
    signal: stopping.requested,
    onConfig: (next) => reload(builder, config, next, log),
    onError: (error) => {
      log.error('the new configuration is not used; the one in force stays');
      for (const line of describe(error)) log.error(line);
    },
  });
  await aborted(stopping.requested);
  await builder.stop(stopping.hurried);
  await store.close();
  await claim.release();
}

/** What builds inherit: all but the builder's own mark. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  delete env['NODEPOOL_DETACHED'];
  return env;
}

/** What cannot change while running is named; the rest takes effect. */
function reload(builder: Builder, first: Config, next: LoadedConfig, log: Logger): void {
  warn(next, log);
  if (
    next.stateDir !== first.stateDir ||
    JSON.stringify(next.zookeeper) !== JSON.stringify(first.zookeeper)
  ) {
    log.warning('a change of where the state is kept takes effect at the next start');
  }
  builder.reload(next);
}

/** SIGINT asks for an orderly end; SIGTERM, or a second signal, hurries it; one more ends the process. */
function stopSignals(log: Logger): { requested: AbortSignal; hurried: AbortSignal } {
  const requested = new AbortController();
  const hurried = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const) {
    process.on(name, () => {
      log.info('signal received', { signal: name });
      if (hurried.signal.aborted) process.exit(1);
      if (requested.signal.aborted || name === 'SIGTERM') hurried.abort(new Error('the builder is stopping'));
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
