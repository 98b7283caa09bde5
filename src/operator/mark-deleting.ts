import { nowS, type Clock } from '../clock.ts';
import { inState, type Node } from '../model/node.ts';
import type { Entry, Store } from '../store/store.ts';
import { lockNode } from './lock-node.ts';

/** Marks a node for deletion, which a launcher then does. Repeating is harmless. Throws Refusal. */
export async function markDeleting(
  store: Store,
  id: string,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<Entry<Node>> {
  const held = await lockNode(store, id, signal);
  try {
    return await store.nodes.update(held.entry, (node) =>
      node.state === 'deleting' ? undefined : inState(node, 'deleting', nowS(clock)),
    );
  } finally {
    await held.release();
  }
}
