import { nowS } from '../clock.ts';
import type { Node } from '../model/node.ts';
import { detailColumns, jsonNodeColumns, nodeColumns } from '../operator/node-columns.ts';
import type { Entry } from '../store/store.ts';
import { warnOfTrouble, warnOfUnreadable } from './health.ts';
import { listingOf, printListing, type Listing } from './print.ts';
import type { Run } from './verb.ts';

/** All nodes, ordered by id. */
export const run: Run = async (tools, { options }) => {
  const store = await tools.openStore();
  const { readable: nodes, unreadable } = await store.nodes.listAll();
  printListing(tools, listNodes(nodes, nowS(tools.clock), options));
  warnOfUnreadable(tools, unreadable);
  await warnOfTrouble(tools, store, nodes);
  return 0;
};

export function listNodes(
  nodes: readonly Entry<Node>[],
  now: number,
  { detail }: { detail?: true },
): Listing {
  return listingOf(nodes, detail ? detailColumns(now) : nodeColumns(now), jsonNodeColumns(now));
}
