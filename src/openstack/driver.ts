/** Nodes as servers of an OpenStack cloud. `docs/openstack.md` explains every option. */
import type { Driver } from '../driver/driver.ts';
import type { Surroundings } from './clouds-file.ts';
import type { Patience } from './http.ts';
import { checkOptions } from './check-options.ts';
import { openstackSchema } from './schema.ts';
import { openProvider } from './provider.ts';

export interface DriverOptions {
  /** Where clouds.yaml is looked for. */
  surroundings: Surroundings;
  /** `nodepool/0.1.0`: how services see who calls. */
  userAgent: string;
  /** How failed calls are repeated; shorter in tests. */
  patience?: Patience;
  /** Between two lists of all servers while somebody waits for one; shorter in tests. */
  listMs?: number;
}

export function createOpenstackDriver(options: DriverOptions): Driver {
  return {
    name: 'openstack',
    managesImages: true,
    schema: openstackSchema,
    check: checkOptions,
    open: (config, deps) => openProvider(config, { ...deps, ...options }),
  };
}
