import type { Clock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Connection } from './connection.ts';
import { isPassing } from './errors.ts';
import type { ProviderOptions } from './options.ts';
import type { Section } from './section.ts';
import type { SharedList } from './shared-list.ts';

/** What launches, deletions and clean-ups of one provider share. */
export interface Workshop {
  /** Its name in the configuration. */
  provider: string;
  options: ProviderOptions;
  bootTimeoutMs: number;
  connection: Connection;
  servers: SharedList<Section>;
  floatingIps: SharedList<Section>;
  /**
   * Ids of left-over floating IPs that launches have taken, or tried to: no other launch of this process takes them too, not even
   * one whose list is older. What is left over once more is for the leak round.
   */
  takenIps: Set<string>;
  /** Nodes whose server may exist already, while its id is not yet stored: no leaks. */
  unnamed: Set<string>;
  destroy(serverId: string, signal: AbortSignal): Promise<void>;
  clock: Clock;
  log: Logger;
}

const RETRY_LIST_MS = 2_000;

/**
 * The next list of servers, for one who has waited for something in it since `sinceMs`. Trouble that passes is waited out:
 * the caller's signal ends it.
 */
export async function nextServers(
  { servers, clock, log }: Pick<Workshop, 'servers' | 'clock' | 'log'>,
  signal: AbortSignal,
  sinceMs?: number,
): Promise<readonly Section[]> {
  for (;;) {
    try {
      return await servers.next(signal, sinceMs);
    } catch (error) {
      if (signal.aborted || !isPassing(error)) throw error;
      log.debug('the list of servers cannot be read now', { error: reasonOf(error) });
      await clock.sleep(RETRY_LIST_MS, signal);
    }
  }
}
