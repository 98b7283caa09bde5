/** Machines that exist already: registered as ready nodes, lent to one job after the other, never made or removed. */
import { setMaxListeners } from 'node:events';
import type { PoolConfig, ProviderConfig } from '../config/config.ts';
import type { Driver, DriverDeps, Instance, Provider, StaticSlot } from '../driver/driver.ts';
import { makeSlotKey } from '../driver/slot-key.ts';
import { NO_RESOURCES, type Resources } from '../model/resources.ts';
import { HostError } from '../errors.ts';
import { glanceAt, lookAt, orAborted, type Sighting } from './look.ts';
import { checkHosts, readHosts, staticSchema, type StaticHost } from './options.ts';

export const staticDriver: Driver = {
  name: 'static',
  schema: staticSchema,
  check: checkHosts,
  open: openStaticProvider,
};

/** A host in its pool. */
interface Entry {
  pool: PoolConfig;
  host: StaticHost;
  externalId: string;
}

/**
 * All slots of a host share one look at it when they are registered together. Each look costs an SSH server five
 * unfinished logins, and OpenSSH 9.8 shuts out addresses that make too many of them (PerSourcePenalties).
 */
const SIGHTING_LASTS_MS = 10_000;

/** One node is one server, whatever the size of the host; it is not known here. */
const COST: Resources = Object.freeze({ instances: 1 });

function openStaticProvider(config: ProviderConfig, { clock }: DriverDeps): Provider {
  const entries = readEntries(config);
  const slots = entries.flatMap(toSlots);
  const entryOf = new Map(slots.map(({ entry, slot }) => [slot.key, entry]));
  const sightings = new Map<Entry, { sinceMs: number; sighting: Promise<Sighting> }>();
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);

  function look(entry: Entry): Promise<Sighting> {
    const known = sightings.get(entry);
    if (known !== undefined && clock.nowMs() - known.sinceMs < SIGHTING_LASTS_MS) return known.sighting;
    const fresh = { sinceMs: clock.nowMs(), sighting: lookAt(entry.host, closing.signal) };
    sightings.set(entry, fresh);
    fresh.sighting.catch(() => sightings.delete(entry));
    return fresh.sighting;
  }

  return {
    inventory: {
      slots: () => slots.map(({ slot }) => slot),

      async inspect(slot, signal) {
        const entry = entryOf.get(slot.key);
        if (entry === undefined)
          throw new HostError(slot.key, `${slot.key} is not configured in ${config.name}`);
        return describe(entry, await orAborted(look(entry), signal));
      },
    },

    async checkAlive(externalId, signal) {
      const found = entries.filter(
        (entry) => entry.externalId === externalId || entry.host.name === externalId,
      );
      const [first] = found;
      if (first === undefined) return `${externalId} is not configured any more`;
      try {
        // Several entries only for a record made before a second entry for its host was added.
        await Promise.any(found.map(({ host }) => glanceAt(host, signal)));
        return undefined;
      } catch (error) {
        signal.throwIfAborted();
        // Otherwise the host would be registered again by what was seen before it went away.
        for (const entry of found) sightings.delete(entry);
        return (error as AggregateError).errors.map((reason: Error) => reason.message).join('; ');
      }
    },

    destroy: () => Promise.resolve(),
    list: () => Promise.resolve([]),
    quota: () => Promise.resolve(NO_RESOURCES),
    cost: () => COST,
    unready: () => undefined,

    close() {
      closing.abort(new HostError(config.name, `provider ${config.name} is closed`));
      return Promise.resolve();
    },
  };
}

function readEntries(config: ProviderConfig): Entry[] {
  const hosts = [...config.pools.values()].flatMap((pool) => readHosts(pool).map((host) => ({ pool, host })));
  return hosts.map(({ pool, host }) => {
    const alone = hosts.filter((other) => other.host.name === host.name).length === 1;
    return { pool, host, externalId: alone ? host.name : `${host.username}@${host.name}:${host.port}` };
  });
}

function toSlots(entry: Entry): { entry: Entry; slot: StaticSlot }[] {
  const { pool, host } = entry;
  return Array.from({ length: host.maxParallelJobs }, (_, slot) => {
    const key = makeSlotKey(host.name, host.username, host.port, slot);
    return { entry, slot: { key, pool, labels: host.labels, slot } };
  });
}

/** Every field is there, so that one which is not configured any more is cleared from the record of a refreshed slot. */
function describe({ host, externalId }: Entry, { hostKeys, publicIpv4, publicIpv6 }: Sighting): Instance {
  return {
    externalId,
    hostname: host.name,
    interfaceIp: host.name,
    publicIpv4,
    publicIpv6,
    connectionType: host.connectionType,
    connectionPort: host.port,
    username: host.username,
    hostKeys,
    pythonPath: host.pythonPath,
    shellType: host.shellType,
  };
}
