/** What launcher and builder have in common towards those who watch them: web application, statsd, readiness. */
import type { Config } from '../config/config.ts';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { statsdFrom } from '../metrics/metrics.ts';
import type { Store } from '../store/store.ts';

/** From the environment. A mistake there costs the metrics only. */
export function readStatsd(log: Logger): ReturnType<typeof statsdFrom> {
  try {
    return statsdFrom(process.env);
  } catch (error) {
    log.error('no metrics are sent to statsd', { error: reasonOf(error) });
    return undefined;
  }
}

/** Why a daemon is not ready; `unreached` are its providers that have not answered yet, undefined while it starts. */
export function reasonsNotReady(
  daemon: 'launcher' | 'builder',
  unreached: readonly string[] | undefined,
  store: Store,
): readonly string[] {
  if (!unreached) return [`the ${daemon} is starting`];
  const reasons = unreached.map((name) => `provider ${name} has not answered yet`);
  const { state } = store.session;
  return state === 'connected' ? reasons : [...reasons, `the connection to the state store is ${state}`];
}

export function warnOfWebapp(first: Config, next: Config, log: Logger): void {
  if (JSON.stringify(next.webapp) !== JSON.stringify(first.webapp))
    log.warning('a change of webapp takes effect at the next start');
}
