import { nowS, type Clock } from '../clock.ts';
import type { Node } from '../model/node.ts';
import type { NodeRequest } from '../model/request.ts';
import type { Views } from '../operator/views.ts';
import type { Change } from '../store/store.ts';
import type { Instruments } from './prometheus.ts';

/**
 * Reads from the changes of records how long things took. Of several launchers on one state, each counts what its own
 * pools have made, so that their numbers can be added. Returns a function that ends it.
 */
export function watchLifecycle(
  views: Views,
  instruments: Instruments,
  { isOwn, clock }: { isOwn: (launcherId: string) => boolean; clock: Clock },
): () => void {
  /** When a request was taken; Unix seconds. */
  const taken = new Map<string, number>();

  const nodeChanged = ({ entry, previous }: Change<Node>) => {
    const node = entry?.value ?? previous?.value;
    if (!node || !isOwn(node.launcher ?? '')) return;
    const before = previous?.value.state;
    if (entry && node.state === 'ready' && (before === 'building' || before === 'init'))
      observe('readySeconds', node, node.stateTimeS - (node.createdTimeS ?? node.stateTimeS));
    if (!entry && before === 'deleting') observe('deleteSeconds', node, nowS(clock) - node.stateTimeS);
  };
  const observe = (name: 'readySeconds' | 'deleteSeconds', node: Node, seconds: number) => {
    const provider = node.provider ?? '';
    const driver = driverOf(provider, views);
    for (const label of node.type)
      instruments[name].observe({ provider, driver, label }, Math.max(0, seconds));
  };
  const requestChanged = ({ id, entry, previous }: Change<NodeRequest>) => {
    const request = entry?.value;
    if (!request || request.state === 'requested' || request.state === 'failed') return void taken.delete(id);
    if (request.state === 'pending') return void taken.set(id, request.stateTimeS);
    const takenS = taken.get(id);
    taken.delete(id);
    const made = views.nodes.get(request.nodes[0] ?? '')?.value.launcher ?? '';
    if (previous?.value.state === 'fulfilled' || request.createdTimeS === null || !isOwn(made)) return;
    for (const label of new Set(request.nodeTypes)) {
      const since = request.createdTimeS;
      if (takenS !== undefined) instruments.acceptSeconds.observe({ label }, Math.max(0, takenS - since));
      instruments.fulfilSeconds.observe({ label }, Math.max(0, request.stateTimeS - since));
    }
  };

  return views.onChange(({ collection, change }) => {
    if (collection === 'nodes') nodeChanged(change as Change<Node>);
    else if (collection === 'requests') requestChanged(change as Change<NodeRequest>);
  });
}

function driverOf(provider: string, views: Views): string {
  for (const { value } of views.pools.values()) if (value.provider === provider) return value.driver;
  return '';
}
