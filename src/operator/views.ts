import type { Component } from '../model/component.ts';
import type { DecisionRecord } from '../model/decision.ts';
import type { Drain } from '../model/drain.ts';
import type { ImageBuild, ImageMark, ImageUpload } from '../model/image.ts';
import type { Node } from '../model/node.ts';
import type { PoolStatus } from '../model/pool-status.ts';
import type { NodeRequest } from '../model/request.ts';
import type { Facts } from './why.ts';
import type { Change, Collection, Entry, Store, View } from '../store/store.ts';

/** Which record changed; what it is now stands in the view. */
export interface Touched {
  collection: keyof Viewed;
  change: Change<unknown>;
}

interface Viewed {
  nodes: Node;
  requests: NodeRequest;
  components: Component;
  pools: PoolStatus;
  decisions: DecisionRecord;
  drains: Drain;
  builds: ImageBuild;
  uploads: ImageUpload;
  buildRequests: ImageMark;
  imagePauses: ImageMark;
}

/** The state as the web and the metrics show it: live views, shared with the launcher where both are one process. Only reads. */
export type Views = { readonly [K in keyof Viewed]: ReadonlyMap<string, Entry<Viewed[K]>> } & {
  /** Calls for every change from now on; returns a function that ends this. */
  onChange(listener: (touched: Touched) => void): () => void;
  nodesOfRequest(requestId: string): readonly Entry<Node>[];
  /** Everything that explains requests. */
  facts(): Facts;
  close(): void;
};

export async function openViews(store: Store): Promise<Views> {
  const listeners = new Set<(touched: Touched) => void>();
  const byRequest = new Map<string, Set<string>>();
  const tell = (collection: keyof Viewed) => (change: Change<unknown>) => {
    for (const listener of listeners) listener({ collection, change });
  };
  const watch = <K extends keyof Viewed>(name: K): Promise<View<Viewed[K]>> =>
    (store[name] as unknown as Collection<Viewed[K]>).watch(tell(name));

  const tellOfNode = tell('nodes');
  const nodes = await store.nodes.watch((change) => {
    index(byRequest, change);
    tellOfNode(change);
  });
  const [requests, components, pools, decisions, drains] = await Promise.all([
    watch('requests'),
    watch('components'),
    watch('pools'),
    watch('decisions'),
    watch('drains'),
  ]);
  const [builds, uploads, buildRequests, imagePauses] = await Promise.all([
    watch('builds'),
    watch('uploads'),
    watch('buildRequests'),
    watch('imagePauses'),
  ]);
  const all = { nodes, requests, components, pools, decisions, drains };
  const images = { builds, uploads, buildRequests, imagePauses };
  const nodesOfRequest = (requestId: string) =>
    [...(byRequest.get(requestId) ?? [])].flatMap((id) => nodes.entries.get(id) ?? []);

  return {
    nodes: nodes.entries,
    requests: requests.entries,
    components: components.entries,
    pools: pools.entries,
    decisions: decisions.entries,
    drains: drains.entries,
    builds: builds.entries,
    uploads: uploads.entries,
    buildRequests: buildRequests.entries,
    imagePauses: imagePauses.entries,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    nodesOfRequest,
    facts: () => ({
      components: valuesOf(components.entries),
      pools: valuesOf(pools.entries),
      drains: valuesOf(drains.entries),
      decisions: { get: (id) => decisions.entries.get(id)?.value },
      allocated: { get: nodesOfRequest },
    }),
    close() {
      for (const view of [...Object.values(all), ...Object.values(images)]) view.close();
    },
  };
}

function index(byRequest: Map<string, Set<string>>, { id, entry, previous }: Change<Node>): void {
  const before = previous?.value.allocatedTo ?? null;
  const now = entry?.value.allocatedTo ?? null;
  if (before === now) return;
  if (before !== null) {
    const ids = byRequest.get(before);
    if (ids?.delete(id) && ids.size === 0) byRequest.delete(before);
  }
  if (now === null) return;
  const ids = byRequest.get(now);
  if (ids) ids.add(id);
  else byRequest.set(now, new Set([id]));
}

function valuesOf<T>(entries: ReadonlyMap<string, Entry<T>>): T[] {
  return [...entries.values()].map(({ value }) => value);
}
