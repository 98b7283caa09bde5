/** The builder: builds the diskimages of the configuration, publishes them, and removes what is old. */
import { setMaxListeners } from 'node:events';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Driver } from '../driver/driver.ts';
import type { WantedImage } from '../driver/images.ts';
import { reasonOf, StoreError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { makeComponent } from '../model/component.ts';
import type { Session, Store } from '../store/store.ts';
import { createBuildWorker } from './build-worker.ts';
import { readBuilderId } from './builder-id.ts';
import { watchImages, type Context } from './context.ts';
import { createImageProviders } from './providers.ts';
import { pruneImages, type Attempts } from './prune-images.ts';
import { createUploadWorker } from './upload-worker.ts';

export interface BuilderOptions {
  store: Store;
  drivers: readonly Driver[];
  config: Config;
  log: Logger;
  clock: Clock;
  version: string;
  hostname: string;
  /** Handed on to builds. */
  env: NodeJS.ProcessEnv;
  buildWorkers: number;
  uploadWorkers: number;
  /** How often everything is looked at although nothing was heard. */
  sweepMs?: number;
}

export interface Builder {
  /** UUID, stored with what it builds. */
  readonly id: string;
  /** Names of providers that have not answered yet. */
  unreached(): string[];
  reload(config: Config): void;
  /** Starts nothing more and waits for what runs; `signal` ends running builds and uploads. */
  stop(signal: AbortSignal): Promise<void>;
}

const SWEEP_MS = 30_000;
/** At the end, a state store that is away is waited for so long; builds that do not end at once have ended by then. */
const PATIENCE_MS = 30_000;

/** Starts building. The store stays the caller's, who closes it after `stop`. Throws StoreError for an unusable images-dir. */
export async function startBuilder(options: BuilderOptions): Promise<Builder> {
  const { store, clock, log, sweepMs = SWEEP_MS } = options;
  let config = checkImagesDir(options.config);
  const builderId = await readBuilderId(config.imagesDir ?? '');
  const attempts: Attempts = new Map();
  const aborter = new AbortController();
  setMaxListeners(0, aborter.signal);
  const work = createRounds(() => lookForWork(), log);
  const prune = createRounds(() => lookForRemains(), log);
  const wake = () => {
    work.wake();
    prune.wake();
  };
  const images = await watchImages(store, wake);
  const context: Context = {
    store,
    clock,
    log,
    config: () => config,
    images,
    builderId,
    hostname: options.hostname,
    env: options.env,
    building: new Set(),
    aborted: aborter.signal,
  };
  const providers = createImageProviders(options.drivers, { log, clock, onChange: wake });
  providers.apply(config); // Before the first look, which must know all formats that are needed.
  const builds = createBuildWorker(context, { workers: options.buildWorkers, wake });
  const uploads = createUploadWorker(context, providers, {
    workers: options.uploadWorkers,
    wake: wake,
  });

  const lookForWork = async () => {
    const wanted = await providers.wanted();
    builds.look(requiredFormats(config, wanted));
    await uploads.look(wanted);
  };
  const lookForRemains = async () => {
    await pruneImages({
      context,
      providers,
      wanted: await providers.wanted(),
      attempts,
      retryMs: sweepMs / 2,
    });
  };

  const register = () =>
    store.components
      .create(
        makeComponent({
          kind: 'builder',
          hostname: options.hostname,
          state: 'running',
          version: options.version,
        }),
        {
          prefix: `builder/${options.hostname}`,
          ephemeral: true,
        },
      )
      .catch((error: unknown) => log.warning('cannot register the builder', { error: reasonOf(error) }));
  await register();
  const endSessionWatch = store.session.onChange((state) => {
    log.warning('the connection to the state store changed', { state });
    if (state !== 'connected') return;
    void register();
    wake();
  });
  const timer = setInterval(wake, sweepMs);
  log.info('builder started', { version: options.version, images: [...config.diskimages.keys()], builderId });
  wake();

  return {
    id: builderId,
    unreached: () => providers.unreached(),
    reload(next) {
      if (next.imagesDir !== config.imagesDir) {
        log.warning('a change of images-dir takes effect at the next start');
      }
      config = { ...next, imagesDir: config.imagesDir };
      log.info('configuration loaded', { images: [...config.diskimages.keys()] });
      providers.apply(config);
      wake();
    },
    async stop(signal) {
      log.info('builder is stopping', { building: context.building.size });
      clearInterval(timer);
      const end = () => aborter.abort(new Error('the builder is stopping'));
      if (signal.aborted) end();
      else signal.addEventListener('abort', end, { once: true });
      const stopping = Promise.all([builds.stop(), uploads.stop()]).then(() =>
        Promise.all([work.stop(), prune.stop()]),
      );
      if (!(await endedOrAway(stopping, store.session, clock, signal)))
        log.warning('the state store is away; the next start finds what has ended');
      endSessionWatch();
      await providers.close(signal);
      images.close();
      log.info('builder stopped');
    },
  };
}

/** Whether the work has ended, which it does not where it has something to tell a store that is away. */
async function endedOrAway(
  work: Promise<unknown>,
  session: Session,
  clock: Clock,
  hurried: AbortSignal,
): Promise<boolean> {
  const over = new AbortController();
  const end = () => over.abort();
  work.then(end, end);
  for (;;) {
    await clock.sleep(PATIENCE_MS, over.signal).catch(() => undefined);
    if (over.signal.aborted) return await work.then(() => true);
    if (hurried.aborted && session.state !== 'connected') return false;
  }
}

function checkImagesDir(config: Config): Config {
  if (config.imagesDir === undefined)
    throw new StoreError('images-dir is not configured; the builder keeps its images there');
  return config;
}

/** Its own formats and those that providers need; an image without any is not built. */
export function requiredFormats(
  { diskimages }: Pick<Config, 'diskimages'>,
  wanted: ReadonlyMap<string, readonly WantedImage[]>,
): Map<string, string[]> {
  const all = [...wanted.values()].flat();
  return new Map(
    [...diskimages.values()].map(({ name, formats }) => {
      const needed = all.filter((image) => image.name === name).map(({ format }) => format);
      return [name, [...new Set([...formats, ...needed])].sort()];
    }),
  );
}

/** One round at a time; what is heard during one leads to another. */
function createRounds(round: () => Promise<void>, log: Logger) {
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  const run = async () => {
    while (again && !stopped) {
      again = false;
      await round().catch((error: unknown) =>
        log.error('a round of the builder failed', { error: reasonOf(error) }),
      );
    }
    running = undefined;
  };
  return {
    wake() {
      again = true;
      // Later, so that several changes at once are one round.
      if (!stopped) running ??= new Promise((resolve) => setImmediate(resolve)).then(run);
    },
    async stop() {
      stopped = true;
      await running;
    },
  };
}
