import { hostname } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { systemClock } from '../clock.ts';
import { loadConfig } from '../config/load.ts';
import { contentOf } from '../config/watch.ts';
import { StoreError } from '../errors.ts';
import type { Config } from '../config/config.ts';
import { startBuilder, type Builder } from '../dib/builder.ts';
import type { Logger } from '../log.ts';
import { openBuilderMetrics } from '../metrics/builder-metrics.ts';
import type { Exposition } from '../metrics/registry.ts';
import { openStore } from '../store/open.ts';
import type { Store } from '../store/store.ts';
import { readVersion } from '../version.ts';
import { startWeb, type Web } from '../web/web.ts';
import { claimDirectory } from './claim-directory.ts';
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
import { readStatsd, reasonsNotReady } from './daemon-web.ts';
import { createDrivers } from './drivers.ts';

const DEFAULT_LOG = '/var/log/nodepool/builder.log';

interface Options extends DaemonOptions {
  buildWorkers: number;
  uploadWorkers: number;
  webapp: boolean;
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
  .option('--no-webapp', 'serve no web application')
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
const options = withAbsolutePaths(program.opts<Options>());
await runDaemon(program.name(), options, serve);

function readCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count <= 1000) return count;
  throw new InvalidArgumentError('expected a whole number up to 1000.');
}

async function serve(log: Logger): Promise<void> {
  const drivers = createDrivers();
  const load = () =>
    loadConfig({ path: options.config, securePath: options.secure, drivers, env: process.env });
  const paths = options.secure === undefined ? [options.config] : [options.config, options.secure];
  const seen = await contentOf(paths);
  const config = await load();
  logWarnings(config, log);
  if (config.imagesDir === undefined) throw new StoreError('No images-dir specified in config.');
  const claim = await claimDirectory('builder', config.imagesDir);
  // SIGTERM ends what runs, as the command's help says.
  const stopping = stopSignals(log, ['SIGTERM']);
  const store = await openStore(config, { log, signal: stopping.requested });
  const running: { builder?: Builder } = {}; // the web application is there first, and says that it is not ready
  let inForce: Config = config;
  const metrics = await openBuilderMetrics({
    store,
    config: () => inForce,
    statsd: readStatsd(log),
    isOwn: (builderId) => running.builder?.id === builderId,
    hostname: hostname(),
    log,
    clock: systemClock,
  });
  const web = options.webapp ? await openWeb({ store, config, log, running, metrics }) : undefined;
  const builder = await startBuilder({
    store: metrics.store,
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
  running.builder = builder;
  announceStart();
  await followConfig(config, { load, paths, seen, signal: stopping.requested }, log, (next) => {
    inForce = { ...next, imagesDir: config.imagesDir };
    builder.reload(next);
  });
  await whenStopped(stopping.requested);
  await builder.stop(stopping.hurried);
  await web?.close();
  await metrics.close();
  await store.close();
  await claim.release();
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
  running: { builder?: Builder };
  metrics: Exposition;
}): Promise<Web> {
  return await startWeb({
    store,
    webapp: { ...config.webapp, port: config.webapp.builderPort },
    portKey: 'webapp.builder_port',
    log,
    clock: systemClock,
    version: readVersion(),
    whyNotReady: () => reasonsNotReady('builder', running.builder?.unreached(), store),
    metrics,
    buildLogDir: config.buildLogDir,
  });
}

/** What builds inherit: all but the builder's own mark. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  delete env['NODEPOOL_DETACHED'];
  return env;
}
