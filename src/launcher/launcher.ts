import { setMaxListeners } from 'node:events';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Driver } from '../driver/driver.ts';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Node } from '../model/node.ts';
import type { NodeRequest } from '../model/request.ts';
import type { Change, Store } from '../store/store.ts';
import { createCleaner } from './cleaner.ts';
import type { Context } from './context.ts';
import { createDecisionLog } from './decision-log.ts';
import { createMinReady } from './min-ready.ts';
import type { Pool } from './pool.ts';
import { createPools } from './pools.ts';
import { createProviders } from './providers.ts';
import { createReaper } from './reaper.ts';
import { createRegistry } from './registry.ts';
import { createStaticNodes } from './static-nodes.ts';
import { createStatusWriter } from './status.ts';
import { createSums } from './usage.ts';
import { watchWorld, type WorldListener } from './world.ts';

/** How often the slow rounds come. Everything else is driven by events. */
export interface Rounds {
  /** Ages of nodes, forgotten nodes and requests, static hosts. */
  sweepMs: number;
  /** Instances compared with nodes, unreadable records. */
  cleanMs: number;
}

export const DEFAULT_ROUNDS: Rounds = { sweepMs: 5_000, cleanMs: 60_000 };

export interface LauncherOptions {
  store: Store;
  drivers: readonly Driver[];
  config: Config;
  log: Logger;
  clock: Clock;
  version: string;
  rounds?: Rounds;
}

export interface Launcher {
  /** Puts another configuration into force; only the providers that changed are replaced. */
  reload(config: Config): void;
  /** Ids of the pools of this process, as in a node's `launcher`. */
  launcherIds(): ReadonlySet<string>;
  /** Providers of the configuration in force that have not answered yet. */
  unreached(): string[];
  /**
   * Takes no more requests and waits for what runs. `signal` ends the waiting: launches are cancelled and their
   * requests go back to `requested` for another launcher or the next run.
   */
  stop(signal: AbortSignal): Promise<void>;
}

/** How long cancelled work and running deletions may take at the end. */
const LAST_WORK_MS = 10_000;
/** For telling that it is gone, which a state store that does not answer would make endless. */
const LAST_WORD_MS = 5_000;

/** Starts serving. The store stays the caller's, who closes it after `stop`. */
export async function startLauncher(options: LauncherOptions): Promise<Launcher> {
  const { store, log, clock, rounds = DEFAULT_ROUNDS } = options;
  const aborter = new AbortController();
  const closer = new AbortController();
  setMaxListeners(0, aborter.signal, closer.signal); // as many as there is work
  let config = options.config;

  const listener = createLateListener();
  const world = await watchWorld(store, listener);
  const decisions = createDecisionLog(store, { log: log.named('Decisions'), clock });
  const context: Context = {
    store,
    world,
    promises: { reserved: createSums(), claimed: new Set() },
    decisions,
    clock,
    log,
    config: () => config,
    serving: new Map(),
    roomChanged: (provider, pool) => pools.wakeForRoom(provider, pool),
    openAgain: () => pools.wakeAll(),
    aborted: aborter.signal,
    closed: closer.signal,
  };
  const providers = createProviders(options.drivers, {
    log,
    clock,
    onChange(provider) {
      pools.providerChanged(provider);
      staticNodes.register(provider);
      minReady.wake();
    },
  });
  const reaper = createReaper(context, providers);
  const cleaner = createCleaner(context, providers, reaper);
  const staticNodes = createStaticNodes(context, providers, {
    onTrouble: (provider, pool, reason) => pools.noteError(provider, pool, reason),
  });
  const registry = createRegistry(store, { log: log.named('ComponentRegistry'), version: options.version });
  const status = createStatusWriter(context, () => pools.all());
  const pools = createPools(context, { providers, reaper, registry, status });
  const minReady = createMinReady(context, {
    ownPools: () => pools.launcherIds(),
    hasRoom: (label) => pools.canMake(label),
  });

  const apply = () => {
    const changed = providers.apply(config);
    pools.apply(config, changed);
    for (const provider of changed) staticNodes.register(provider);
    minReady.wake();
    status.changed();
  };

  const nodeChanged = (change: Change<Node>) => {
    reaper.nodeChanged(change);
    minReady.wake();
    const before = change.previous?.value;
    const now = change.entry?.value;
    const gaveRoom = !now || (isFree(change.entry) && !isFree(change.previous));
    const provider = (now ?? before)?.provider;
    if (!gaveRoom || !provider) return;
    if (!now && providers.current(provider)?.provider.inventory) staticNodes.register(provider);
    if (before?.tenantName && config.tenantLimits.has(before.tenantName)) pools.wakeAll();
    else pools.wakeForRoom(provider, (now ?? before)?.pool ?? null);
  };
  const requestChanged = (change: Change<NodeRequest>) => {
    minReady.requestChanged(change);
    const { id, entry, previous } = change;
    if (previous?.value.state === 'requested' && entry?.value.state !== 'requested') pools.requestLeft(id);
    if (!entry) {
      decisions.forget(id);
      reaper.requestGone(id);
    } else if (entry.value.state === 'requested') {
      pools.wakeAll();
    } else if (entry.value.state === 'pending' && previous?.locked && !entry.locked) {
      void cleaner.resetLostRequests();
    }
  };
  listener.become({
    nodeChanged,
    requestChanged,
    registryChanged() {
      pools.wakeAll();
      minReady.wake();
    },
    drainsChanged: () => pools.drainsChanged(),
    imagesChanged(provider) {
      pools.providerChanged(provider);
      minReady.wake();
    },
  });

  const sweep = () => {
    reaper.sweep();
    void cleaner.checkAges();
    void cleaner.resetLostRequests();
    for (const provider of config.providers.keys()) staticNodes.register(provider);
    providers.closeUnneeded((runtime) =>
      [...world.nodesOfProvider(runtime.config.name)].some(
        ({ value }) => providers.forNode(value) === runtime,
      ),
    );
    pools.sweep();
    minReady.wake();
  };
  const sweepDecisions = () =>
    decisions
      .sweep((requestId) => world.requests.has(requestId))
      .catch((error: unknown) => log.debug('decisions were not swept', { error: reasonOf(error) }));
  const clean = () => {
    void sweepDecisions();
    void cleaner.compareInstances();
    void cleaner.removeUnreadable();
    store.tidy().catch((error: unknown) => log.debug('the state was not tidied', { error: reasonOf(error) }));
  };

  registry.put('launcher', { kind: 'launcher', state: 'running' });
  apply();
  for (const entry of world.requests.values()) {
    minReady.requestChanged({ id: entry.id, entry, previous: undefined });
  }
  await registry.settled();
  sweep();
  clean();
  const timers = [setInterval(sweep, rounds.sweepMs), setInterval(clean, rounds.cleanMs)];
  let isNewSession = false;
  const endSessionWatch = store.session.onChange((state) => {
    log.warning('the connection to the state store changed', { state });
    if (state === 'lost') isNewSession = true;
    if (state !== 'connected') return;
    if (isNewSession) {
      isNewSession = false;
      registry.registerAgain();
      status.registerAgain();
    }
    sweep();
  });
  log.info('launcher started', { version: options.version, providers: [...config.providers.keys()] });

  return {
    reload(next) {
      config = next;
      log.info('configuration loaded', { providers: [...config.providers.keys()] });
      apply();
    },
    launcherIds: () => pools.launcherIds(),
    unreached() {
      for (const pool of pools.all()) if (servesSomething(pool)) pool.runtime.reached = true;
      return [...config.providers.keys()].filter((name) => !providers.current(name)?.reached);
    },
    async stop(signal) {
      log.info('launcher is stopping', { requests: context.serving.size });
      for (const timer of timers) clearInterval(timer);
      minReady.stop();
      pools.stopAll();
      await Promise.race([settled(context.serving), whenAborted(signal)]);
      aborter.abort(new Error('the launcher is stopping'));
      const giveUp = AbortSignal.timeout(LAST_WORK_MS);
      await Promise.race([settled(context.serving), whenAborted(giveUp)]);
      await Promise.race([reaper.idle(), whenAborted(AbortSignal.any([signal, giveUp]))]);
      closer.abort(new Error('the launcher has stopped'));
      // Without a connection nothing is told any more; the registrations end with the session.
      await Promise.race([registry.settled(), whenAborted(AbortSignal.timeout(LAST_WORD_MS))]);
      status.stop();
      decisions.close();
      endSessionWatch();
      await providers.close();
      world.close();
      log.info('launcher stopped');
    },
  };
}

function servesSomething({ config, runtime }: Pool): boolean {
  return [...config.labels.values()].some((label) => !runtime.provider.unready(config, label));
}

function isFree(entry: Change<Node>['entry']): boolean {
  return entry?.value.state === 'ready' && entry.value.allocatedTo === null && !entry.locked;
}

/** Resolves when the work that is in the map, or comes into it meanwhile, has ended. */
async function settled(work: ReadonlyMap<string, Promise<void>>): Promise<void> {
  while (work.size > 0) await Promise.allSettled(work.values());
}

function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Hears nothing until it becomes the real one: the views are opened before the parts that listen exist. */
function createLateListener(): WorldListener & { become(real: WorldListener): void } {
  let real: WorldListener | undefined;
  return {
    become: (listener) => void (real = listener),
    nodeChanged: (change) => real?.nodeChanged(change),
    requestChanged: (change) => real?.requestChanged(change),
    registryChanged: () => real?.registryChanged(),
    drainsChanged: () => real?.drainsChanged(),
    imagesChanged: (provider) => real?.imagesChanged(provider),
  };
}
