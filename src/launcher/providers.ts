import type { Clock } from '../clock.ts';
import type { Config, ProviderConfig } from '../config/config.ts';
import { sameProvider } from '../config/same-provider.ts';
import type { Driver } from '../driver/driver.ts';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Node } from '../model/node.ts';
import { openProvider, type ProviderRuntime } from './provider-runtime.ts';

/** All open providers: those of the configuration in force, and replaced ones that still have nodes to delete. */
export interface Providers {
  current(name: string): ProviderRuntime | undefined;
  /** The one that can delete this node: its pool may exist only in an earlier configuration. */
  forNode(node: Node): ProviderRuntime | undefined;
  all(): Iterable<ProviderRuntime>;
  /** Opens what is new or changed; returns the names of providers that were replaced, opened or retired. */
  apply(config: Config): Set<string>;
  /** Closes replaced providers for which `isNeeded` is false. */
  closeUnneeded(isNeeded: (runtime: ProviderRuntime) => boolean): void;
  isRetired(runtime: ProviderRuntime): boolean;
  close(): Promise<void>;
}

export function createProviders(
  drivers: readonly Driver[],
  deps: { log: Logger; clock: Clock; onChange: (provider: string) => void },
): Providers {
  const current = new Map<string, ProviderRuntime>();
  const retired = new Set<ProviderRuntime>();

  const open = (config: ProviderConfig) => {
    const driver = drivers.find((candidate) => candidate.name === config.driver);
    if (!driver)
      throw new Error(`provider ${config.name}: driver ${config.driver} is not part of this program`);
    const onChange = () => deps.onChange(config.name);
    current.set(config.name, openProvider(driver, config, { ...deps, onChange }));
  };
  const retire = (runtime: ProviderRuntime) => {
    current.delete(runtime.config.name);
    retired.add(runtime);
  };
  const closeQuietly = async (runtime: ProviderRuntime) => {
    try {
      await runtime.close();
    } catch (error) {
      runtime.log.warning('the provider did not close cleanly', { error: reasonOf(error) });
    }
  };

  return {
    current: (name) => current.get(name),
    forNode(node) {
      const latest = current.get(node.provider ?? '');
      if (latest && (node.pool === null || latest.config.pools.has(node.pool))) return latest;
      const earlier = [...retired].filter((runtime) => runtime.config.name === node.provider);
      return earlier.findLast((runtime) => runtime.config.pools.has(node.pool ?? '')) ?? latest;
    },
    all: () => [...current.values(), ...retired],
    apply(config) {
      const changed = new Set<string>();
      for (const [name, runtime] of current) {
        const wanted = config.providers.get(name);
        if (wanted && sameProvider(wanted, runtime.config)) continue;
        retire(runtime);
        changed.add(name);
      }
      for (const wanted of config.providers.values()) {
        if (current.has(wanted.name)) continue;
        open(wanted);
        changed.add(wanted.name);
      }
      return changed;
    },
    closeUnneeded(isNeeded) {
      for (const runtime of retired) {
        if (runtime.launching > 0 || isNeeded(runtime)) continue;
        retired.delete(runtime);
        void closeQuietly(runtime);
      }
    },
    isRetired: (runtime) => retired.has(runtime),
    async close() {
      await Promise.all([...current.values(), ...retired].map(closeQuietly));
    },
  };
}
