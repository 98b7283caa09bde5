import type { Clock } from '../clock.ts';
import type { ProviderConfig } from '../config/config.ts';
import type { Driver, Provider } from '../driver/driver.ts';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { NodeRequest } from '../model/request.ts';
import type { Resources } from '../model/resources.ts';
import type { Entry } from '../store/store.ts';

const QUOTA_AGE_MS = 300_000;
const QUOTA_RETRY_MS = 5_000;
const CLOSE_TIME_MS = 30_000;

/** An open provider and what the launcher keeps about it: its quota, and how many launches run. */
export interface ProviderRuntime {
  readonly config: ProviderConfig;
  readonly provider: Provider;
  readonly log: Logger;
  /** It has answered at least once. */
  reached: boolean;
  /** Launches in progress or about to begin, over all pools. */
  launching: number;
  /** By pool: the request that waits there for room; later requests of other pools may not overtake it. */
  readonly waiting: Map<string, { request: Entry<NodeRequest>; need: Resources }>;
  /** The provider's own limits; undefined until it has answered for the first time. */
  limits(): Resources | undefined;
  /** Why they cannot be read; undefined when they can, or when older ones are used. */
  quotaTrouble(): string | undefined;
  /** The known limits proved wrong: ask again. */
  forgetQuota(): void;
  close(): Promise<void>;
}

export function openProvider(
  driver: Driver,
  config: ProviderConfig,
  deps: { log: Logger; clock: Clock; onChange: () => void },
): ProviderRuntime {
  const log = deps.log.named(`driver.${config.driver}`).child({ provider: config.name });
  const provider = driver.open(config, { log, clock: deps.clock, onChange: deps.onChange });
  const quota = createQuotaCache(provider, { ...deps, log });
  return {
    config,
    provider,
    log,
    reached: false,
    launching: 0,
    waiting: new Map(),
    limits: quota.limits,
    quotaTrouble: quota.trouble,
    forgetQuota: quota.forget,
    async close() {
      quota.close();
      await provider.close(AbortSignal.timeout(CLOSE_TIME_MS));
    },
  };
}

/** Asks in the background; the last good answer is used while the provider does not answer. */
function createQuotaCache(provider: Provider, deps: { log: Logger; clock: Clock; onChange: () => void }) {
  let limits: Resources | undefined;
  let freshUntilMs = 0;
  let trouble: string | undefined;
  let asking = false;
  let closed = false;

  const ask = async () => {
    asking = true;
    try {
      const before = limits;
      limits = await provider.quota();
      trouble = undefined;
      freshUntilMs = deps.clock.nowMs() + QUOTA_AGE_MS;
      if (JSON.stringify(before) !== JSON.stringify(limits) && !closed) deps.onChange();
    } catch (error) {
      const isNews = trouble === undefined; // it is asked for every few seconds until it comes
      trouble = reasonOf(error);
      const tell = isNews ? deps.log.warning : deps.log.debug;
      tell('cannot read the quota; the last known one is used', { error: trouble });
      freshUntilMs = deps.clock.nowMs() + QUOTA_RETRY_MS;
      if (!closed) deps.clock.after(QUOTA_RETRY_MS, deps.onChange);
    } finally {
      asking = false;
    }
  };

  return {
    limits(): Resources | undefined {
      if (!asking && !closed && deps.clock.nowMs() >= freshUntilMs) void ask();
      return limits;
    },
    trouble: () => (limits === undefined ? trouble : undefined),
    forget() {
      freshUntilMs = 0;
    },
    close() {
      closed = true;
    },
  };
}
