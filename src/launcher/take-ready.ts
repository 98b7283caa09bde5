import type { NodeRequest } from '../model/request.ts';
import type { Node } from '../model/node.ts';
import { inState } from '../model/node.ts';
import { nowS } from '../clock.ts';
import { NotFoundError, reasonOf } from '../errors.ts';
import type { Entry, Held } from '../store/store.ts';
import type { Context } from './context.ts';
import type { Pool } from './pool.ts';

const ALIVE_TIME_MS = 15_000;

/**
 * Takes a ready node for a request: locked, still free when read again, and still alive. Undefined when it was not to be
 * had; a node that turned out dead is marked for deletion. The caller has claimed its id.
 */
export async function takeReady(
  candidate: Entry<Node>,
  request: Entry<NodeRequest>,
  pool: Pool,
  context: Context,
): Promise<{ node: Held<Node>; stored: Promise<unknown> } | undefined> {
  const { nodes } = context.store;
  let held: Held<Node> | undefined;
  try {
    held = await nodes.lock(candidate.id);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
  if (!held) return undefined;
  const { value } = held.entry;
  if (value.state !== 'ready' || value.allocatedTo !== null) {
    await held.release();
    return undefined;
  }
  const dead = await whyDead(value, pool);
  if (dead !== undefined) {
    pool.runtime.log.warning('a ready node is gone, deleting it', { nodeId: candidate.id, reason: dead });
    const stored = nodes.update(held.entry, (node) => inState(node, 'deleting', nowS(context.clock)));
    await Promise.allSettled([stored, held.release()]);
    return undefined;
  }
  const stored = nodes.update(held.entry, (node) => ({
    ...node,
    allocatedTo: request.id,
    tenantName: request.value.tenantName,
    requestor: request.value.requestor,
  }));
  stored.catch(() => undefined);
  return { node: held, stored };
}

async function whyDead({ externalId }: Node, pool: Pool): Promise<string | undefined> {
  const { provider } = pool.runtime;
  if (!provider.checkAlive || externalId === null) return undefined;
  try {
    return await provider.checkAlive(externalId, AbortSignal.timeout(ALIVE_TIME_MS));
  } catch (error) {
    return reasonOf(error);
  }
}
