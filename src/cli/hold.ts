import { nowS } from '../clock.ts';
import { holdNode } from '../operator/hold-node.ts';
import { jsonNodeColumns, nodeColumns } from '../operator/node-columns.ts';
import { nodeIdOf } from './ids.ts';
import { printRows } from './print.ts';
import type { Run } from './verb.ts';

/** Keeps a node for people: nothing takes it for a job or deletes it until the hold expires. */
export const run: Run = async (tools, { args, options }) => {
  const { clock, signal, who } = tools;
  const store = await tools.openStore();
  const entry = await holdNode(store, nodeIdOf(args[0] ?? ''), {
    who,
    reason: options.reason,
    forS: options.for,
    clock,
    signal,
  });
  const now = nowS(clock);
  printRows(tools, entry ? [entry] : [], nodeColumns(now), jsonNodeColumns(now));
  return 0;
};
