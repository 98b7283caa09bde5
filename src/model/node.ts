import { makeBlank, makeCodec, type Fields, type WithUnknown } from './codec.ts';
import { readStrings } from './read.ts';
import type { Resources } from './resources.ts';

/** Life cycle of a node; `docs/architecture.md` has the picture. */
export const NODE_STATES = [
  'init',
  'building',
  'testing',
  'ready',
  'in-use',
  'used',
  'hold',
  'failed',
  'aborted',
  'deleting',
  'deleted',
] as const;
export type NodeState = (typeof NODE_STATES)[number];

/**
 * A node as it is stored. Its id is the record's name, never a field. All fields are always written: Zuul writes back
 * exactly the keys that it has read.
 */
export interface Node extends WithUnknown {
  state: NodeState;
  /** Unix seconds, float; set together with every change of `state`, and only then. */
  stateTimeS: number;
  createdTimeS: number | null;
  provider: string | null;
  pool: string | null;
  /** Labels, `['runc-debian']`; several only for static nodes. */
  type: string[];
  /** Id of the request that the node is for. */
  allocatedTo: string | null;
  launcher: string | null;
  /** The driver's id of the instance; needed to delete it. Stored before the instance is made. */
  externalId: string | null;
  driverData: unknown;
  cloud: string | null;
  region: string | null;
  az: string | null;
  hostId: string | null;
  hostname: string | null;
  /** What Ansible connects to. */
  interfaceIp: string | null;
  publicIpv4: string | null;
  privateIpv4: string | null;
  publicIpv6: string | null;
  connectionType: string | null;
  /** A number, or an object with credentials for some drivers of others: never show the object. */
  connectionPort: unknown;
  username: string | null;
  /** `['ssh-ed25519 AAAAC3Nz…']`, without a host in front. */
  hostKeys: string[];
  pythonPath: string | null;
  shellType: string | null;
  imageId: string | null;
  attributes: Record<string, unknown> | null;
  resources: Resources | null;
  slot: number | null;
  tenantName: string | null;
  requestor: string | null;
  holdJob: string | null;
  comment: string | null;
  /** Seconds counted from `stateTimeS`; 0 or null means no limit of its own. */
  holdExpirationS: number | null;
  userData: unknown;
}

const FIELDS: Fields<Node> = {
  state: { key: 'state', absent: 'init' },
  stateTimeS: { key: 'state_time', absent: 0 },
  cloud: { key: 'cloud', absent: null },
  provider: { key: 'provider', absent: null },
  pool: { key: 'pool', absent: null },
  type: { key: 'type', absent: () => [], read: readStrings },
  allocatedTo: { key: 'allocated_to', absent: null },
  az: { key: 'az', absent: null },
  region: { key: 'region', absent: null },
  publicIpv4: { key: 'public_ipv4', absent: null },
  privateIpv4: { key: 'private_ipv4', absent: null },
  publicIpv6: { key: 'public_ipv6', absent: null },
  hostId: { key: 'host_id', absent: null },
  interfaceIp: { key: 'interface_ip', absent: null },
  connectionPort: {
    key: 'connection_port',
    alsoWrite: 'ssh_port',
    absent: 22,
    read: (stored, record) => stored ?? record['ssh_port'] ?? 22,
  },
  imageId: { key: 'image_id', absent: null },
  launcher: { key: 'launcher', absent: null },
  createdTimeS: { key: 'created_time', absent: null },
  externalId: { key: 'external_id', absent: null },
  hostname: { key: 'hostname', absent: null },
  comment: { key: 'comment', absent: null },
  userData: { key: 'user_data', absent: null },
  holdJob: { key: 'hold_job', absent: null },
  hostKeys: { key: 'host_keys', absent: () => [], read: readStrings },
  username: { key: 'username', absent: 'zuul' },
  connectionType: { key: 'connection_type', absent: null },
  shellType: { key: 'shell_type', absent: null },
  holdExpirationS: { key: 'hold_expiration', absent: null, read: readSeconds },
  resources: { key: 'resources', absent: null },
  slot: { key: 'slot', absent: null },
  attributes: { key: 'attributes', absent: null },
  pythonPath: { key: 'python_path', absent: null },
  tenantName: { key: 'tenant_name', absent: null },
  driverData: { key: 'driver_data', absent: null },
  requestor: { key: 'requestor', absent: null },
};

export const nodeCodec = makeCodec(FIELDS);
const blank = makeBlank(FIELDS);

/** A new node record: every field at its default, changed by what is given. */
export function makeNode(given: Partial<Node>): Node {
  return { ...blank(), ...given };
}

/** The same node in another state, with the time of the change. */
export function inState(node: Node, state: NodeState, timeS: number): Node {
  return { ...node, state, stateTimeS: timeS };
}

/** Zuul may write the duration as text; text that is no number counts as 0. */
function readSeconds(stored: unknown): number | null {
  if (stored === undefined || stored === null) return null;
  const seconds = Math.trunc(Number(stored));
  return Number.isFinite(seconds) ? seconds : 0;
}
