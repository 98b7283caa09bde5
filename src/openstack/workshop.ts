import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Connection } from './connection.ts';
import type { ProviderOptions } from './options.ts';
import type { Section } from './section.ts';
import type { Servers } from './server-lists.ts';
import type { SharedList } from './shared-list.ts';

/** What launches, deletions and clean-ups of one provider share. */
export interface Workshop {
  /** Its name in the configuration. */
  provider: string;
  options: ProviderOptions;
  bootTimeoutMs: number;
  connection: Connection;
  servers: SharedList<Servers>;
  floatingIps: SharedList<readonly Section[]>;
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

/** All servers that there are. Trouble that passes is waited out: the signal ends it. */
export function allServers(
  { servers }: Pick<Workshop, 'servers'>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Section>> {
  return servers.until(({ byId }) => byId, { signal });
}
