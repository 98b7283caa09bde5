/** Hypervisors that are not configured any more, while containers of theirs are still to be removed. */
import type { ProviderConfig } from '../config/config.ts';
import type { DriverDeps } from '../driver/driver.ts';
import { HostError, reasonOf } from '../errors.ts';
import { Hypervisor } from './hypervisor.ts';
import { readPoolOptions, readProviderOptions } from './options.ts';
import type { ConnectionSettings } from './connect.ts';
import type { HypervisorPaths } from './bundle.ts';
import { readReach } from './reach.ts';

export interface FormerHosts {
  /** Throws HostError, with what people can do, unless the container is known to be gone. */
  destroy(id: string, at: { pool: string; driverData: unknown }, signal: AbortSignal): Promise<void>;
  close(signal: AbortSignal): Promise<void>;
}

const LEAVE_MS = 5_000;

/** Each is connected with the first removal and left after the last: nobody else works there for this provider. */
export function createFormerHosts(
  config: ProviderConfig,
  deps: DriverDeps,
  settings: ConnectionSettings & { paths: HypervisorPaths },
): FormerHosts {
  const open = new Map<string, { host: Hypervisor; users: number }>();

  const connect = (pool: string, driverData: unknown): Hypervisor => {
    const options = {
      provider: readProviderOptions(config),
      pool: readPoolOptions({ name: pool, options: readReach(driverData) }),
      labels: [],
      paths: settings.paths,
      settings: { ...settings, consolePort: undefined },
    };
    const log = deps.log.named(pool);
    // What goes wrong is told with the error of the removal, and that only when it is another one.
    const quiet = { ...log, info: log.debug, error: log.debug };
    return new Hypervisor(options, { ...deps, log: quiet, onChange: () => undefined });
  };

  return {
    async destroy(id, { pool, driverData }, signal) {
      const used = open.get(pool) ?? { host: connect(pool, driverData), users: 0 };
      open.set(pool, used);
      used.users += 1;
      try {
        await used.host.destroy(id, config.name, signal);
        deps.log.info('a container is gone from a hypervisor that is not configured any more', {
          externalId: id,
          host: pool,
        });
      } catch (error) {
        throw new HostError(pool, sayStuck(config.name, pool, reasonOf(error)), { cause: error });
      } finally {
        used.users -= 1;
        if (used.users === 0) {
          open.delete(pool);
          await used.host.close(AbortSignal.timeout(LEAVE_MS));
        }
      }
    },

    async close(signal) {
      await Promise.all([...open.values()].map(({ host }) => host.close(signal)));
    },
  };
}

function sayStuck(provider: string, pool: string, reason: string): string {
  return (
    `the pool ${pool} is not configured any more, and its hypervisor cannot be asked: ${reason}; ` +
    `put the pool back until its nodes are gone, or drop their records with \`nodepool erase ${provider} ${pool}\``
  );
}
