/** Plays the part of Zuul: asks, locks, uses, gives back. */
import type { Node } from '../src/model/node.ts';
import { makeRequest, type NodeRequest } from '../src/model/request.ts';
import { silentLogger } from '../src/log.ts';
import { openEmbeddedStore } from '../src/store/embedded.ts';
import type { Entry, Held, Store, View } from '../src/store/store.ts';
import { atEnd } from './clean-up.ts';

export interface Requestor {
  store: Store;
  nodes: View<Node>;
  /** Resolves when the request is fulfilled. */
  ask(label: string): Promise<Fulfilled>;
  /** The node is gone from the store. */
  whenGone(nodeId: string): Promise<void>;
  close(): Promise<void>;
}

export interface Fulfilled {
  requestId: string;
  node: Entry<Node>;
  /** Locks the node, as whoever uses it must, marks it, and takes the request away. */
  use(): Promise<InUse>;
}

export interface InUse {
  /** Gives it back; resolves when that is stored, not when the node is deleted. */
  finish(): Promise<void>;
}

const LOCK_MS = 10_000;
const PATIENCE_MS = 120_000;

/** On the embedded store in a directory, or on the store given, which is closed with it. */
export async function openRequestor(place: string | Store, patienceMs = PATIENCE_MS): Promise<Requestor> {
  const store =
    typeof place === 'string' ? await openEmbeddedStore({ dir: place, log: silentLogger }) : place;
  const close = atEnd('requestor', () => store.close());
  const waiting = new Map<string, { resolve: (nodeId: string) => void; reject: (error: Error) => void }>();
  const going = new Map<string, () => void>();

  const nodes = await store.nodes.watch(({ id, entry }) => {
    if (entry) return;
    going.get(id)?.();
    going.delete(id);
  });
  const look = (id: string, entry: Entry<NodeRequest> | undefined) => {
    const waiter = waiting.get(id);
    if (!waiter || !entry) return;
    const { state, nodes } = entry.value;
    if (state === 'fulfilled') waiter.resolve(nodes[0] ?? '');
    else if (state === 'failed') waiter.reject(new Error(`request ${id} failed; see the launcher's log`));
    else return;
    waiting.delete(id);
  };
  const requests = await store.requests.watch(({ id, entry }) => look(id, entry));
  const outcome = (id: string) =>
    new Promise<string>((resolve, reject) => {
      const late = () =>
        reject(new Error(`request ${id} is still ${String(requests.entries.get(id)?.value.state)}`));
      const timer = setTimeout(late, patienceMs);
      waiting.set(id, {
        resolve: (nodeId) => (clearTimeout(timer), resolve(nodeId)),
        reject: (error) => (clearTimeout(timer), reject(error)),
      });
      look(id, requests.entries.get(id)); // it may be fulfilled before we hear that it was made
    });

  return {
    store,
    nodes,
    async ask(label) {
      const timeS = Date.now() / 1000;
      const request = makeRequest({
        stateTimeS: timeS,
        createdTimeS: timeS,
        nodeTypes: [label],
        requestor: 'bench',
      });
      const { id } = await store.requests.create(request, { prefix: '200-' });
      const nodeId = await outcome(id);
      // In ZooKeeper a request may be seen before what is older: its view does not show both at once.
      const node = nodes.entries.get(nodeId) ?? (await store.nodes.get(nodeId));
      if (!node) throw new Error(`request ${id} got node ${nodeId}, which does not exist`);
      return { requestId: id, node, use: () => use(store, id, nodeId) };
    },
    whenGone: (nodeId) =>
      new Promise((resolve, reject) => {
        const late = () =>
          reject(new Error(`node ${nodeId} is still ${String(nodes.entries.get(nodeId)?.value.state)}`));
        const timer = setTimeout(late, patienceMs);
        going.set(nodeId, () => (clearTimeout(timer), resolve()));
        if (!nodes.entries.has(nodeId)) going.get(nodeId)?.();
      }),
    close,
  };
}

async function use(store: Store, requestId: string, nodeId: string): Promise<InUse> {
  const held = await store.nodes.lock(nodeId, { waitMs: LOCK_MS });
  if (!held) throw new Error(`node ${nodeId} stays locked`);
  const stored = Promise.all([setState(store, held, 'in-use'), store.requests.remove(requestId)]);
  stored.catch(() => undefined);
  return {
    async finish() {
      await Promise.all([stored, setState(store, held, 'used'), held.release()]);
    },
  };
}

async function setState(store: Store, held: Held<Node>, state: Node['state']): Promise<void> {
  const stateTimeS = Date.now() / 1000;
  await store.nodes.update(held.entry.id, (node) => ({ ...node, state, stateTimeS }));
}
