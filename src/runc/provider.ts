/** A provider of runC containers: one hypervisor for each pool, all independent of each other. */
import type { PoolConfig, PoolLabel, ProviderConfig } from '../config/config.ts';
import { cancelledLaunch } from '../driver/cancelled.ts';
import type {
  DriverDeps,
  FoundInstance,
  Instance,
  LaunchContext,
  LaunchSpec,
  Provider,
  Whereabouts,
} from '../driver/driver.ts';
import { createInFlight } from '../driver/in-flight.ts';
import { scanHostKey } from '../driver/keyscan.ts';
import { HostError, reasonOf } from '../errors.ts';
import { NO_RESOURCES, type Resources } from '../model/resources.ts';
import { DEFAULT_PATHS, type HypervisorPaths } from './bundle.ts';
import type { ConnectionSettings } from './connect.ts';
import { makeContainerId } from './container-id.ts';
import { createFormerHosts } from './former.ts';
import { makeHostKey } from './host-key.ts';
import { Hypervisor } from './hypervisor.ts';
import { readLabelOptions, readPoolOptions, readProviderOptions } from './options.ts';
import { howToReach } from './reach.ts';

export interface RuncSettings extends ConnectionSettings {
  paths: HypervisorPaths;
}

export const DEFAULT_SETTINGS: RuncSettings = {
  paths: DEFAULT_PATHS,
  connectTimeoutMs: 20_000,
  keepaliveMs: 5000,
  consolePort: 19885,
};

/** Time for removing what a failed launch has left, after which the caller's own deletion has to do it. */
const CLEAN_UP_MS = 30_000;

export function openRuncProvider(config: ProviderConfig, deps: DriverDeps, settings: RuncSettings): Provider {
  const provider = readProviderOptions(config);
  const inFlight = createInFlight();
  /** The pool on whose hypervisor a container is, as far as this process knows; spares asking every hypervisor. */
  const poolOf = new Map<string, string>();
  const hypervisors = new Map<string, Hypervisor>();
  const former = createFormerHosts(config, deps, settings);

  for (const pool of config.pools.values()) {
    const labels = [...pool.labels.values()].map((label) => readLabelOptions(pool, label));
    const options = { provider, pool: readPoolOptions(pool), labels, paths: settings.paths, settings };
    const log = deps.log.named(pool.name);
    hypervisors.set(pool.name, new Hypervisor(options, { ...deps, log }));
  }

  async function launch(spec: LaunchSpec, context: LaunchContext): Promise<Instance> {
    const { signal, log, onExternalId, onStep } = context;
    const hypervisor = hypervisorOf(spec.pool.name);
    const label = readLabelOptions(spec.pool, spec.label);
    const { nodeId, requestId, attempt } = spec;
    const id = makeContainerId({ nodeId, requestId, attempt, label: label.name });
    const hostKey = makeHostKey();
    onStep?.('prepare');
    const facts = await hypervisor.facts(signal);
    await onExternalId(id, howToReach(spec.pool));
    poolOf.set(id, hypervisor.name);

    const started = deps.clock.nowMs();
    onStep?.('create');
    const mark = { provider: config.name, pool: spec.pool.name, nodeId, requestId, label: label.name };
    const port = await hypervisor.create({ id, label, mark, hostKey, signal });
    log.debug('container started', {
      externalId: id,
      host: hypervisor.name,
      port,
      ms: deps.clock.nowMs() - started,
    });
    try {
      onStep?.('keyscan');
      const target = { host: facts.address, port, timeoutMs: config.bootTimeoutMs, signal };
      await scanHostKey({ ...target, expected: [hostKey.public] });
    } catch (error) {
      await cleanUp(hypervisor, id, log);
      throw error;
    }
    return {
      externalId: id,
      hostname: hypervisor.name,
      interfaceIp: facts.address,
      ...(facts.publicIpv4 === undefined ? {} : { publicIpv4: facts.publicIpv4 }),
      ...(facts.publicIpv6 === undefined ? {} : { publicIpv6: facts.publicIpv6 }),
      connectionType: 'ssh',
      connectionPort: port,
      username: label.username,
      hostKeys: [hostKey.public],
      pythonPath: 'auto',
    };
  }

  async function cleanUp(hypervisor: Hypervisor, id: string, log: LaunchContext['log']): Promise<void> {
    try {
      await hypervisor.destroy(id, config.name, AbortSignal.timeout(CLEAN_UP_MS));
    } catch (error) {
      log.warning('a failed container could not be removed yet', { externalId: id, error: reasonOf(error) });
    }
  }

  async function destroy(id: string, signal: AbortSignal, whereabouts?: Whereabouts): Promise<void> {
    const pool = poolOf.get(id) ?? whereabouts?.pool ?? null;
    const known = hypervisors.get(pool ?? '');
    if (known !== undefined) await known.destroy(id, config.name, signal);
    else await destroyElsewhere(id, signal, pool, whereabouts?.driverData);
    poolOf.delete(id);
  }

  /**
   * It may be on a hypervisor that has another pool name now: then that one removes it. Otherwise the hypervisor that
   * the record names is asked, configured or not; where none is named, all must say that they do not have it.
   */
  async function destroyElsewhere(
    id: string,
    signal: AbortSignal,
    pool: string | null,
    driverData: unknown,
  ): Promise<void> {
    const answers = await Promise.allSettled(
      [...hypervisors.values()].map((hypervisor) => hypervisor.destroy(id, config.name, signal)),
    );
    if (answers.some((answer) => answer.status === 'fulfilled' && answer.value)) return;
    if (pool !== null) return await former.destroy(id, { pool, driverData }, signal);
    const failed = answers.find((answer) => answer.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async function list(signal: AbortSignal): Promise<FoundInstance[]> {
    const lists = await Promise.allSettled(
      [...hypervisors.values()].map(async (hypervisor) => {
        const found = await hypervisor.list(config.name, signal);
        for (const { id } of found) poolOf.set(id, hypervisor.name);
        return found;
      }),
    );
    const answered = lists.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failed = lists.find((result) => result.status === 'rejected');
    if (answered.length === 0 && failed) throw failed.reason;
    return answered.flat().map(({ id, mark, state }) => ({
      externalId: id,
      nodeId: mark.nodeId,
      pool: mark.pool,
      ...(state === 'creating' ? {} : { running: state === 'running' }),
    }));
  }

  function hypervisorOf(pool: string): Hypervisor {
    const found = hypervisors.get(pool);
    if (found === undefined) throw new HostError(pool, `provider ${config.name} has no pool ${pool}`);
    return found;
  }

  return {
    launch: (spec, context) =>
      inFlight.track(async () => {
        try {
          return await launch(spec, context);
        } catch (error) {
          throw context.signal.aborted ? cancelledLaunch(context.signal) : error;
        }
      }),

    destroy: (id, signal, whereabouts) => inFlight.track(() => destroy(id, signal, whereabouts)),

    list,

    quota: () => Promise.resolve(NO_RESOURCES),

    cost: (pool, label) => costOf(pool, label),

    unready: (pool, label) => hypervisors.get(pool.name)?.unready(label.name) ?? undefined,

    async checkAlive(id, signal) {
      const pool = poolOf.get(id);
      try {
        if (pool !== undefined) return await hypervisorOf(pool).checkAlive(id, signal);
        return await checkAnywhere(id, signal);
      } catch (error) {
        if (error instanceof HostError) return error.message;
        throw error;
      }
    },

    async close(signal) {
      await inFlight.idle(signal);
      const all = [...hypervisors.values(), former];
      await Promise.all(all.map((each) => each.close(signal)));
    },
  };

  async function checkAnywhere(id: string, signal: AbortSignal): Promise<string | undefined> {
    const answers = await Promise.all(
      [...hypervisors.values()].map((hypervisor) => hypervisor.checkAlive(id, signal).catch(reasonOf)),
    );
    return answers.includes(undefined) ? undefined : answers.join('; ');
  }
}

function costOf(pool: PoolConfig, label: PoolLabel): Resources {
  const { limits } = readLabelOptions(pool, label);
  return {
    instances: 1,
    ...(limits.cpus === undefined ? {} : { cores: Math.ceil(limits.cpus) }),
    ...(limits.memoryBytes === undefined ? {} : { ram: Math.ceil(limits.memoryBytes / 1024 ** 2) }),
  };
}
