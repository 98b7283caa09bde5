import type { Component } from '../model/component.ts';
import type { Drain } from '../model/drain.ts';
import type { Node, NodeState } from '../model/node.ts';
import { compareRequests, type NodeRequest } from '../model/request.ts';
import type { Change, Entry, Store, View } from '../store/store.ts';
import { createIndex } from './index-by.ts';
import { watchPublished, type Published } from './published.ts';
import { applyNode, createSums, type Sums } from './usage.ts';

/**
 * The launcher's picture of the store: live views and the indexes that scheduling needs. Only reads. Candidates come
 * from here; decisions are taken again under a lock on a fresh read.
 */
export interface World {
  readonly nodes: ReadonlyMap<string, Entry<Node>>;
  readonly requests: ReadonlyMap<string, Entry<NodeRequest>>;
  readonly drains: ReadonlyMap<string, Entry<Drain>>;
  /** Images that the builder has published in providers. */
  readonly published: Pick<Published, 'find'>;
  /** What all nodes use, whatever their state. */
  readonly usage: Sums;
  /** Requests in state `requested`, in serving order. */
  openRequests(): readonly Entry<NodeRequest>[];
  /** Pools registered by any launcher. */
  registeredPools(): readonly Component[];
  /** Ready, unallocated nodes of a pool with a label, the longest ready ones first. Some may be locked. */
  readyNodes(provider: string, pool: string, label: string): Iterable<Entry<Node>>;
  /** Ready, unallocated nodes with a label, whoever made them. */
  countReady(label: string): number;
  nodesInState(state: NodeState): Iterable<Entry<Node>>;
  nodesOfRequest(requestId: string): Entry<Node>[];
  nodesOfProvider(provider: string): Iterable<Entry<Node>>;
  close(): void;
}

export interface WorldListener {
  nodeChanged(change: Change<Node>): void;
  requestChanged(change: Change<NodeRequest>): void;
  registryChanged(): void;
  drainsChanged(): void;
  /** An image has come to the provider, or gone. */
  imagesChanged(provider: string): void;
}

/** Resolves when all views are complete; the listener hears every change, those while loading included. */
export async function watchWorld(store: Store, listener: WorldListener): Promise<World> {
  const usage = createSums();
  const byState = createIndex<Node>((node) => [node.state]);
  const byRequest = createIndex<Node>((node) => (node.allocatedTo === null ? [] : [node.allocatedTo]));
  const byProvider = createIndex<Node>((node) => (node.provider === null ? [] : [node.provider]));
  const readyByLabel = createIndex<Node>((node) => (isFree(node) ? node.type : []));
  const readyByPool = createIndex<Node>((node) =>
    isFree(node) ? node.type.map((label) => readyKey(node.provider, node.pool, label)) : [],
  );
  const indexes = [byState, byRequest, byProvider, readyByLabel, readyByPool];
  const open = createOpenRequests();
  let pools: readonly Component[] | undefined;

  const nodes: View<Node> = await store.nodes.watch((change) => {
    applyNode(usage, change.previous, change.entry);
    for (const index of indexes) index.apply(change);
    listener.nodeChanged(change);
  });
  const drains = await store.drains.watch(() => listener.drainsChanged());
  const components: View<Component> = await store.components.watch(() => {
    pools = undefined;
    listener.registryChanged();
  });
  const published = await watchPublished(store, (provider) => listener.imagesChanged(provider));
  const requests = await store.requests.watch((change) => {
    open.apply(change);
    listener.requestChanged(change);
  });

  function* look(ids: Iterable<string>): Iterable<Entry<Node>> {
    for (const id of ids) {
      const entry = nodes.entries.get(id);
      if (entry) yield entry;
    }
  }

  return {
    nodes: nodes.entries,
    requests: requests.entries,
    drains: drains.entries,
    published,
    usage,
    openRequests: () => open.sorted,
    registeredPools: () => (pools ??= poolsOf(components)),
    readyNodes: (provider, pool, label) => look(readyByPool.get(readyKey(provider, pool, label))),
    countReady: (label) => readyByLabel.get(label).size,
    nodesInState: (state) => look(byState.get(state)),
    nodesOfRequest: (requestId) => [...look(byRequest.get(requestId))],
    nodesOfProvider: (provider) => look(byProvider.get(provider)),
    close() {
      for (const view of [nodes, drains, components, published, requests]) view.close();
    },
  };
}

function isFree(node: Node): boolean {
  return node.state === 'ready' && node.allocatedTo === null;
}

function poolsOf(components: View<Component>): Component[] {
  return [...components.entries.values()]
    .map((entry) => entry.value)
    .filter((component) => component.kind === 'pool' && component.launcherId !== null);
}

const readyKey = (provider: string | null, pool: string | null, label: string) =>
  `${provider ?? ''}\n${pool ?? ''}\n${label}`;

/** The open requests in serving order, kept sorted by inserting each at its place. */
function createOpenRequests() {
  const open = new Map<string, Entry<NodeRequest>>();
  const sorted: Entry<NodeRequest>[] = [];

  const place = (entry: Entry<NodeRequest>): number => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareRequests(sorted[middle] as Entry<NodeRequest>, entry) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  return {
    sorted: sorted as readonly Entry<NodeRequest>[],
    apply({ id, entry }: Change<NodeRequest>) {
      const before = open.get(id);
      if (before) sorted.splice(place(before), 1);
      open.delete(id);
      if (entry?.value.state !== 'requested') return;
      open.set(id, entry);
      sorted.splice(place(entry), 0, entry);
    },
  };
}
