/** The keys that dashboards made for older versions expect; docs/metrics.md has the table. */
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { LaunchSpec } from '../driver/driver.ts';
import { registeredPools } from '../operator/why.ts';
import type { Views } from '../operator/views.ts';
import { countNodes } from './counts.ts';
import type { LaunchResult } from './launch-result.ts';
import type { Statsd } from './statsd.ts';

const INTERVAL_MS = 1_000;

/** One launch attempt: a time and a count under each key. */
export function sendLaunch(
  statsd: Statsd,
  views: Views,
  attempt: { provider: string; spec: LaunchSpec; result: LaunchResult; ms: number },
): void {
  const { provider, spec, result, ms } = attempt;
  const az = views.nodes.get(spec.nodeId)?.value.az ?? spec.zone;
  const requestor = views.requests.get(spec.requestId)?.value.requestor;
  const keys = [
    `nodepool.launch.${result}`,
    `nodepool.launch.provider.${provider}.${result}`,
    ...(az ? [`nodepool.launch.provider.${provider}.${az}.${result}`] : []),
    ...(requestor ? [`nodepool.launch.requestor.${escapeName(requestor)}.${result}`] : []),
  ];
  for (const key of keys) {
    statsd.timing(key, ms);
    statsd.count(key);
  }
}

/**
 * Sends the numbers of nodes and requests after they have changed, at most once a second, and the configured limits with
 * them. Returns a function that ends it.
 */
export function sendGauges(
  statsd: Statsd,
  views: Views,
  { config, clock, isSpeaker }: { config: () => Config; clock: Clock; isSpeaker: () => boolean },
): () => void {
  let cancelTimer: (() => void) | undefined;
  const send = () => {
    cancelTimer = undefined;
    sendLimits(statsd, config());
    if (isSpeaker()) sendCounts(statsd, views);
  };
  const schedule = () => void (cancelTimer ??= clock.after(INTERVAL_MS, send));
  schedule();
  const endWatch = views.onChange(({ collection }) => {
    if (collection === 'nodes' || collection === 'requests' || collection === 'pools') schedule();
  });
  return () => {
    endWatch();
    cancelTimer?.();
  };
}

function sendCounts(statsd: Statsd, views: Views): void {
  const pools = registeredPools(views.facts());
  const counts = countNodes(
    views.nodes.values(),
    pools.map(({ provider }) => provider),
  );
  const sendStates = (prefix: string, states: Readonly<Record<string, number>>) => {
    for (const [state, count] of Object.entries(states)) statsd.gauge(`${prefix}.${state}`, count);
  };
  sendStates('nodepool.nodes', counts.all);
  for (const [provider, states] of counts.byProvider)
    sendStates(`nodepool.provider.${provider}.nodes`, states);
  for (const [label, states] of counts.byLabel) sendStates(`nodepool.label.${label}.nodes`, states);
  for (const { provider, pool, labels } of pools) {
    const known = new Set(labels);
    let addressable = 0;
    for (const { value } of views.requests.values())
      if (value.nodeTypes.every((label) => known.has(label))) addressable += 1;
    statsd.gauge(`nodepool.provider.${provider}.pool.${pool}.addressable_requests`, addressable);
  }
}

/** Limits without an end are left out. */
function sendLimits(statsd: Statsd, config: Config): void {
  for (const provider of config.providers.values()) {
    const limits = [...provider.pools.values()].map(({ maxServers }) => maxServers ?? Infinity);
    const sum = limits.reduce((total, limit) => total + Math.max(0, limit), 0);
    statsd.gauge(`nodepool.provider.${provider.name}.max_servers`, sum);
  }
  for (const [tenant, limits] of config.tenantLimits)
    for (const [name, limit] of Object.entries(limits))
      statsd.gauge(`nodepool.tenant_limits.${escapeName(tenant)}.${escapeName(name)}`, limit);
}

/** `'zuul.example.net:1'` → `'zuul_example_net_1'` */
function escapeName(name: string): string {
  return name.replace(/[.:]/g, '_');
}
