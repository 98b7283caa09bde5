import { nowS } from '../clock.ts';
import { NotFoundError } from '../errors.ts';
import { inState, type Node } from '../model/node.ts';
import type { Held, Store } from '../store/store.ts';
import { EXIT_NOT_RUN, Failure } from './failure.ts';
import type { Tools } from './verb.ts';

/** How a node is given back. */
export type Return = { state: 'used' } | { state: 'hold'; comment: string };

/** The nodes of a fulfilled request, locked by this process. */
export interface Lease {
  readonly nodes: readonly Held<Node>[];
  /** Aborted when one of the locks is lost: the nodes are no longer ours. */
  readonly lost: AbortSignal;
  /** Marks the nodes as in use; from then on they are given back as used or held. */
  start(): Promise<void>;
  /** Gives all nodes back. Safe to call twice. */
  end(howFor?: (nodeId: string) => Return): Promise<void>;
}

/** Locks the nodes, all or none. Throws Failure when one of them is gone or taken. */
export async function takeNodes(tools: Tools, store: Store, ids: readonly string[]): Promise<Lease> {
  const results = await Promise.allSettled(ids.map((id) => store.nodes.lock(id)));
  const nodes = results.flatMap((result) =>
    result.status === 'fulfilled' && result.value ? [result.value] : [],
  );
  const taken = nodes.length === ids.length && nodes.every(({ entry }) => entry.value.state === 'ready');
  if (!taken) {
    await Promise.all(nodes.map((held) => held.release()));
    const wrong = ids.filter(
      (id) => !nodes.some((held) => held.entry.id === id && held.entry.value.state === 'ready'),
    );
    throw new Failure(
      `node ${wrong.join(', ')} was taken or deleted before it could be used; try again`,
      EXIT_NOT_RUN,
    );
  }

  let state: 'taken' | 'in-use' | 'ended' = 'taken';
  return {
    nodes,
    lost: AbortSignal.any(nodes.map((held) => held.lost)),
    async start() {
      state = 'in-use';
      const now = nowS(tools.clock);
      await Promise.all(
        nodes.map((held) => store.nodes.update(held.entry, (node) => inState(node, 'in-use', now))),
      );
    },
    async end(howFor = () => ({ state: 'used' })) {
      if (state === 'ended') return;
      const dirty = state === 'in-use';
      state = 'ended';
      await Promise.all(nodes.map((held) => giveBack(held, dirty ? howFor(held.entry.id) : undefined)));
    },
  };

  async function giveBack(held: Held<Node>, how: Return | undefined): Promise<void> {
    const { id } = held.entry;
    try {
      if (how && !held.lost.aborted) {
        const now = nowS(tools.clock);
        await store.nodes.update(id, (node) => ({
          ...inState(node, how.state, now),
          ...(how.state === 'hold' ? { comment: how.comment } : {}),
        }));
      }
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    } finally {
      await held.release();
    }
  }
}
