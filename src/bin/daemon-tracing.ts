import { systemClock } from '../clock.ts';
import type { Driver } from '../driver/driver.ts';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../store/store.ts';
import { tracingFrom, type TracingSettings } from '../tracing/settings.ts';
import type { Tracing } from '../tracing/tracing.ts';
import { readVersion } from '../version.ts';

/** What was given, traced if the environment asks for it. Only then OpenTelemetry is loaded. */
export async function openTracing(
  { store, drivers }: { store: Store; drivers: readonly Driver[] },
  log: Logger,
): Promise<Tracing> {
  const settings = readTracing(log);
  if (!settings) return { store, drivers, close: () => Promise.resolve() };
  const tracing = await import('../tracing/tracing.ts');
  return tracing.openTracing({ settings, store, drivers, version: readVersion(), log, clock: systemClock });
}

/** A mistake in the environment costs the traces only. */
function readTracing(log: Logger): TracingSettings | undefined {
  try {
    return tracingFrom(process.env);
  } catch (error) {
    log.error('no traces are sent', { error: reasonOf(error) });
    return undefined;
  }
}
