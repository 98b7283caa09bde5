import type { PoolLabel, ProviderConfig } from '../config/config.ts';
import type { DriverDeps, LaunchSpec, Provider } from '../driver/driver.ts';
import { createInFlight } from '../driver/in-flight.ts';
import { LaunchError, reasonOf } from '../errors.ts';
import { NO_RESOURCES } from '../model/resources.ts';
import type { Surroundings } from './clouds-file.ts';
import { openConnection } from './connection.ts';
import { destroyServer } from './destroy.ts';
import { diagnose } from './diagnose.ts';
import { isPassing } from './errors.ts';
import { chooseFlavor, resourcesOf } from './flavors.ts';
import type { Patience } from './http.ts';
import { createImages } from './images.ts';
import { whyUnready } from './inventory.ts';
import { launchServer } from './launch.ts';
import type { BootImage } from './launch-record.ts';
import { createLeakHunt } from './leaks.ts';
import { markOf } from './mark.ts';
import { readLabelOptions, readProviderOptions } from './options.ts';
import { readQuota } from './quota.ts';
import { textOf } from './section.ts';
import { createServerReader, type Servers } from './server-lists.ts';
import { listFloatingIps } from './services.ts';
import { createSharedList } from './shared-list.ts';
import type { Workshop } from './workshop.ts';

export interface OpenstackDeps extends DriverDeps {
  surroundings: Surroundings;
  userAgent: string;
  patience?: Patience | undefined;
  listMs?: number | undefined;
}

/** Between two lists of all servers while one is waited for. */
const LIST_MS = 1_000;
const QUOTA_TIME_MS = 120_000;

export function openProvider(config: ProviderConfig, deps: OpenstackDeps): Provider {
  const { log, clock } = deps;
  const options = readProviderOptions(config);
  const connection = openConnection(config, options, deps);
  const inFlight = createInFlight();
  const readServers = createServerReader(clock);
  const paced = { intervalMs: Math.max(deps.listMs ?? LIST_MS, options.rateMs), clock, isPassing };
  const shop: Workshop = {
    provider: config.name,
    options,
    bootTimeoutMs: config.bootTimeoutMs,
    connection,
    servers: createSharedList({
      ...paced,
      fetch: async (signal, isWhole) => readServers(await connection.session(signal), signal, isWhole),
    }),
    floatingIps: createSharedList({
      ...paced,
      fetch: async (signal) => listFloatingIps(await connection.session(signal), signal),
    }),
    takenIps: new Set(),
    unnamed: new Set(),
    destroy: (serverId, signal) => destroyServer(serverId, shop, signal),
    clock,
    log,
  };
  const needsVolumes = [...config.pools.values()].some((pool) =>
    [...pool.labels.values()].some((label) => readLabelOptions(pool, label).bootFromVolume),
  );
  const leaks = createLeakHunt(shop, needsVolumes);

  const bootImage = ({ pool, label, image }: LaunchSpec): BootImage => {
    const { cloudImage, diskimage } = readLabelOptions(pool, label);
    const uploaded = options.diskimages.get(diskimage ?? '');
    if (uploaded && image) return { ...uploaded, ...image, id: image.externalId };
    const known = options.cloudImages.get(cloudImage ?? '');
    const id = connection.known()?.imageIds.get(cloudImage ?? '');
    if (known && id !== undefined) return { ...known, id, record: known.name };
    throw new LaunchError('prepare', `there is no image for the label ${label.name}`);
  };

  const quota = async () => {
    const signal = AbortSignal.timeout(QUOTA_TIME_MS);
    const session = await connection.session(signal);
    const flavors = connection.known()?.flavors ?? [];
    return readQuota({ session, provider: config.name, flavors, needsVolumes, signal });
  };

  return {
    launch: (spec, context) =>
      inFlight.track(async () => launchServer(spec, context, () => bootImage(spec), shop)),

    destroy: (externalId, signal) => inFlight.track(() => shop.destroy(externalId, signal)),

    async list(signal) {
      const { byId } = await shop.servers.next(signal);
      return [...byId].flatMap(([externalId, server]) => {
        const mark = markOf(server, config.name);
        if (mark === undefined || shop.unnamed.has(mark.nodeId)) return [];
        const { nodeId, pool } = mark;
        const running = RUNNING[textOf(server['status'])];
        return {
          externalId,
          nodeId,
          ...(pool !== undefined && { pool }),
          ...(running !== undefined && { running }),
        };
      });
    },

    diagnose: (signal) => diagnose({ config, options, connection, readQuota: quota }, signal),

    quota,

    cost(pool, poolLabel) {
      const label = readLabelOptions(pool, poolLabel);
      const flavor = chooseFlavor(connection.known()?.flavors ?? [], label);
      if (flavor === undefined) return { ...NO_RESOURCES, instances: 1 };
      return resourcesOf(flavor, label.bootFromVolume ? label.volumeSize : undefined);
    },

    unready(pool, label: PoolLabel) {
      const trouble = connection.trouble();
      if (trouble !== undefined) return { reason: trouble, temporary: true };
      const inventory = connection.known();
      if (inventory === undefined)
        return { reason: `connecting to the cloud ${options.cloud}`, temporary: true };
      return whyUnready(inventory, pool, label, options);
    },

    async checkAlive(externalId, signal) {
      let servers: Servers;
      try {
        servers = await shop.servers.next(signal);
      } catch (error) {
        log.debug('cannot ask whether a server lives', { externalId, error: reasonOf(error) });
        return undefined; // a cloud that does not answer says nothing about its servers
      }
      const status = textOf(servers.byId.get(externalId)?.['status']);
      if (status === '') return `the server ${externalId} does not exist`;
      return RUNNING[status] === false ? `the server ${externalId} is ${status}` : undefined;
    },

    zones(pool) {
      const wanted = (pool.options['availability-zones'] as string[] | undefined) ?? [];
      const zones = connection.known()?.zones ?? [];
      if (wanted.length === 0) return zones;
      return zones.length === 0 ? wanted : wanted.filter((zone) => zones.includes(zone));
    },

    images: createImages(config, { connection, clock, track: inFlight.track }),

    tidy: (signal) => inFlight.track(() => leaks.run(signal)),

    async close(signal) {
      await inFlight.idle(signal);
      const reason = new Error('the provider is closed');
      shop.servers.close(reason);
      shop.floatingIps.close(reason);
      await connection.close();
    },
  };
}

/** Statuses of Nova that say whether a machine runs; the others are on their way. */
const RUNNING: Readonly<Record<string, boolean>> = {
  ACTIVE: true,
  ERROR: false,
  SHUTOFF: false,
  PAUSED: false,
  SUSPENDED: false,
  SHELVED: false,
  SHELVED_OFFLOADED: false,
};
