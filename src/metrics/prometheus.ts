/** What Prometheus reads at `/metrics`; docs/metrics.md lists every name. */
import { Counter, Histogram, type Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import { REQUEST_STATES } from '../model/request.ts';
import type { Resources } from '../model/resources.ts';
import type { Views } from '../operator/views.ts';
import { countNodes } from './counts.ts';
import { addImages } from './image-gauges.ts';
import { addGauge, createRegistry, type ObserveOperation } from './registry.ts';

export interface Instruments {
  registry: Registry;
  acceptSeconds: Histogram<'label'>;
  fulfilSeconds: Histogram<'label'>;
  readySeconds: Histogram<'provider' | 'driver' | 'label'>;
  deleteSeconds: Histogram<'provider' | 'driver' | 'label'>;
  launchAttempts: Counter<'provider' | 'driver' | 'label' | 'result'>;
  leaks: Counter<'provider'>;
  observeOperation: ObserveOperation;
}

const WORK_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];

export function createInstruments(views: Views, clock: Clock): Instruments {
  const { registry, observeOperation } = createRegistry();
  const registers = [registry];
  const nodeLabels = ['provider', 'driver', 'label'] as const;
  addNodes(registry, views);
  addRequests(registry, views);
  addPools(registry, views);
  addImages(registry, views, clock);
  return {
    registry,
    acceptSeconds: new Histogram({
      name: 'nodepool_request_accept_seconds',
      help: 'From the making of a request until a pool has taken it',
      labelNames: ['label'],
      buckets: WORK_BUCKETS,
      registers,
    }),
    fulfilSeconds: new Histogram({
      name: 'nodepool_request_fulfil_seconds',
      help: 'From the making of a request until all its nodes are ready',
      labelNames: ['label'],
      buckets: WORK_BUCKETS,
      registers,
    }),
    readySeconds: new Histogram({
      name: 'nodepool_node_ready_seconds',
      help: 'From the record of a node until it is ready',
      labelNames: nodeLabels,
      buckets: WORK_BUCKETS,
      registers,
    }),
    deleteSeconds: new Histogram({
      name: 'nodepool_node_delete_seconds',
      help: 'From the decision to delete a node until it is gone',
      labelNames: nodeLabels,
      buckets: WORK_BUCKETS,
      registers,
    }),
    launchAttempts: new Counter({
      name: 'nodepool_launch_attempts_total',
      help: 'Attempts to make a node, by their result',
      labelNames: ['provider', 'driver', 'label', 'result'],
      registers,
    }),
    leaks: new Counter({
      name: 'nodepool_leaked_instances_total',
      help: 'Instances without a node that were removed',
      labelNames: ['provider'],
      registers,
    }),
    observeOperation,
  };
}

function addNodes(registry: Registry, views: Views): void {
  addGauge(registry, 'nodepool_nodes', 'Nodes', ['provider', 'pool', 'label', 'state'], (set) => {
    for (const { count, ...labels } of countNodes(views.nodes.values(), []).each.values()) set(labels, count);
  });
}

function addRequests(registry: Registry, views: Views): void {
  addGauge(registry, 'nodepool_requests', 'Node requests', ['state'], (set) => {
    const counts = new Map<string, number>(REQUEST_STATES.map((state) => [state, 0]));
    for (const { value } of views.requests.values())
      counts.set(value.state, (counts.get(value.state) ?? 0) + 1);
    for (const [state, count] of counts) set({ state }, count);
  });
  const help = 'Nodes that requests ask for and do not have yet';
  addGauge(registry, 'nodepool_requested_nodes', help, ['label'], (set) => {
    const counts = new Map<string, number>();
    for (const { value } of views.pools.values()) for (const label of value.labels) counts.set(label, 0);
    for (const { value } of views.requests.values()) {
      if (value.state !== 'requested' && value.state !== 'pending') continue;
      for (const label of value.nodeTypes) counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    for (const [label, count] of counts) set({ label }, count);
  });
}

function addPools(registry: Registry, views: Views): void {
  const labels = ['provider', 'pool'] as const;
  const add = (name: string, help: string, read: (pool: PoolValue) => number) =>
    addGauge(registry, name, help, labels, (set) => {
      for (const { value } of views.pools.values())
        set({ provider: value.provider, pool: value.pool }, read(value));
    });
  type PoolValue = NonNullable<ReturnType<Views['pools']['get']>>['value'];
  add('nodepool_pool_healthy', '0: the pool can serve nothing', ({ unhealthy }) =>
    Number(unhealthy === null),
  );
  add('nodepool_pool_draining', '1: the pool is being drained', ({ draining }) => Number(draining));
  add('nodepool_pool_paused', '1: a request waits for room', ({ paused }) => Number(paused !== null));
  add('nodepool_pool_launching', 'Nodes that are being made', ({ launching }) => launching);
  const addQuota = (name: string, help: string, read: (pool: PoolValue) => Resources) =>
    addGauge(registry, name, help, [...labels, 'resource'], (set) => {
      for (const { value } of views.pools.values())
        for (const [resource, amount] of Object.entries(read(value)))
          set({ provider: value.provider, pool: value.pool, resource }, amount);
    });
  const noUse = ({ limits }: PoolValue) => Object.fromEntries(Object.keys(limits).map((name) => [name, 0]));
  addQuota('nodepool_quota_limit', 'What the nodes of a pool may use', ({ limits }) => limits);
  addQuota('nodepool_quota_used', 'What the nodes of a pool use', (pool) => ({
    ...noUse(pool),
    ...pool.used,
  }));
}
