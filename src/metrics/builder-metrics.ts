import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../log.ts';
import { openViews, type Views } from '../operator/views.ts';
import type { Store } from '../store/store.ts';
import { createBuilderInstruments, readSizes } from './builder-instruments.ts';
import { sendBuild, sendUpload, sendWork } from './builder-keys.ts';
import { imageWork, watchImageWork, type IsOwn } from './image-work.ts';
import { measuredStore } from './measured-store.ts';
import type { Exposition } from './registry.ts';
import { openStatsd } from './statsd.ts';

export interface BuilderMetricsOptions {
  store: Store;
  /** The configuration now in force. */
  config: () => Config;
  /** Undefined: nothing is sent to statsd. */
  statsd: { host: string; port: number } | undefined;
  isOwn: IsOwn;
  hostname: string;
  log: Logger;
  clock: Clock;
}

export interface BuilderMetrics extends Exposition {
  /** To be used in place of the one that was given: the same, measured. */
  store: Store;
  close(): Promise<void>;
}

/** Measures by watching the records of images: the builder knows nothing of it. */
export async function openBuilderMetrics(options: BuilderMetricsOptions): Promise<BuilderMetrics> {
  const { store, config, isOwn, hostname, clock } = options;
  const views = await openViews(store);
  const instruments = createBuilderInstruments({ views, config, isOwn, clock });
  const statsd = options.statsd && openStatsd({ ...options.statsd, log: options.log.named('Stats'), clock });
  const endWork = watchImageWork(views, isOwn, {
    built(outcome) {
      const { image, result, formats, durationS } = outcome;
      instruments.buildSeconds.observe({ image, result }, durationS);
      if (statsd)
        void readSizes(config(), outcome, formats).then((sizes) => sendBuild(statsd, outcome, sizes));
    },
    uploaded(outcome) {
      const { durationS, ...labels } = outcome;
      instruments.uploadSeconds.observe(labels, durationS);
      if (statsd) sendUpload(statsd, outcome);
    },
  });
  const endGauges =
    statsd &&
    repeatOnChange(views, clock, () => sendWork(statsd, hostname, imageWork(config(), views, isOwn)));
  return {
    store: measuredStore(store, instruments.observeOperation),
    contentType: instruments.registry.contentType,
    exposition: () => instruments.registry.metrics(),
    async close() {
      endWork();
      endGauges?.();
      await statsd?.close();
      instruments.registry.clear();
      views.close();
    },
  };
}

const SOON_MS = 1_000;
/** As often as older builders sent theirs. */
const TURN_MS = 60_000;
const COLLECTIONS: ReadonlySet<string> = new Set(['builds', 'uploads', 'buildRequests', 'imagePauses']);

/** Within a second of a change, and every minute. Returns a function that ends it. */
function repeatOnChange(views: Views, clock: Clock, send: () => void): () => void {
  let soon = false;
  let cancel: () => void = () => undefined;
  const schedule = (delayMs: number) => {
    cancel();
    cancel = clock.after(delayMs, () => {
      soon = false;
      send();
      schedule(TURN_MS);
    });
  };
  schedule(SOON_MS);
  const endWatch = views.onChange(({ collection }) => {
    if (soon || !COLLECTIONS.has(collection)) return;
    soon = true;
    schedule(SOON_MS);
  });
  return () => {
    endWatch();
    cancel();
  };
}
