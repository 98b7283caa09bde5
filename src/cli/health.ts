import { nowS } from '../clock.ts';
import type { Node } from '../model/node.ts';
import type { Entry, Store, Unreadable } from '../store/store.ts';
import { troubleLines } from '../operator/provider-health.ts';
import { strandedLines } from '../operator/stranded.ts';
import { warn } from './print.ts';
import type { Tools } from './verb.ts';

/** Below a table, on stderr: nodes that are not in it. */
export function warnOfUnreadable(tools: Pick<Tools, 'io'>, nodes: readonly Unreadable[]): void {
  for (const { id, reason } of nodes) {
    warn(tools, `node ${id} is left out, its record cannot be read: ${reason}`);
  }
}

/**
 * Below a table, on stderr: which providers cannot serve, and why; which of the nodes nobody deletes, because their provider
 * or pool is not configured any more. Nothing when all is well.
 */
export async function warnOfTrouble(
  tools: Pick<Tools, 'io' | 'clock'>,
  store: Store,
  nodes: readonly Entry<Node>[] = [],
): Promise<void> {
  const [components, pools, drains] = await Promise.all([
    store.components.list(),
    store.pools.list(),
    store.drains.list(),
  ]);
  const facts = {
    components: components.map(({ value }) => value),
    pools: pools.map(({ value }) => value),
    drains: drains.map(({ value }) => value),
  };
  const lines = [...troubleLines(facts), ...strandedLines(nodes, facts, nowS(tools.clock))];
  for (const line of lines) warn(tools, line);
}
