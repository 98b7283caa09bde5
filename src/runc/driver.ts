import type { Driver } from '../driver/driver.ts';
import { checkOptions, runcSchema } from './options.ts';
import { DEFAULT_SETTINGS, openRuncProvider, type RuncSettings } from './provider.ts';

/** Containers on hypervisors: any Linux machines with runC, reached as root over SSH. */
export const runcDriver: Driver = createRuncDriver();

/** The driver with other places and times than the documented ones, for tests. */
export function createRuncDriver(settings: Partial<RuncSettings> = {}): Driver {
  return {
    name: 'runc',
    aliases: ['runC'],
    schema: runcSchema,
    check: checkOptions,
    open: (config, deps) => openRuncProvider(config, deps, { ...DEFAULT_SETTINGS, ...settings }),
  };
}
