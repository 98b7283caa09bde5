/** Counts over all records, made when somebody asks. Pure. */
import { NODE_STATES, type Node, type NodeState } from '../model/node.ts';
import type { Entry } from '../store/store.ts';

export type StateCounts = Record<NodeState, number>;

export interface NodeCounts {
  all: StateCounts;
  byProvider: ReadonlyMap<string, StateCounts>;
  byLabel: ReadonlyMap<string, StateCounts>;
  /** By provider, pool, label and state; a node with several labels counts in each. */
  each: ReadonlyMap<
    string,
    { provider: string; pool: string; label: string; state: NodeState; count: number }
  >;
}

export function countNodes(nodes: Iterable<Entry<Node>>, providers: Iterable<string>): NodeCounts {
  const all = noNodes();
  const byProvider = new Map([...providers].map((name) => [name, noNodes()]));
  const byLabel = new Map<string, StateCounts>();
  const each: Map<
    string,
    { provider: string; pool: string; label: string; state: NodeState; count: number }
  > = new Map();
  for (const { value } of nodes) {
    const { state, provider, pool, type } = value;
    all[state] += 1;
    if (provider !== null) add(byProvider, provider, state);
    for (const label of type) {
      add(byLabel, label, state);
      const key = `${provider ?? ''}\n${pool ?? ''}\n${label}\n${state}`;
      const found = each.get(key);
      if (found) found.count += 1;
      else each.set(key, { provider: provider ?? '', pool: pool ?? '', label, state, count: 1 });
    }
  }
  return { all, byProvider, byLabel, each };
}

function noNodes(): StateCounts {
  return Object.fromEntries(NODE_STATES.map((state) => [state, 0])) as StateCounts;
}

function add(counts: Map<string, StateCounts>, key: string, state: NodeState): void {
  let states = counts.get(key);
  if (!states) counts.set(key, (states = noNodes()));
  states[state] += 1;
}
