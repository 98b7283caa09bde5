import { nowS } from '../clock.ts';
import type { Node } from '../model/node.ts';
import type { PoolStatus } from '../model/pool-status.ts';
import type { Entry } from '../store/store.ts';
import { jsonNodeColumns } from '../operator/node-columns.ts';
import { printJson, printRows } from './print.ts';
import { checkPoolName } from './known-pools.ts';
import { formatUse } from '../operator/summary.ts';
import { toObjects, type Column } from '../operator/table.ts';
import type { Run } from './verb.ts';
import { drainsOf, registeredPools, type RegisteredPool } from '../operator/why.ts';

/** What is stored about one provider: its pools as launchers report them, and its nodes. */
export const run: Run = async (tools, { args }) => {
  const [provider = ''] = args;
  const store = await tools.openStore();
  const [components, statuses, drains, allNodes] = await Promise.all([
    store.components.list(),
    store.pools.list(),
    store.drains.list(),
    store.nodes.list(),
  ]);
  const pools = registeredPools({
    components: components.map(({ value }) => value),
    pools: statuses.map(({ value }) => value),
  }).filter((pool) => pool.provider === provider);
  const nodes = allNodes.filter(({ value }) => value.provider === provider);
  if (pools.length === 0 && nodes.length === 0) await checkPoolName(tools, store, { provider, pool: null });

  const inForce = drains.map(({ value }) => value);
  const columns = poolColumns((pool) => drainsOf(pool, inForce).length > 0);
  if (tools.format === 'json') {
    const nodeObjects = toObjects(jsonNodeColumns(nowS(tools.clock)), nodes);
    printJson(tools, { provider, pools: toObjects([...columns, ...RAW_POOL], pools), nodes: nodeObjects });
    return 0;
  }
  const { stdout } = tools.io;
  stdout.write(`Stored data for provider ${provider}\n\nPools:\n`);
  printRows(tools, pools, columns);
  stdout.write('\nNodes:\n');
  printRows(tools, nodes, NODE_COLUMNS);
  return 0;
};

const NODE_COLUMNS: readonly Column<Entry<Node>>[] = [
  { header: 'ID', key: 'id', value: ({ id }) => id },
  { header: 'Server ID', key: 'server_id', value: ({ value }) => value.externalId, flexible: true },
];

function poolColumns(draining: (pool: RegisteredPool) => boolean): Column<RegisteredPool>[] {
  const health = (pool: RegisteredPool) =>
    pool.status?.unhealthy
      ? 'unhealthy'
      : draining(pool)
        ? 'draining'
        : pool.status?.paused
          ? 'at quota'
          : 'serving';
  return [
    { header: 'Pool', key: 'pool', value: ({ pool }) => pool, flexible: true },
    { header: 'Labels', key: 'labels', value: ({ labels }) => labels, flexible: true },
    { header: 'Status', key: 'status', value: health },
    {
      header: 'In Use',
      key: 'in_use',
      value: ({ status }) => (status ? formatUse(status.used, status.limits) : null),
    },
    { header: 'Launching', key: 'launching', value: ({ status }) => status?.launching ?? null },
    { header: 'Problem', key: 'problem', value: ({ status }) => status && describeProblem(status) },
    { header: 'Last Error', key: 'last_error', value: ({ status }) => status?.lastError },
  ];
}

/** `'at quota: 2 of 2 instances in use; centos-6: /srv/centos-6 does not exist'` */
function describeProblem({ unhealthy, paused, unready }: PoolStatus): string | null {
  if (unhealthy) return unhealthy;
  const perLabel = Object.entries(unready).map(([label, reason]) => `${label}: ${reason}`);
  return [...(paused ? [paused] : []), ...perLabel].join('; ') || null;
}

const RAW_POOL: readonly Column<RegisteredPool>[] = [
  { header: '', key: 'launcher', value: ({ launcherId }) => launcherId },
  { header: '', key: 'driver', value: ({ status }) => status?.driver },
  { header: '', key: 'used', value: ({ status }) => status?.used },
  { header: '', key: 'limits', value: ({ status }) => status?.limits },
  { header: '', key: 'unready', value: ({ status }) => status?.unready },
  { header: '', key: 'last_error_time', value: ({ status }) => status?.lastErrorTimeS },
];
