import { describeProviders, type ProviderHealth } from '../operator/provider-health.ts';
import type { Colour, Column } from '../operator/table.ts';
import { printRows } from './print.ts';
import type { Run } from './verb.ts';

/** Every provider that a running launcher serves, and whether it can be used. */
export const run: Run = async (tools) => {
  const store = await tools.openStore();
  const [components, pools, drains] = await Promise.all([
    store.components.list(),
    store.pools.list(),
    store.drains.list(),
  ]);
  const providers = describeProviders({
    components: components.map(({ value }) => value),
    pools: pools.map(({ value }) => value),
    drains: drains.map(({ value }) => value),
  });
  printRows(tools, providers, COLUMNS, [...COLUMNS, USED]);
  return 0;
};

const COLOURS: Readonly<Record<ProviderHealth['status'], Colour>> = {
  serving: 'green',
  draining: 'blue',
  'at quota': 'yellow',
  impaired: 'yellow',
  unhealthy: 'red',
};

const COLUMNS: readonly Column<ProviderHealth>[] = [
  { header: 'Provider', key: 'provider', value: ({ provider }) => provider },
  { header: 'Driver', key: 'driver', value: ({ driver }) => driver },
  { header: 'Pools', key: 'pools', value: ({ pools }) => pools, flexible: true },
  { header: 'Nodes', key: 'nodes', value: ({ used }) => used['instances'] ?? 0 },
  { header: 'Status', key: 'status', value: ({ status }) => status, colour: ({ status }) => COLOURS[status] },
  { header: 'Problem', key: 'problem', value: ({ problem }) => problem, flexible: 'first' },
];

const USED: Column<ProviderHealth> = { header: '', key: 'used', value: ({ used }) => used };
