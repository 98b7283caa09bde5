import { nowS } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import { inState, type Node } from '../model/node.ts';
import type { Entry, Store } from '../store/store.ts';
import { destroyInstance } from './destroy-instance.ts';
import { EXIT_FAILED, Failure } from './failure.ts';
import { nodeIdOf } from './ids.ts';
import { lockNode } from '../operator/lock-node.ts';
import { jsonNodeColumns, nodeColumns } from '../operator/node-columns.ts';
import { printRows, warn } from './print.ts';
import type { Run, Tools } from './verb.ts';

/** Deletes nodes: the launcher does the work, or with --now this process. One failing does not stop the others. */
export const run: Run = async (tools, { args, options }) => {
  const store = await tools.openStore();
  const ids = [...new Set(args.map(nodeIdOf))];
  const results = await Promise.allSettled(
    ids.map((id) => deleteNode(tools, store, id, options.now === true)),
  );
  tools.signal.throwIfAborted();

  const rows = results.flatMap((result) =>
    result.status === 'fulfilled' && result.value ? [result.value] : [],
  );
  const failures = results.filter((result) => result.status === 'rejected');
  const now = nowS(tools.clock);
  if (failures.length < ids.length) printRows(tools, rows, nodeColumns(now), jsonNodeColumns(now));
  for (const { reason } of failures) warn(tools, reasonOf(reason));
  return failures.length === 0 ? 0 : EXIT_FAILED;
};

/** Returns the node as it is now; undefined when it is gone. */
async function deleteNode(
  tools: Tools,
  store: Store,
  id: string,
  now: boolean,
): Promise<Entry<Node> | undefined> {
  const held = await lockNode(store, id, tools.signal);
  try {
    // Checked before anything is written: with a wrong configuration the node stays as it is.
    const destroy = now ? await destroyInstance(tools, held.entry) : undefined;
    if (held.lost.aborted) throw new Failure(`the lock of node ${id} was lost; nothing was changed`);
    const marked = await store.nodes.update(held.entry, (node) =>
      node.state === 'deleting' ? undefined : inState(node, 'deleting', nowS(tools.clock)),
    );
    if (destroy) {
      await destroy(AbortSignal.any([tools.signal, held.lost]));
      await store.nodes.remove(id);
      return undefined;
    }
    return { ...marked, locked: false };
  } finally {
    await held.release();
  }
}
