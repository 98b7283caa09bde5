import { makeCodec, type Fields, type WithUnknown } from './codec.ts';
import { NO_RESOURCES, type Resources } from './resources.ts';

/**
 * What a launcher knows about one of its pools, for people and for the command line. Ephemeral. Written when
 * something in it changed, at most about once a second.
 */
export interface PoolStatus extends WithUnknown {
  provider: string;
  pool: string;
  launcherId: string;
  driver: string;
  labels: string[];
  /** Why the pool can serve nothing at the moment (hypervisor unreachable, …); null when it can serve something. */
  unhealthy: string | null;
  /** Why it cannot serve some of its labels at the moment: `{ 'centos-6': '/srv/centos-6 does not exist' }`. */
  unready: Readonly<Record<string, string>>;
  /** Why it waits for room; null when it does not. */
  paused: string | null;
  draining: boolean;
  /** Nodes of the pool that are being made now. */
  launching: number;
  used: Resources;
  limits: Resources;
  lastError: string | null;
  lastErrorTimeS: number | null;
}

const FIELDS: Fields<PoolStatus> = {
  provider: { key: 'provider', absent: '' },
  pool: { key: 'pool', absent: '' },
  launcherId: { key: 'launcher_id', absent: '' },
  driver: { key: 'driver', absent: '' },
  labels: { key: 'labels', absent: () => [] },
  unhealthy: { key: 'unhealthy', absent: null },
  unready: { key: 'unready', absent: () => ({}) },
  paused: { key: 'paused', absent: null },
  draining: { key: 'draining', absent: false },
  launching: { key: 'launching', absent: 0 },
  used: { key: 'used', absent: NO_RESOURCES },
  limits: { key: 'limits', absent: NO_RESOURCES },
  lastError: { key: 'last_error', absent: null },
  lastErrorTimeS: { key: 'last_error_time', absent: null },
};

export const poolStatusCodec = makeCodec(FIELDS);
