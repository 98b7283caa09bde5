import { nowS, type Clock } from '../clock.ts';
import { inState, type Node, type NodeState } from '../model/node.ts';
import type { Entry, Store } from '../store/store.ts';
import { lockNode } from './lock-node.ts';
import { Refusal } from './refusal.ts';

export interface HoldOptions {
  /** Whose wish it is; the comment where neither a reason nor an earlier comment is given. */
  who: string;
  reason?: string | undefined;
  /** How long from now; without it the node's own limit, if any, stays. */
  forS?: number | undefined;
  clock: Clock;
  signal: AbortSignal;
}

/** Keeps a node for people: nothing takes it for a job or deletes it until the hold expires. Throws Refusal. */
export async function holdNode(
  store: Store,
  id: string,
  { who, reason, forS, clock, signal }: HoldOptions,
): Promise<Entry<Node> | undefined> {
  const held = await lockNode(store, id, signal);
  try {
    const { state } = held.entry.value;
    if (!HOLDABLE.has(state)) {
      throw new Refusal(
        'not possible',
        `node ${id} is ${state} and cannot be held; only a node that works can be kept`,
      );
    }
    await store.nodes.update(held.entry, (node) => ({
      ...inState(node, 'hold', nowS(clock)),
      comment: reason ?? node.comment ?? `held by ${who}`,
      holdExpirationS: forS ?? node.holdExpirationS,
    }));
  } finally {
    await held.release();
  }
  return await store.nodes.get(id);
}

const HOLDABLE: ReadonlySet<NodeState> = new Set<NodeState>(['testing', 'ready', 'in-use', 'used', 'hold']);
