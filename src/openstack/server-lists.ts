/** Lists of all servers of a project, most of which have not changed since the last one. */
import type { Clock } from '../clock.ts';
import { hasStatus } from './errors.ts';
import { textOf, type Section } from './section.ts';
import { listServers } from './services.ts';
import type { Session } from './session.ts';

/** Kept up to date by the lists that follow: what is to stay as it is must be copied. */
export interface Servers {
  byId: ReadonlyMap<string, Section>;
  /** It does not exist. False as well for one of which only a whole list would tell: it may have been made after the last. */
  isGone(id: string): boolean;
}

/** How often everything is read although changes would do: a clock of the cloud may be wrong. */
const WHOLE_MS = 30_000;
/** By so much the clocks of a cloud's hosts may differ. */
const OVERLAP_MS = 5_000;

interface Base {
  session: Session;
  byId: Map<string, Section>;
  /** Ids of servers that were deleted since the last whole list. */
  deleted: Set<string>;
  /** When it was read as a whole. */
  wholeMs: number;
  /** What the cloud's clock said when the last list was asked for; undefined: the cloud does not tell. */
  cloudMs: number | undefined;
}

/**
 * Reads changes only (Nova's `changes-since`) where they are enough, so that waiting for one server costs much the same beside
 * ten others and beside a thousand. Addresses are no changes to Nova. One call at a time.
 */
export function createServerReader(
  clock: Clock,
): (session: Session, signal: AbortSignal, isWhole: boolean) => Promise<Servers> {
  let base: Base | undefined;
  let isRefused = false;

  const read = async (session: Session, signal: AbortSignal, sinceMs?: number) => {
    const startedMs = clock.nowMs();
    let cloudMs: number | undefined;
    const found = await listServers(session, signal, {
      ...(sinceMs !== undefined && { changedSince: new Date(sinceMs) }),
      onDate: (dateMs) => (cloudMs ??= dateMs - (clock.nowMs() - startedMs)),
    });
    return { found, cloudMs, startedMs };
  };

  const whole = async (session: Session, signal: AbortSignal): Promise<Servers> => {
    const { found, cloudMs, startedMs } = await read(session, signal);
    const there = found.filter(({ status }) => status !== 'DELETED');
    const byId = new Map(there.map((server) => [textOf(server['id']), server]));
    base = { session, byId, deleted: new Set(), wholeMs: startedMs, cloudMs };
    return { byId, isGone: (id) => !byId.has(id) };
  };

  const changes = async (on: Base, sinceMs: number, signal: AbortSignal): Promise<Servers> => {
    const { found, cloudMs } = await read(on.session, signal, sinceMs);
    for (const server of found) {
      const id = textOf(server['id']);
      if (server['status'] !== 'DELETED') on.byId.set(id, server);
      else {
        on.byId.delete(id);
        on.deleted.add(id);
      }
    }
    on.cloudMs = cloudMs;
    return { byId: on.byId, isGone: (id) => on.deleted.has(id) };
  };

  return async (session, signal, isWhole) => {
    const isFresh = base?.session === session && clock.nowMs() - base.wholeMs < WHOLE_MS;
    if (isWhole || isRefused || !isFresh || base?.cloudMs === undefined) return whole(session, signal);
    try {
      return await changes(base, base.cloudMs - OVERLAP_MS, signal);
    } catch (error) {
      if (!hasStatus(error, 400)) throw error;
      isRefused = true;
      return whole(session, signal);
    }
  };
}
