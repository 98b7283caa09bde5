import { nowS, type Clock } from '../clock.ts';
import { StoreError } from '../errors.ts';
import { drainId } from '../model/drain.ts';
import type { Store } from '../store/store.ts';

/** Records the wish for no new nodes in a provider, or in one of its pools. Repeating is harmless. */
export async function drainPool(
  store: Store,
  { provider, pool }: { provider: string; pool: string | null },
  clock: Clock,
): Promise<void> {
  const id = drainId(provider, pool);
  if (await store.drains.get(id)) return;
  try {
    await store.drains.create({ provider, pool, createdTimeS: nowS(clock), unknown: {} }, { id });
  } catch (error) {
    if (!(error instanceof StoreError) || !(await store.drains.get(id))) throw error;
  }
}
