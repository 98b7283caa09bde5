import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Command, InvalidArgumentError } from 'commander';
import { systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { contentOf } from '../config/watch.ts';
import { startLauncher, type Launcher } from '../launcher/launcher.ts';
import type { Logger } from '../log.ts';
import { openMetrics, type Metrics } from '../metrics/metrics.ts';
import { openStore } from '../store/open.ts';
import type { Store } from '../store/store.ts';
import { readVersion } from '../version.ts';
import { startWeb, type Web } from '../web/web.ts';
import {
  announceStart,
  followConfig,
  logWarnings,
  runDaemon,
  stopSignals,
  whenStopped,
  withAbsolutePaths,
  type DaemonOptions,
} from './daemon.ts';
import { openTracing } from './daemon-tracing.ts';
import { readStatsd, reasonsNotReady } from './daemon-web.ts';
import { createDrivers } from './drivers.ts';

// Collect garbage when the heap is twice as large as what lives, not several times; docs/performance.md has both in figures.
setFlagsFromString('--heap-growing-percent=100');
// Optimised code is to be worth its compilation, as most of ours runs seldom. V8 12 (Node.js 22) counts in another way.
if (process.versions.v8.startsWith('11.')) setFlagsFromString('--interrupt-budget=1000000');

const DEFAULT_LOG = '/var/log/nodepool/launcher.log';

interface Options extends DaemonOptions {
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
const options = withAbsolutePaths(program.opts<Options>());
await runDaemon(program.name(), options, serve);

function readSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError('expected a number of seconds up to 86400 (a day).');
}

async function serve(log: Logger): Promise<void> {
  const drivers = createDrivers();
  const load = () =>
    loadConfig({ path: options.config, securePath: options.secure, drivers, env: process.env });
  const paths = options.secure === undefined ? [options.config] : [options.config, options.secure];
  const seen = await contentOf(paths);
  const config = await load();
  logWarnings(config, log);
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
  const traced = await openTracing(metrics, log);
  const launcher = await startLauncher({
    store: traced.store,
    drivers: traced.drivers,
    config,
    log,
    clock: systemClock,
    version: readVersion(),
  });
  running.launcher = launcher;
  announceStart();
  await followConfig(config, { load, paths, seen, signal: stopping.requested }, log, (next) => {
    inForce = next;
    launcher.reload(next);
  });
  await whenStopped(stopping.requested);
  const patience = AbortSignal.timeout(options.drainTime * 1000);
  await launcher.stop(AbortSignal.any([patience, stopping.hurried]));
  await web?.close();
  await traced.close();
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
  return await startWeb({
    store,
    webapp: config.webapp,
    log,
    clock: systemClock,
    version: readVersion(),
    whyNotReady: () => reasonsNotReady('launcher', running.launcher?.unreached(), store),
    metrics,
    plotsFile: join(config.stateDir, 'plots.json'),
    buildLogDir: config.buildLogDir,
  });
}
