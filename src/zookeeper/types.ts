/** The plain values that go in and come out. 64-bit numbers of the server are bigints, times are milliseconds. */

/** What the server knows about a znode besides its data. */
export interface Stat {
  /** Transaction that created it, last wrote its data, last added or removed a child. */
  czxid: bigint;
  mzxid: bigint;
  pzxid: bigint;
  ctimeMs: number;
  mtimeMs: number;
  /** Number of writes of the data, changes of children, changes of the access control list. */
  version: number;
  cversion: number;
  aversion: number;
  /** Session that owns an ephemeral znode; 0n for all others. */
  ephemeralOwner: bigint;
  dataLength: number;
  numChildren: number;
}

/** One entry of an access control list. */
export interface Acl {
  /** Sum of `Permission` values. */
  permissions: number;
  /** `world`, `auth`, `digest`, `ip`, `x509` … */
  scheme: string;
  id: string;
}

export const Permission = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const;

/** Everybody may do everything: what other clients use unless told otherwise. */
export const openAcl: readonly Acl[] = [{ permissions: Permission.all, scheme: 'world', id: 'anyone' }];

export type Data = Uint8Array | string;

/** What kind of znode to create; persistent without a number when nothing is set. */
export interface CreateMode {
  /** Lives as long as this session. */
  ephemeral?: boolean;
  /** The server appends a 10-digit number. */
  sequential?: boolean;
  /** Removed by the server some time after its last child is gone (servers from 3.5.3). */
  container?: boolean;
  /** Removed by the server when unchanged for this long and without children (servers from 3.5.3, if enabled there). */
  ttlMs?: number;
}

/**
 * - `created`, `deleted`, `changed` (data), `children`: what happened to `path`.
 * - `lost` ends a one-shot watch because the session is over: read again.
 * - `resync` tells a persistent watch that the connection was away: changes may have gone unseen, read again.
 * - `removed` ends a persistent watch: the server it is now connected to does not support them.
 */
export type WatchEventType = 'created' | 'deleted' | 'changed' | 'children' | 'lost' | 'resync' | 'removed';

export interface WatchEvent {
  type: WatchEventType;
  path: string;
}

export type WatchListener = (event: WatchEvent) => void;

/**
 * - `connecting`: no session yet. `connected`: all is well.
 * - `suspended`: the connection is away; the session may survive.
 * - `lost`: the session is over, ephemeral znodes are gone; a new session follows by itself.
 * - `closed`: for good.
 */
export type ConnectionState = 'connecting' | 'connected' | 'suspended' | 'lost' | 'closed';

export interface StateChange {
  state: ConnectionState;
  /**
   * The server may have ended the session by now. Turns true while `suspended`, in a change of its own, when the session
   * time-out has passed since the last sign of life that the server can have had.
   */
  mayBeExpired: boolean;
  sessionId: bigint;
  /** What made the connection go away, or the client close itself. */
  error?: Error;
}

/** Limits of one call. */
export interface CallOptions {
  /** Overrides the client's `requestTimeoutMs`; 0 means no limit. */
  timeoutMs?: number;
  /** Ends the wait; the call rejects with the signal's reason. A request on its way may still be applied. */
  signal?: AbortSignal;
}
