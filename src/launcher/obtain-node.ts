import { reasonOf } from '../errors.ts';
import type { Node } from '../model/node.ts';
import type { NodeRequest } from '../model/request.ts';
import type { Entry, Held } from '../store/store.ts';
import type { Context } from './context.ts';
import { launchNode, type Obtained } from './launch-node.ts';
import { linkSignal } from './linked-signal.ts';
import { isInZone } from './match-ready.ts';
import { freeNodes, type Pool } from './pool.ts';
import type { PoolWorker } from './pool-worker.ts';
import type { Reservation } from './reservation.ts';
import { takeReady } from './take-ready.ts';

/** One node of a request: a ready node that was claimed, or room for a new one. */
export interface Part {
  label: string;
  ready?: Entry<Node>;
  reservation: Reservation;
}

/** Brings one node, by whatever way works; waits for room where the provider has none. */
export async function obtainNode(
  part: Part,
  { entry: request, lost }: Held<NodeRequest>,
  zone: string | undefined,
  worker: PoolWorker,
  context: Context,
): Promise<Obtained> {
  const cancel = linkSignal([lost, context.aborted]);
  const waitForRoom = (pauseMs?: number) => worker.waitForRoom(request, part.label, cancel.signal, pauseMs);
  let unblock: (() => void) | undefined;
  try {
    if (part.ready) {
      const taken =
        (await takeReady(part.ready, request, worker.pool, context)) ??
        (await takeAnother(part, request, zone, worker.pool, context));
      if (taken) {
        // From here on the node itself counts for its tenant.
        taken.stored.catch(() => undefined).finally(part.reservation.release);
        return { outcome: 'ready', ...taken };
      }
      part.reservation.release();
      if (!worker.pool.runtime.provider.launch) return { outcome: 'gone' };
      part.reservation = await waitForRoom();
    }
    for (;;) {
      const obtained = await launchNode(request, part.label, zone, part.reservation, worker.pool, context);
      if (obtained.outcome !== 'aborted' || lost.aborted) return obtained;
      unblock ??= worker.block(`the provider has no room: ${obtained.reason}`);
      part.reservation = await waitForRoom(REFUSED_PAUSE_MS);
    }
  } catch (error) {
    return { outcome: 'failed', reason: reasonOf(error) };
  } finally {
    cancel.end();
    unblock?.();
  }
}

/** After the provider has refused for want of room, its own count may lag behind; ask no faster than this. */
const REFUSED_PAUSE_MS = 1_000;

async function takeAnother(
  part: Part,
  request: Entry<NodeRequest>,
  zone: string | undefined,
  pool: Pool,
  context: Context,
) {
  for (const candidate of freeNodes(pool, part.label, context.world, context.promises)) {
    if (!isInZone(candidate.value, zone)) continue;
    context.promises.claimed.add(candidate.id);
    try {
      const taken = await takeReady(candidate, request, pool, context);
      if (taken) return taken;
    } finally {
      context.promises.claimed.delete(candidate.id);
    }
  }
  return undefined;
}
