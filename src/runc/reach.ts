/** How a node's hypervisor is reached, as far as its pool's name does not say it: kept in the node's record. */
import type { PoolConfig } from '../config/config.ts';

/** Options of a pool, spelled as in the configuration. */
const KEPT = ['connection', 'ssh-port', 'host-key'] as const;

/** `{ 'ssh-port': 2222 }`; undefined where the name is enough. */
export function howToReach({ options }: Pick<PoolConfig, 'options'>): Record<string, unknown> | undefined {
  const kept = KEPT.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]] as const]));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** The same, read back from a record; what has another form there is left out. */
export function readReach(driverData: unknown): Record<string, unknown> {
  if (typeof driverData !== 'object' || driverData === null) return {};
  const kept = driverData as Record<string, unknown>;
  const { connection, 'ssh-port': port, 'host-key': key } = kept;
  const isKey =
    typeof key === 'string' || (Array.isArray(key) && key.every((line) => typeof line === 'string'));
  return {
    ...(typeof connection === 'string' && { connection }),
    ...(typeof port === 'number' && { 'ssh-port': port }),
    ...(isKey && { 'host-key': key }),
  };
}
