import type { Node } from '../model/node.ts';
import type { Entry, Store } from '../store/store.ts';
import type { MoreFacts } from './summary.ts';

/** Reads everything that explains requests; `reading`: the nodes, where somebody reads them already. */
export async function readFacts(
  store: Store,
  reading: Promise<readonly Entry<Node>[]> = store.nodes.list(),
): Promise<MoreFacts> {
  const [components, pools, drains, decisions, nodes, requests] = await Promise.all([
    store.components.list(),
    store.pools.list(),
    store.drains.list(),
    store.decisions.list(),
    reading,
    store.requests.list(),
  ]);
  return {
    components: components.map(({ value }) => value),
    pools: pools.map(({ value }) => value),
    drains: drains.map(({ value }) => value),
    decisions: new Map(decisions.map(({ id, value }) => [id, value])),
    nodes,
    allocated: groupByRequest(nodes),
    requests,
  };
}

export function groupByRequest(nodes: readonly Entry<Node>[]): Map<string, Entry<Node>[]> {
  const groups = new Map<string, Entry<Node>[]>();
  for (const entry of nodes) {
    const request = entry.value.allocatedTo;
    if (request === null) continue;
    const group = groups.get(request);
    if (group) group.push(entry);
    else groups.set(request, [entry]);
  }
  return groups;
}
