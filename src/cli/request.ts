import { nowS } from '../clock.ts';
import { makeRequest } from '../model/request.ts';
import { connectionCommand, sshTarget } from '../operator/connection.ts';
import { jsonNodeColumns } from '../operator/node-columns.ts';
import { printJson } from './print.ts';
import { startProgress } from './progress.ts';
import { REQUESTOR } from '../operator/requestor.ts';
import { toObjects } from '../operator/table.ts';
import type { Run } from './verb.ts';
import { waitForNodes, watchRequests } from './wait-request.ts';

const DEFAULT_TIMEOUT_S = 600;
/** As urgent as a normal Zuul job. */
const PREFIX = '200-';

/** Requests nodes that stay until they are released, also after this process has ended. */
export const run: Run = async (tools, { args, options }) => {
  const store = await tools.openStore();
  const now = nowS(tools.clock);
  const watching = options.wait ? watchRequests(store) : undefined;
  const { id, value } = await store.requests.create(
    makeRequest({
      nodeTypes: [...args],
      stateTimeS: now,
      createdTimeS: now,
      requestor: `${REQUESTOR} ${tools.who}`,
    }),
    { prefix: PREFIX },
  );
  const watch = await watching;
  if (tools.format === 'table') tools.io.stdout.write(`${id}\n`);
  if (!watch) {
    if (tools.format === 'json') printJson(tools, { id, state: value.state });
    return 0;
  }

  const progress = startProgress(tools.io);
  try {
    progress.show(`request ${id} for ${args.join(', ')}`);
    const timeoutS = options.timeout ?? DEFAULT_TIMEOUT_S;
    const nodeIds = await waitForNodes(tools, store, watch, { id, timeoutS, progress });
    const nodes = (await Promise.all(nodeIds.map((nodeId) => store.nodes.get(nodeId)))).filter(
      (node) => !!node,
    );
    progress.stop();
    if (tools.format === 'json') {
      printJson(tools, {
        id,
        state: 'fulfilled',
        nodes: toObjects(jsonNodeColumns(nowS(tools.clock)), nodes),
      });
      return 0;
    }
    for (const node of nodes) {
      const target = sshTarget(node);
      tools.io.stdout.write(`${node.id}${target ? ` ${connectionCommand(target)}` : ''}\n`);
    }
    return 0;
  } catch (error) {
    // Who waits in vain does not want the nodes later.
    await store.requests.remove(id);
    progress.stop();
    progress.note(`request ${id} is withdrawn`);
    throw error;
  } finally {
    progress.stop();
  }
};
