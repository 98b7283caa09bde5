/** Lists the containers and ports of Nodepool on a hypervisor. */
import { runModule, type Result, type Task } from './lib/run-module.ts';
import { readBundles, readPorts } from './lib/read-bundles.ts';

interface Values {
  name?: string;
  provider?: string;
  base_dir: string;
}

void runModule<Values>({ options: MODULE_OPTIONS, run });

async function run({ values }: Task<Values>): Promise<Result> {
  const { name, provider, base_dir: base } = values;
  const [bundles, ports] = await Promise.all([readBundles(base), readPorts(base)]);
  const containers = bundles.filter(
    (bundle) =>
      (name === undefined || bundle.id === name) && (provider === undefined || bundle.provider === provider),
  );
  return { changed: false, containers, ports };
}
