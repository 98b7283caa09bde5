import { BadArgumentsError, ErrorCode } from '../errors.ts';
import type { CallOptions, WatchListener } from '../types.ts';
import { AddWatchMode, WatcherType } from '../wire/opcodes.ts';
import { addWatchSpec, type Place, removeWatchesSpec } from './requests.ts';
import type { Session } from './session.ts';
import type { PersistentKind } from './watches.ts';

/**
 * Sets a persistent watch. It counts as set from the moment it is asked for, so that one-shot watches asked for behind
 * it leave it alone on the server (see Watches). Returns the function that removes it.
 */
export async function addLastingWatch(
  session: Session,
  place: Place,
  listener: WatchListener,
  { recursive = false, ...limits }: CallOptions & { recursive?: boolean },
): Promise<() => Promise<void>> {
  const { watches } = session;
  const kind: PersistentKind = recursive ? 'recursive' : 'persistent';
  if (watches.hasLasting(recursive ? 'persistent' : 'recursive', place.full)) {
    const text = `${place.path}: has a persistent watch already, and it is ${recursive ? 'not ' : ''}recursive`;
    throw new BadArgumentsError(ErrorCode.badArguments, text, { path: place.path });
  }
  watches.addLasting(kind, place.full, listener);
  try {
    const mode = recursive ? AddWatchMode.persistentRecursive : AddWatchMode.persistent;
    await session.submit(addWatchSpec(place, mode), limits);
  } catch (error) {
    void remove();
    throw error;
  }
  return remove;

  /** Without a connection there is nothing to remove: what is forgotten here is not set again on the next one. */
  async function remove(): Promise<void> {
    if (!watches.removeLasting(kind, place.full, listener) || session.server === undefined) return;
    const since = session.lastZxid;
    await session.submit(removeWatchesSpec(place, WatcherType.any)).catch(() => undefined);
    session.restoreOneShots(place.full, since);
  }
}
