import { nowS } from '../clock.ts';
import { detailColumns, jsonNodeColumns, nodeColumns } from '../operator/node-columns.ts';
import { warnOfTrouble } from './health.ts';
import { printRows, warn } from './print.ts';
import type { Run } from './verb.ts';

/** All nodes, ordered by id. */
export const run: Run = async (tools, { options }) => {
  const store = await tools.openStore();
  const [nodes, unreadable] = await Promise.all([store.nodes.list(), store.nodes.listUnreadable()]);
  const now = nowS(tools.clock);
  printRows(tools, nodes, options.detail ? detailColumns(now) : nodeColumns(now), jsonNodeColumns(now));
  for (const { id, reason } of unreadable) {
    warn(tools, `node ${id} is left out, its record cannot be read: ${reason}`);
  }
  await warnOfTrouble(tools, store);
  return 0;
};
