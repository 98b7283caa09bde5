/**
 * How late the event loop is, under the names that prom-client gives it. Its own measurement wakes the process a hundred times a
 * second, which is most of what an idle daemon would use, and counts the pause between two looks as lag; here it is taken off.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';

/** Between two looks. */
const PAUSE_MS = 100;
/** The longest pause of a timer: prom-client never looks. */
const NEVER_MS = 2 ** 31 - 1;

const NANO = 1e-9;

/** Adds what every Node.js process tells of itself. */
export function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER_MS });
  const delay = monitorEventLoopDelay({ resolution: PAUSE_MS });
  delay.enable();
  const late = (pauseNs: number) => (delay.count === 0 ? 0 : Math.max(0, pauseNs * NANO - PAUSE_MS / 1000));
  const read = {
    min: () => late(delay.min),
    max: () => late(delay.max),
    mean: () => late(delay.mean),
    stddev: () => (delay.count === 0 ? 0 : delay.stddev * NANO),
    p50: () => late(delay.percentile(50)),
    p90: () => late(delay.percentile(90)),
    p99: () => late(delay.percentile(99)),
  };
  for (const [kind, lag] of Object.entries(read)) {
    const name = `nodejs_eventloop_lag_${kind}_seconds`;
    registry.removeSingleMetric(name);
    new Gauge({
      name,
      help: `How late the event loop has been since the last reading: ${kind}`,
      registers: [registry],
      collect() {
        this.set(lag());
        if (kind === 'p99') delay.reset(); // the last one that is read
      },
    });
  }
}
