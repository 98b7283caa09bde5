import { hostname } from 'node:os';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Driver } from '../driver/driver.ts';
import type { Logger } from '../log.ts';
import { openViews } from '../operator/views.ts';
import type { Store } from '../store/store.ts';
import { watchLifecycle } from './lifecycle.ts';
import { measuredDriver, type DriverObserver } from './measured-driver.ts';
import { measuredStore } from './measured-store.ts';
import { createInstruments } from './prometheus.ts';
import type { Exposition } from './registry.ts';
import { openStatsd } from './statsd.ts';
import { sendGauges, sendLaunch } from './statsd-keys.ts';

export interface MetricsOptions {
  store: Store;
  drivers: readonly Driver[];
  /** The configuration now in force. */
  config: () => Config;
  /** Undefined: nothing is sent to statsd. */
  statsd: { host: string; port: number } | undefined;
  /** Is this the id of a pool of this process? */
  isOwn: (launcherId: string) => boolean;
  log: Logger;
  clock: Clock;
}

export interface Metrics extends Exposition {
  /** To be used in place of those that were given: the same, measured. */
  store: Store;
  drivers: Driver[];
  close(): Promise<void>;
}

/** Measures by wrapping: launcher and drivers know nothing of it. */
export async function openMetrics(options: MetricsOptions): Promise<Metrics> {
  const { store, config, isOwn, clock } = options;
  const log = options.log.named('Stats');
  const views = await openViews(store);
  const instruments = createInstruments(views, clock);
  const endLifecycle = watchLifecycle(views, instruments, { isOwn, clock });
  const statsd = options.statsd && openStatsd({ ...options.statsd, log, clock });
  const isSpeaker = () => firstLauncherHost(views.components.values()) === hostname();
  const endGauges = statsd && sendGauges(statsd, views, { config, clock, isSpeaker });

  const observer: DriverObserver = {
    opened: (provider) => instruments.leaks.inc({ provider }, 0),
    launched(attempt) {
      const { provider, driver, spec, result } = attempt;
      instruments.launchAttempts.inc({ provider, driver, label: spec.label.name, result });
      if (statsd) sendLaunch(statsd, views, attempt);
    },
    leakRemoved(provider) {
      instruments.leaks.inc({ provider });
      statsd?.count(`nodepool.provider.${provider}.leaked.instances`);
    },
    isKnown: (nodeId, externalId) => views.nodes.get(nodeId)?.value.externalId === externalId,
  };
  return {
    store: measuredStore(store, instruments.observeOperation),
    drivers: options.drivers.map((driver) => measuredDriver(driver, observer)),
    contentType: instruments.registry.contentType,
    exposition: () => instruments.registry.metrics(),
    async close() {
      endLifecycle();
      endGauges?.();
      await statsd?.close();
      instruments.registry.clear();
      views.close();
    },
  };
}

/** Of several launchers one speaks for all: the one whose record comes first, or those on its host. */
function firstLauncherHost(
  components: Iterable<{ id: string; value: { kind: string; hostname: string } }>,
): string | undefined {
  let first: { id: string; value: { hostname: string } } | undefined;
  for (const entry of components)
    if (entry.value.kind === 'launcher' && (!first || entry.id < first.id)) first = entry;
  return first?.value.hostname;
}

/** From `STATSD_HOST` and `STATSD_PORT`; undefined when neither is set. Throws TypeError for a port that is none. */
export function statsdFrom(env: NodeJS.ProcessEnv): { host: string; port: number } | undefined {
  const { STATSD_HOST: host, STATSD_PORT: port } = env;
  if (!host && !port) return undefined;
  const number = port ? Number(port) : 8125;
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw new TypeError(`STATSD_PORT: expected a port number (1–65535), found "${port ?? ''}"`);
  return { host: host || 'localhost', port: number };
}
