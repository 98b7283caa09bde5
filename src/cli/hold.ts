import { nowS } from '../clock.ts';
import { inState, type NodeState } from '../model/node.ts';
import { Failure } from './failure.ts';
import { nodeIdOf } from './ids.ts';
import { lockNode } from './lock-node.ts';
import { jsonNodeColumns, nodeColumns } from './node-columns.ts';
import { printRows } from './print.ts';
import type { Run } from './verb.ts';

/** Keeps a node for people: nothing takes it for a job or deletes it until the hold expires. */
export const run: Run = async (tools, { args, options }) => {
  const id = nodeIdOf(args[0] ?? '');
  const store = await tools.openStore();
  const held = await lockNode(store, id, tools.signal);
  try {
    const { state } = held.entry.value;
    if (!HOLDABLE.has(state)) {
      throw new Failure(`node ${id} is ${state} and cannot be held; only a node that works can be kept`);
    }
    const now = nowS(tools.clock);
    await store.nodes.update(held.entry, (node) => ({
      ...inState(node, 'hold', now),
      comment: options.reason ?? node.comment ?? `held by ${tools.who}`,
      holdExpirationS: options.for ?? node.holdExpirationS,
    }));
  } finally {
    await held.release();
  }
  const entry = await store.nodes.get(id);
  const now = nowS(tools.clock);
  printRows(tools, entry ? [entry] : [], nodeColumns(now), jsonNodeColumns(now));
  return 0;
};

const HOLDABLE: ReadonlySet<NodeState> = new Set<NodeState>(['testing', 'ready', 'in-use', 'used', 'hold']);
