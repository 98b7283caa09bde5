import { nowS } from '../clock.ts';
import type { Context } from './context.ts';
import type { Pool } from './pool.ts';
import type { Reaper } from './reaper.ts';

/** While a deletion is this young its room is still to come; nothing more is evicted. */
const PATIENCE_S = 300;

/**
 * Makes room for a waiting request: deletes the longest unused ready node of the pool, unless a node of the pool is on
 * its way out already.
 */
export function evictReady(pool: Pool, context: Context, reaper: Reaper): void {
  const { world, clock } = context;
  if (pool.evicting) return;
  const isOurs = (node: { provider: string | null; pool: string | null }) =>
    node.provider === pool.config.provider && node.pool === pool.config.name;

  for (const { value } of world.nodesInState('deleting')) {
    if (isOurs(value) && nowS(clock) - value.stateTimeS < PATIENCE_S) return;
  }
  for (const entry of world.nodesInState('ready')) {
    const { value, id, locked } = entry;
    if (!isOurs(value) || value.allocatedTo !== null || locked || context.promises.claimed.has(id)) continue;
    pool.evicting = true;
    void reaper
      .markDeleting(
        id,
        `${pool.key} needs room for a waiting request`,
        (node) => node.state === 'ready' && node.allocatedTo === null,
      )
      .catch(() => undefined)
      .finally(() => (pool.evicting = false));
    return;
  }
}
