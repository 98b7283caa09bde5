import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../store/store.ts';
import type { DecisionLog } from './decision-log.ts';
import type { Promises } from './pool.ts';
import type { World } from './world.ts';

/** What the parts of a launcher share. Built once, by hand, in `launcher.ts`. */
export interface Context {
  readonly store: Store;
  readonly world: World;
  readonly promises: Promises;
  readonly decisions: DecisionLog;
  readonly clock: Clock;
  readonly log: Logger;
  /** The configuration now in force. */
  readonly config: () => Config;
  /** Requests that this process is working on, by id. */
  readonly serving: Map<string, Promise<void>>;
  /** Room was given back, or a promise of it. */
  readonly roomChanged: (provider: string, pool: string) => void;
  /** A request that this process had to do with is open for every pool again. */
  readonly openAgain: () => void;
  /** Aborted when launches and requests in progress have to be given back. */
  readonly aborted: AbortSignal;
  /** Aborted at the very end: nothing more is started or written. */
  readonly closed: AbortSignal;
}
