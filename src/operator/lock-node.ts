import type { Node } from '../model/node.ts';
import { NotFoundError } from '../errors.ts';
import type { Held, Store } from '../store/store.ts';
import { Refusal } from './refusal.ts';

/** How long an operator's command waits for a node that somebody else has. */
const LOCK_WAIT_MS = 5000;

/** Takes a node's lock, or says why it cannot be had. Throws Refusal. */
export async function lockNode(store: Store, id: string, signal: AbortSignal): Promise<Held<Node>> {
  let held: Held<Node> | undefined;
  try {
    held = await store.nodes.lock(id, { waitMs: LOCK_WAIT_MS, signal });
  } catch (error) {
    if (error instanceof NotFoundError)
      throw new Refusal('not found', `node ${id} does not exist; nodepool list shows all`);
    throw error;
  }
  if (held) return held;
  const now = await store.nodes.get(id);
  if (!now) throw new Refusal('not found', `node ${id} has just been deleted`);
  throw new Refusal('taken', `node ${id} is locked: ${describeHolder(now.value)}`);
}

/** Locks carry no name that could be relied on; the state tells who works with the node. */
function describeHolder(node: Node): string {
  const request = node.allocatedTo ? ` for request ${node.allocatedTo}` : '';
  const requestor = node.requestor ? ` of ${node.requestor}` : '';
  switch (node.state) {
    case 'in-use':
      return `in use by a job${request}${requestor}; try again when the job is over`;
    case 'init':
    case 'building':
    case 'testing':
      return `being made${request}${requestor}; try again when it is ready`;
    case 'deleting':
    case 'deleted':
      return 'being deleted already';
    case 'ready':
    case 'used':
    case 'hold':
    case 'failed':
    case 'aborted':
      return `somebody works with it${request}${requestor}; try again in a moment`;
  }
}
