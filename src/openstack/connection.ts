/** A provider's way to its cloud: clouds.yaml, session and inventory, kept up to date, and what is wrong with them. */
import type { Clock } from '../clock.ts';
import type { ProviderConfig } from '../config/config.ts';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { readCloud } from './cloud.ts';
import { parseClouds, readCloudFiles, type Surroundings } from './clouds-file.ts';
import type { Patience } from './http.ts';
import { loadInventory, type Inventory } from './inventory.ts';
import { createPace, type Pace } from './pace.ts';
import type { ProviderOptions } from './options.ts';
import { openSession, type Session } from './session.ts';

export interface Connection {
  /** Rejects with the reason why there is none; waits only for the first attempt to make it. */
  session(signal: AbortSignal): Promise<Session>;
  inventory(signal: AbortSignal): Promise<Inventory>;
  /** As of now, without waiting. */
  known(): Inventory | undefined;
  /** Why the cloud cannot be used now; undefined while it can. */
  trouble(): string | undefined;
  /** The inventory proved wrong: look again. */
  refresh(): void;
  close(): Promise<void>;
}

export interface ConnectionDeps {
  log: Logger;
  clock: Clock;
  surroundings: Surroundings;
  userAgent: string;
  onChange: () => void;
  patience?: Patience | undefined;
}

/** clouds.yaml is looked at so often; the inventory is read anew when it is older than its age. */
const LOOK_MS = 10_000;
const INVENTORY_AGE_MS = 300_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_MOST_MS = 30_000;
/** For one reading of the inventory, with all its calls and their repetitions. */
const LOAD_TIME_MS = 300_000;

export function openConnection(
  config: ProviderConfig,
  options: ProviderOptions,
  { log, clock, surroundings, userAgent, onChange, patience }: ConnectionDeps,
): Connection {
  let session: Session | undefined;
  let version: string | undefined;
  let inventory: Inventory | undefined;
  let staleMs = 0;
  let trouble: string | undefined;
  let retryMs = RETRY_FIRST_MS;
  let running: Promise<void> | undefined;
  let cancelTimer: (() => void) | undefined;
  const closed = new AbortController();
  const paces = new Map<string, Pace>();

  const paceOf = (service: string): Pace => {
    const pace = paces.get(service) ?? createPace(options.rateMs, clock);
    paces.set(service, pace);
    return pace;
  };

  /** Never rejects; one at a time. */
  const round = (): Promise<void> => {
    cancelTimer?.();
    return (running ??= look().finally(() => {
      running = undefined;
      if (closed.signal.aborted) return;
      const delayMs = trouble === undefined ? LOOK_MS : (retryMs = Math.min(RETRY_MOST_MS, retryMs * 2));
      cancelTimer = clock.after(delayMs, () => void round());
    }));
  };

  const look = async () => {
    const before = { trouble, inventory };
    try {
      await connect();
      if (session !== undefined && clock.nowMs() >= staleMs) {
        const signal = AbortSignal.any([closed.signal, AbortSignal.timeout(LOAD_TIME_MS)]);
        inventory = await loadInventory(session, config, options, signal);
        staleMs = clock.nowMs() + INVENTORY_AGE_MS;
      }
      if (trouble !== undefined) log.info('the cloud can be used again');
      trouble = undefined;
      retryMs = RETRY_FIRST_MS;
    } catch (error) {
      if (closed.signal.aborted) return;
      const reason = reasonOf(error);
      staleMs = 0;
      if (trouble !== undefined && isSameTrouble(reason, trouble)) return;
      log.error('the cloud cannot be used', { cloud: options.cloud, error });
      trouble = reason;
    }
    if (trouble !== before.trouble || !isSameInventory(inventory, before.inventory)) onChange();
  };

  /** Opens a session when there is none yet, or when clouds.yaml has changed. */
  const connect = async () => {
    const files = await readCloudFiles(surroundings);
    if (session !== undefined && files.version === version) return;
    const cloud = readCloud(parseClouds(files, surroundings), {
      cloud: options.cloud,
      region: options.region,
      home: surroundings.home,
      forceIpv4: /^(true|1|yes|on)$/i.test(surroundings.env['OS_FORCE_IPV4'] ?? ''),
    });
    const { openHttp } = await import('./http.ts'); // undici only where there is a cloud
    const http = await openHttp(cloud, { log, clock, userAgent, paceOf, ...(patience && { patience }) });
    const old = session;
    session = openSession(cloud, http, { clock, onTrouble: lookSoon });
    version = files.version;
    staleMs = 0;
    log.info('using a cloud', { cloud: cloud.name, region: cloud.region ?? null, file: cloud.file });
    await old?.close();
  };

  /** A call of somebody else has failed: find out whether it is the cloud. */
  const lookSoon = () => {
    staleMs = 0;
    if (trouble === undefined && running === undefined && !closed.signal.aborted) void round();
  };

  /** What the first round found, or the reason why there is nothing. */
  const found = async <T>(current: () => T | undefined, signal: AbortSignal): Promise<T> => {
    if (current() === undefined && running !== undefined) await orAborted(running, signal);
    closed.signal.throwIfAborted();
    const value = current();
    if (value === undefined) throw new Error(trouble ?? `the cloud ${options.cloud} is not connected yet`);
    return value;
  };

  void round();
  return {
    session: (signal) => found(() => session, signal),
    inventory: (signal) => found(() => inventory, signal),
    known: () => inventory,
    trouble: () => trouble,
    refresh: lookSoon,
    async close() {
      closed.abort(new Error('the provider is closed'));
      cancelTimer?.();
      await running;
      await session?.close();
    },
  };
}

/** Every answer has another request id; that alone is no news. */
function isSameTrouble(a: string, b: string): boolean {
  const [first, second] = [a, b].map((text) => text.replace(/ \(req-[^)]*\)/g, ''));
  return first === second;
}

/** In what decides whether labels can be served. */
function isSameInventory(a: Inventory | undefined, b: Inventory | undefined): boolean {
  const describe = (inventory: Inventory | undefined) => {
    if (inventory === undefined) return undefined;
    const { flavors, zones, networks, imageIds, imageNames } = inventory;
    return JSON.stringify([flavors, zones, networks.all, [...imageIds], imageNames]);
  };
  return a === b || describe(a) === describe(b);
}

async function orAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    void work.finally(() => (signal.removeEventListener('abort', stop), resolve()));
  });
}
