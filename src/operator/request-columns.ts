/** The columns of node requests. Headers, order and JSON keys are those that scripts and web clients rely on. */
import type { NodeRequest } from '../model/request.ts';
import type { Entry } from '../store/store.ts';
import type { Column } from './table.ts';

/** Eight columns as they have always been. */
export const requestColumns: readonly Column<Entry<NodeRequest>>[] = [
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
];

const COLOURS = { requested: 'yellow', pending: 'blue', fulfilled: 'green', failed: 'red' } as const;
