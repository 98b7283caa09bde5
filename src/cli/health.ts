import type { Store } from '../store/store.ts';
import { troubleLines } from '../operator/provider-health.ts';
import { warn } from './print.ts';
import type { Tools } from './verb.ts';

/** Below a table, on stderr: which providers cannot serve, and why; nothing when all is well. */
export async function warnOfTrouble(tools: Pick<Tools, 'io'>, store: Store): Promise<void> {
  const [components, pools, drains] = await Promise.all([
    store.components.list(),
    store.pools.list(),
    store.drains.list(),
  ]);
  const lines = troubleLines({
    components: components.map(({ value }) => value),
    pools: pools.map(({ value }) => value),
    drains: drains.map(({ value }) => value),
  });
  for (const line of lines) warn(tools, line);
}
