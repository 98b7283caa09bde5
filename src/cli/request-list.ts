import { nowS } from '../clock.ts';
import type { NodeRequest } from '../model/request.ts';
import type { Entry } from '../store/store.ts';
import { formatAge } from './cell.ts';
import { printRows } from './print.ts';
import { readFacts } from './read-facts.ts';
import { summarise } from './summary.ts';
import type { Column } from './table.ts';
import type { Run } from './verb.ts';
import { askPools, type Facts } from './why.ts';

/** All requests, ordered by id, each with the short reason why it waits. */
export const run: Run = async (tools) => {
  const facts = await readFacts(await tools.openStore());
  const now = nowS(tools.clock);
  const columns = requestColumns(facts, now);
  printRows(tools, facts.requests, columns, [...columns, ...extraColumns(now)]);
  return 0;
};

/** Eight columns as they have always been, then the reason. */
function requestColumns(facts: Facts, now: number): Column<Entry<NodeRequest>>[] {
  return [
    { header: 'Request ID', key: 'id', value: (row) => row.id },
    { header: 'Priority', key: 'relative_priority', value: ({ value }) => value.relativePriority },
    {
      header: 'State',
      key: 'state',
      value: ({ value }) => value.state,
      colour: ({ value }) => COLOURS[value.state],
    },
    { header: 'Requestor', key: 'requestor', value: ({ value }) => value.requestor, flexible: 'first' },
    { header: 'Node Types', key: 'node_types', value: ({ value }) => value.nodeTypes, flexible: true },
    { header: 'Nodes', key: 'nodes', value: ({ value }) => value.nodes, flexible: true },
    { header: 'Declined By', key: 'declined_by', value: ({ value }) => value.declinedBy, flexible: 'first' },
    { header: 'Event ID', key: 'event_id', value: ({ value }) => value.eventId, flexible: 'first' },
    { header: 'Reason', key: 'reason', value: (row) => reasonFor(row, facts, now), flexible: true },
  ];
}

const COLOURS = { requested: 'yellow', pending: 'blue', fulfilled: 'green', failed: 'red' } as const;

function extraColumns(now: number): Column<Entry<NodeRequest>>[] {
  return [
    { header: '', key: 'age', value: ({ value }) => formatAge(value.stateTimeS, now) },
    { header: '', key: 'state_time', value: ({ value }) => value.stateTimeS },
    { header: '', key: 'created_time', value: ({ value }) => value.createdTimeS },
    { header: '', key: 'provider', value: ({ value }) => value.provider },
    { header: '', key: 'tenant_name', value: ({ value }) => value.tenantName },
  ];
}

/** Nothing for a fulfilled request: it does not wait for us. */
function reasonFor(row: Entry<NodeRequest>, facts: Facts, now: number): string | null {
  if (row.value.state === 'fulfilled') return null;
  return summarise(row, askPools(row, facts), now);
}
