import type { Codec } from '../../model/codec.ts';
import type { ZooKeeperClient } from '../../zookeeper/index.ts';
import type { Calls } from './calls.ts';
import type { Claims } from './claims.ts';
import type { HeldRecord } from './held-record.ts';
import type { Layout } from './layout.ts';
import type { Mirror } from './mirror.ts';
import type { Serial } from './serial.ts';

/** What the steps on one collection's records share. */
export interface Table<T> {
  readonly name: string;
  readonly client: ZooKeeperClient;
  readonly layout: Layout;
  readonly codec: Codec<T>;
  readonly calls: Calls;
  readonly mirror: Mirror<T>;
  readonly serial: Serial;
  readonly claims: Claims;
  /** Locks that this store holds, by record. */
  readonly held: Map<string, HeldRecord<T>>;
}
