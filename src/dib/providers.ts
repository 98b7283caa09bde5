/** The providers of the configuration that take images. */
import type { Clock } from '../clock.ts';
import type { Config, ProviderConfig } from '../config/config.ts';
import { sameProvider } from '../config/same-provider.ts';
import type { Driver, Provider } from '../driver/driver.ts';
import type { ImageStore, WantedImage } from '../driver/images.ts';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';

export interface ImageProvider {
  readonly config: ProviderConfig;
  readonly images: ImageStore;
  readonly log: Logger;
}

export interface ImageProviders {
  get(name: string): ImageProvider | undefined;
  all(): Iterable<ImageProvider>;
  /** Opens what is new or changed and closes what is not wanted any more, when its uploads have ended. */
  apply(config: Config): void;
  /** What each provider wants; those that cannot tell are left out, and said why in the log. */
  wanted(): Promise<Map<string, readonly WantedImage[]>>;
  /** Names of those that have not told yet what they want. */
  unreached(): string[];
  /** `signal` ends the waiting for work in flight. */
  close(signal: AbortSignal): Promise<void>;
}

export function createImageProviders(
  drivers: readonly Driver[],
  deps: { log: Logger; clock: Clock; onChange: () => void },
): ImageProviders {
  const current = new Map<string, ImageProvider & { provider: Provider }>();
  const closing = new Set<Promise<void>>();
  const stop = new AbortController();
  const complaints = new Map<string, string>();
  const reached = new Set<string>();

  const open = (config: ProviderConfig) => {
    const driver = drivers.find(({ name }) => name === config.driver);
    if (driver?.managesImages !== true) return;
    const log = deps.log.named(`driver.${config.driver}`).child({ provider: config.name });
    const provider = driver.open(config, { log, clock: deps.clock, onChange: deps.onChange });
    if (provider.images) current.set(config.name, { config, provider, images: provider.images, log });
  };
  const retire = (name: string) => {
    const retired = current.get(name);
    current.delete(name);
    reached.delete(name);
    const closed = retired?.provider
      .close(stop.signal)
      .catch((error: unknown) =>
        retired.log.warning('the provider did not close cleanly', { error: reasonOf(error) }),
      )
      .finally(() => closing.delete(closed ?? Promise.resolve()));
    if (closed) closing.add(closed);
  };

  return {
    get: (name) => current.get(name),
    all: () => current.values(),
    apply(config) {
      for (const [name, { config: before }] of current) {
        const now = config.providers.get(name);
        if (!now || !sameProvider(now, before)) retire(name);
      }
      for (const provider of config.providers.values()) if (!current.has(provider.name)) open(provider);
    },
    async wanted() {
      const found = new Map<string, readonly WantedImage[]>();
      for (const { config, images, log } of current.values()) {
        try {
          found.set(config.name, await images.wanted());
          complaints.delete(config.name);
          reached.add(config.name);
        } catch (error) {
          const reason = reasonOf(error);
          if (complaints.get(config.name) !== reason)
            log.error('the provider does not tell its images', { error: reason });
          complaints.set(config.name, reason);
        }
      }
      return found;
    },
    unreached: () => [...current.keys()].filter((name) => !reached.has(name)),
    async close(signal) {
      for (const name of [...current.keys()]) retire(name);
      if (signal.aborted) stop.abort(signal.reason);
      else signal.addEventListener('abort', () => stop.abort(signal.reason), { once: true });
      await Promise.all(closing);
    },
  };
}
