import type { Clock } from '../clock.ts';
import type { Driver, FoundInstance, LaunchSpec, Provider } from '../driver/driver.ts';
import { boundCopy } from './bound-copy.ts';
import { resultOf, type LaunchResult } from './launch-result.ts';

/** Hears what drivers do. */
export interface DriverObserver {
  opened(provider: string): void;
  launched(attempt: {
    provider: string;
    driver: string;
    spec: LaunchSpec;
    result: LaunchResult;
    ms: number;
  }): void;
  /** An instance that belonged to no node was removed. */
  leakRemoved(provider: string): void;
  /** Does the node exist, with this instance? */
  isKnown(nodeId: string, externalId: string): boolean;
}

/** The same driver, whose providers tell the observer about each launch attempt and each removed leak. */
export function measuredDriver(driver: Driver, observer: DriverObserver): Driver {
  return {
    ...driver,
    open: (config, deps) =>
      measuredProvider(driver.open(config, deps), {
        observer,
        clock: deps.clock,
        name: config.name,
        driver: driver.name,
      }),
  };
}

interface Measuring {
  observer: DriverObserver;
  clock: Clock;
  name: string;
  driver: string;
}

function measuredProvider(provider: Provider, { observer, clock, name, driver }: Measuring): Provider {
  let found: readonly FoundInstance[] = [];
  const launch = provider.launch?.bind(provider);
  observer.opened(name);
  return Object.assign(boundCopy(provider), {
    ...(launch && { launch: measuredLaunch }),
    list: async (signal: AbortSignal) => (found = await provider.list(signal)),
    destroy,
  });

  async function measuredLaunch(...[spec, context]: Parameters<NonNullable<Provider['launch']>>) {
    const startedMs = clock.nowMs();
    const tell = (result: LaunchResult) =>
      observer.launched({ provider: name, driver, spec, result, ms: clock.nowMs() - startedMs });
    try {
      const instance = await (launch as NonNullable<Provider['launch']>)(spec, context);
      tell('ready');
      return instance;
    } catch (error) {
      tell(resultOf(error));
      throw error;
    }
  }

  async function destroy(...[externalId, ...more]: Parameters<Provider['destroy']>): Promise<void> {
    const leak = found.find((instance) => instance.externalId === externalId);
    const isLeak = leak !== undefined && !observer.isKnown(leak.nodeId, externalId);
    await provider.destroy(externalId, ...more);
    if (isLeak) observer.leakRemoved(name);
  }
}
