import { nowS } from '../clock.ts';
import { NotFoundError } from '../errors.ts';
import { inState, type NodeState } from '../model/node.ts';
import type { NodeRequest } from '../model/request.ts';
import type { Entry, Store } from '../store/store.ts';
import { Failure } from './failure.ts';
import { nodeIdOf, requestIdOf } from './ids.ts';
import { lockNode } from '../operator/lock-node.ts';
import { printJson, say } from './print.ts';
import { REQUESTOR } from '../operator/requestor.ts';
import type { Run, Tools } from './verb.ts';

/** Gives back what `nodepool request` got: all of a request, or one node of it. */
export const run: Run = async (tools, { args }) => {
  const id = requestIdOf(nodeIdOf(args[0] ?? ''));
  const store = await tools.openStore();
  const request = await store.requests.get(id);
  const released = request
    ? await releaseRequest(tools, store, request)
    : await releaseNode(tools, store, id);
  if (tools.format === 'json') printJson(tools, released);
  return 0;
};

interface Released {
  request: string | null;
  nodes: string[];
}

async function releaseRequest(tools: Tools, store: Store, request: Entry<NodeRequest>): Promise<Released> {
  checkOurs(request);
  const nodes: string[] = [];
  for (const id of request.value.nodes) if (await markUsed(tools, store, id)) nodes.push(id);
  // Before its nodes are there, the launcher sees the request go and stops making them.
  await store.requests.remove(request.id);
  say(tools, `released request ${request.id}${nodes.length > 0 ? ` with ${nodes.join(', ')}` : ''}`);
  return { request: request.id, nodes };
}

async function releaseNode(tools: Tools, store: Store, id: string): Promise<Released> {
  const node = await store.nodes.get(id);
  if (!node) throw new Failure(`there is no request and no node ${id}; it may have been released already`);
  const requestId = node.value.allocatedTo;
  const request = requestId === null ? undefined : await store.requests.get(requestId);
  if (!request)
    throw new Failure(`node ${id} was not got with nodepool request; nodepool delete ${id} removes it`);
  checkOurs(request);
  await markUsed(tools, store, id);
  say(tools, `released node ${id}`);

  const others = await Promise.all(
    request.value.nodes.filter((other) => other !== id).map((other) => store.nodes.get(other)),
  );
  const done = others.every((other) => !other || !IN_HAND.has(other.value.state));
  if (done) await store.requests.remove(request.id);
  return { request: done ? request.id : null, nodes: [id] };
}

function checkOurs({ id, value }: Entry<NodeRequest>): void {
  if (value.requestor?.startsWith(REQUESTOR)) return;
  throw new Failure(`request ${id} belongs to ${value.requestor ?? 'somebody else'}, who gives it back`);
}

/** States in which a requestor may have a node; a held one is left to those who hold it. */
const IN_HAND: ReadonlySet<NodeState> = new Set<NodeState>(['ready', 'in-use']);

/** False: there was nothing to give back. */
async function markUsed(tools: Tools, store: Store, id: string): Promise<boolean> {
  if (!(await store.nodes.get(id))) return false;
  const held = await lockNode(store, id, tools.signal);
  try {
    if (!IN_HAND.has(held.entry.value.state)) return false;
    await store.nodes.update(held.entry, (node) => inState(node, 'used', nowS(tools.clock)));
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  } finally {
    await held.release();
  }
}
