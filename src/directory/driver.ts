/** Images in a directory, of this machine or of a hypervisor: what runC labels name as their `path`. It has no nodes. */
import type { ProviderConfig } from '../config/config.ts';
import type { Driver, DriverDeps, Provider } from '../driver/driver.ts';
import { createInFlight } from '../driver/in-flight.ts';
import { NO_RESOURCES } from '../model/resources.ts';
import { openHost } from './host.ts';
import { createDirectoryImages } from './images.ts';
import { checkDirectory, directorySchema, readDirectoryOptions } from './options.ts';

export const directoryDriver: Driver = {
  name: 'directory',
  managesImages: true,
  schema: directorySchema,
  check: checkDirectory,
  open: openDirectoryProvider,
};

function openDirectoryProvider(config: ProviderConfig, { log }: DriverDeps): Provider {
  const options = readDirectoryOptions(config);
  const inFlight = createInFlight();
  const host = openHost(options, log);
  return {
    images: createDirectoryImages(config, options, { host, track: inFlight.track, log }),
    destroy: () => Promise.resolve(),
    list: () => Promise.resolve([]),
    quota: () => Promise.resolve(NO_RESOURCES),
    cost: () => ({ instances: 1 }),
    unready: () => ({ reason: 'a directory has images and no nodes', temporary: false }),
    close: (signal) => inFlight.idle(signal),
  };
}
