/** What the metrics of launcher and builder have in common. */
import { Gauge, Histogram, Registry } from 'prom-client';
import { addProcessMetrics } from './event-loop-lag.ts';
import type { ObserveOperation } from './measured-store.ts';

export type { ObserveOperation };

/** What Prometheus reads. */
export interface Exposition {
  contentType: string;
  exposition(): Promise<string>;
}

const STORE_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** With what every Node.js process tells of itself, and the time that the state store takes. */
export function createRegistry(): { registry: Registry; observeOperation: ObserveOperation } {
  const registry = new Registry();
  addProcessMetrics(registry);
  const storeSeconds = new Histogram({
    name: 'nodepool_store_operation_seconds',
    help: 'How long operations of the state store take',
    labelNames: ['operation'],
    buckets: STORE_BUCKETS,
    registers: [registry],
  });
  return {
    registry,
    observeOperation: (operation, seconds) => storeSeconds.observe({ operation }, seconds),
  };
}

/** A gauge whose values are all made anew for each reading. */
export function addGauge<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[],
  read: (set: (labels: Record<L, string>, value: number) => void) => void | Promise<void>,
): void {
  new Gauge({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      return read((labels, value) => this.set(labels, value));
    },
  });
}
