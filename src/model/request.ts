import { makeBlank, makeCodec, type Fields, type WithUnknown } from './codec.ts';
import { readStrings } from './read.ts';

export const REQUEST_STATES = ['requested', 'pending', 'fulfilled', 'failed'] as const;
export type RequestState = (typeof REQUEST_STATES)[number];

/** A node request as it is stored. Its id, `200-0000000017`, is priority and age. */
export interface NodeRequest extends WithUnknown {
  state: RequestState;
  /** Unix seconds, float; set together with every change of `state`. */
  stateTimeS: number;
  /** Labels with repetitions, order matters: `['debian', 'debian', 'runc']`. */
  nodeTypes: string[];
  /** Node ids in the order of `nodeTypes`; written once, when fulfilled. */
  nodes: string[];
  /** Ids of the pools that cannot serve it. */
  declinedBy: string[];
  /** False: never satisfied from nodes that are ready already. */
  reuse: boolean;
  requestor: string | null;
  /** Belongs to the requestor; kept as it is. */
  requestorData: unknown;
  /** Name of the preferred provider. */
  provider: string | null;
  /** Lower is earlier; Zuul may change it while the request is `requested`. */
  relativePriority: number;
  createdTimeS: number | null;
  eventId: string | null;
  tenantName: string | null;
}

const FIELDS: Fields<NodeRequest> = {
  state: { key: 'state', absent: 'requested' },
  stateTimeS: { key: 'state_time', absent: 0 },
  declinedBy: { key: 'declined_by', absent: () => [], read: readStrings },
  nodeTypes: { key: 'node_types', absent: () => [], read: readStrings },
  nodes: { key: 'nodes', absent: () => [], read: readStrings },
  reuse: { key: 'reuse', absent: true },
  requestor: { key: 'requestor', absent: null },
  requestorData: { key: 'requestor_data', absent: null },
  provider: { key: 'provider', absent: null },
  relativePriority: { key: 'relative_priority', absent: 0 },
  eventId: { key: 'event_id', absent: null },
  createdTimeS: { key: 'created_time', absent: null },
  tenantName: { key: 'tenant_name', absent: null },
};

export const requestCodec = makeCodec(FIELDS);
const blank = makeBlank(FIELDS);

/** A new request record: every field at its default, changed by what is given. */
export function makeRequest(given: Partial<NodeRequest>): NodeRequest {
  return { ...blank(), ...given };
}

/** The same request in another state, with the time of the change. */
export function inRequestState(request: NodeRequest, state: RequestState, timeS: number): NodeRequest {
  return { ...request, state, stateTimeS: timeS };
}

/**
 * Serving order: priority prefix, then relative priority, then age.
 * The id is split at its first dash; prefix and sequence compare as text (zookeeper contract: request ids).
 */
export function compareRequests(
  a: { id: string; value: NodeRequest },
  b: { id: string; value: NodeRequest },
): number {
  const [prefixA, sequenceA] = splitRequestId(a.id);
  const [prefixB, sequenceB] = splitRequestId(b.id);
  return (
    compareText(prefixA, prefixB) ||
    a.value.relativePriority - b.value.relativePriority ||
    compareText(sequenceA, sequenceB)
  );
}

/** `'200-0000000017'` → `['200', '0000000017']`; a wrapped counter keeps its sign: `'200--000000001'`. */
export function splitRequestId(id: string): [prefix: string, sequence: string] {
  const dash = id.indexOf('-');
  return dash < 0 ? [id, ''] : [id.slice(0, dash), id.slice(dash + 1)];
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
