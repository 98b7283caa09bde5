/** Traces of node requests. Launcher and drivers know nothing of it: their store and their drivers are wrapped. */
import type { Clock } from '../clock.ts';
import type { Driver } from '../driver/driver.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../store/store.ts';
import { openExporter } from './exporter.ts';
import { createNodeSpans } from './node-spans.ts';
import { observedStore } from './observed-store.ts';
import { createRequestSpans } from './request-spans.ts';
import type { TracingSettings } from './settings.ts';
import { tracedDriver } from './traced-driver.ts';

export interface Tracing {
  /** To be used in place of those that were given: the same, traced. */
  store: Store;
  drivers: readonly Driver[];
  /** Sends what is left, and gives up soon where that is not possible. */
  close(): Promise<void>;
}

export interface TracingOptions {
  settings: TracingSettings;
  store: Store;
  drivers: readonly Driver[];
  version: string;
  log: Logger;
  clock: Clock;
}

export function openTracing({ settings, store, drivers, version, log, clock }: TracingOptions): Tracing {
  const { tracer, close } = openExporter(settings, version, log.named('Tracing'));
  const requests = createRequestSpans(tracer, clock);
  const nodes = createNodeSpans(tracer, requests, clock);
  return {
    store: observedStore(store, { nodes, requests }),
    drivers: drivers.map((driver) => tracedDriver(driver, { tracer, nodes, clock })),
    close,
  };
}
