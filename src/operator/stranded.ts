/** Nodes that no launcher deletes, because what they belong to is not configured any more. Pure. */
import type { Node } from '../model/node.ts';
import type { Entry } from '../store/store.ts';
import { registeredPools, type Facts } from './why.ts';

/** A deletion this old is not simply on its way. */
const STUCK_S = 60;

/**
 * One line for each provider that no running launcher has, and for each pool that is gone from its provider while its
 * nodes cannot be deleted. Nothing as long as no launcher runs: nobody is missed then.
 */
export function strandedLines(
  nodes: readonly Entry<Node>[],
  facts: Pick<Facts, 'components' | 'pools'>,
  nowS: number,
): string[] {
  if (facts.components.length === 0) return [];
  const registered = registeredPools(facts);
  const counts = new Map<string, { pool: string | null; provider: string; count: number }>();
  for (const { value } of nodes) {
    const { provider } = value;
    if (provider === null) continue;
    const pools = registered.filter((found) => found.provider === provider);
    if (pools.length > 0 && !isStuck(value, pools, nowS)) continue;
    const pool = pools.length > 0 ? value.pool : null;
    const key = JSON.stringify([provider, pool]);
    counts.set(key, { provider, pool, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()].map(describe);
}

/** Other launchers may register pools without their names: nothing is known then. */
function isStuck(
  { state, stateTimeS, pool }: Node,
  pools: readonly { pool: string }[],
  nowS: number,
): boolean {
  if (state !== 'deleting' || nowS - stateTimeS < STUCK_S || pool === null) return false;
  return pools.every((found) => found.pool !== '' && found.pool !== pool);
}

function describe({
  provider,
  pool,
  count,
}: {
  provider: string;
  pool: string | null;
  count: number;
}): string {
  if (pool !== null) {
    return (
      `${count} ${count === 1 ? 'node' : 'nodes'} of ${provider}/${pool}, which is not configured any more, cannot be ` +
      `deleted: put the pool back, or drop the records with \`nodepool erase ${provider} ${pool}\``
    );
  }
  const stay = count === 1 ? 'its node stays' : `its ${count} nodes stay`;
  return (
    `no running launcher has the provider ${provider}: ${stay} until one has it again, or until ` +
    `\`nodepool erase ${provider}\` drops the records`
  );
}
