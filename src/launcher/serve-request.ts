import { nowS } from '../clock.ts';
import { NotFoundError } from '../errors.ts';
import { inRequestState, type NodeRequest } from '../model/request.ts';
import type { Entry, Held } from '../store/store.ts';
import type { Context } from './context.ts';
import { freed } from './freed.ts';
import type { Obtained } from './launch-node.ts';
import { logFailure } from './log-failure.ts';
import { obtainNode, type Part } from './obtain-node.ts';
import { MIN_READY_REQUESTOR } from './plan.ts';
import type { Pool } from './pool.ts';
import type { PoolWorker } from './pool-worker.ts';

/** Takes the request and brings it to `fulfilled`, back to `requested`, or to `failed`; errors are logged here. */
export function serveRequest(
  request: Entry<NodeRequest>,
  parts: Part[],
  worker: PoolWorker,
  context: Context,
): void {
  run(request, context, async () => {
    try {
      return await underLock(request, worker.pool, context, (held) =>
        serveHeld(held, parts, worker, context),
      );
    } finally {
      giveBackParts(parts, context);
    }
  });
}

/** Says that this pool cannot serve the request; the last pool to say so makes it `failed`. */
export function declineRequest(
  request: Entry<NodeRequest>,
  reason: string,
  pool: Pool,
  context: Context,
): void {
  run(request, context, () =>
    underLock(request, pool, context, (held) => storeDecline(held, reason, pool, context)),
  );
}

/** Marks the request as worked on by this process while `work` runs; then other pools may look at it. */
function run(request: Entry<NodeRequest>, context: Context, work: () => Promise<Came>): void {
  const { id } = request;
  const pauseIfMissed = async () => {
    if ((await work()) === 'in time' || context.aborted.aborted) return;
    await context.clock.sleep(MISSED_PAUSE_MS, context.aborted).catch(() => undefined);
  };
  const done = pauseIfMissed().finally(() => {
    context.serving.delete(id);
    if (context.world.requests.get(id)?.value.state === 'requested') context.openAgain();
  });
  context.serving.set(id, done);
}

/** Whether the request was still to be had. */
type Came = 'in time' | 'too late';

/** Somebody else has the request, or had it, and the view does not show it yet: not to be asked for at once again. */
const MISSED_PAUSE_MS = 100;

/** Locks, reads again, and lets `work` go on only if the request still waits for this pool. */
async function underLock(
  request: Entry<NodeRequest>,
  pool: Pool,
  context: Context,
  work: (held: Held<NodeRequest>) => Promise<void>,
): Promise<Came> {
  let held: Held<NodeRequest> | undefined;
  try {
    held = await context.store.requests.lock(request.id);
    if (!held) return 'too late';
    const { state, declinedBy } = held.entry.value;
    if (state !== 'requested' || declinedBy.includes(pool.launcherId)) return 'too late';
    await work(held);
    return 'in time';
  } catch (error) {
    logFailure(pool.log, 'request handling failed', { requestId: request.id }, error);
    return 'too late';
  } finally {
    await held?.release().catch(() => undefined);
    context.roomChanged(pool.config.provider, pool.config.name);
  }
}

async function serveHeld(
  held: Held<NodeRequest>,
  parts: Part[],
  worker: PoolWorker,
  context: Context,
): Promise<void> {
  const request = held.entry;
  const { pool } = worker;
  const log = pool.log.child({ requestId: request.id, eventId: request.value.eventId });
  log.debug('request accepted', { labels: request.value.nodeTypes });
  const pending = context.store.requests.update(request, (value) =>
    inRequestState(value, 'pending', nowS(context.clock)),
  );
  pending.catch(() => undefined);

  const zone = drawZone(parts, pool);
  const obtained = await Promise.all(parts.map((part) => obtainNode(part, held, zone, worker, context)));
  const failed = obtained.filter((result) => result.outcome === 'failed');
  if (failed.length > 0 || held.lost.aborted || !isWhole(obtained, context)) {
    await freeNodesOf(obtained, context);
    if (held.lost.aborted) return; // The request was cancelled, or is somebody else's now.
    const gone = obtained.some((result) => result.outcome === 'gone');
    if (gone || context.aborted.aborted || !pool.active) return startOver(held, context);
    await storeDecline(
      held,
      failed[0]?.reason ?? 'a node was removed while it was being made',
      pool,
      context,
      'failed',
    );
    return;
  }
  await fulfil(held, obtained, pending, context);
}

/**
 * The final write: nodes are stored and unlocked before the request turns `fulfilled`, because Zuul reads and locks them
 * at once. The operations are issued together; the store applies them in this order.
 */
async function fulfil(
  held: Held<NodeRequest>,
  obtained: Obtained[],
  pending: Promise<unknown>,
  context: Context,
): Promise<void> {
  const nodes = obtained.flatMap((result) => (result.outcome === 'ready' ? [result] : []));
  const unlocked = nodes.map(({ node }) => node.release());
  const fulfilled = context.store.requests.update(held.entry.id, (value) => ({
    ...inRequestState(value, 'fulfilled', nowS(context.clock)),
    nodes: nodes.map(({ node }) => node.entry.id),
  }));
  const released = held.release();
  await Promise.allSettled([...nodes.map(({ stored }) => stored), ...unlocked, released]);
  context.decisions.forget(held.entry.id);
  try {
    await pending;
    await fulfilled;
    context.log.named('PoolWorker').info('request fulfilled', {
      requestId: held.entry.id,
      eventId: held.entry.value.eventId,
      nodes: nodes.map(({ node }) => node.entry.id),
    });
  } catch (error) {
    // A cancelled request leaves allocated nodes behind; the reaper frees them when it sees the request gone.
    if (!(error instanceof NotFoundError)) throw error;
  }
}

/** A node may have been removed under our hands, by an operator's `erase`. */
function isWhole(obtained: readonly Obtained[], context: Context): boolean {
  return obtained.every(
    (result) =>
      result.outcome === 'ready' &&
      !result.node.lost.aborted &&
      context.world.nodes.has(result.node.entry.id),
  );
}

/** This launcher stops, the pool was replaced, or a registered machine went away: the request is as if it had never been taken. */
async function startOver(held: Held<NodeRequest>, context: Context): Promise<void> {
  await context.store.requests.update(held.entry.id, (value) => ({
    ...inRequestState(value, 'requested', nowS(context.clock)),
    nodes: [],
  }));
}

/** Nodes of a set that did not come together become free for others. */
async function freeNodesOf(obtained: Obtained[], context: Context): Promise<void> {
  const freeing = obtained.flatMap((result) => {
    if (result.outcome !== 'ready') return [];
    const { node, stored } = result;
    if (node.lost.aborted) return [node.release()]; // It may only have seemed lost.
    return [stored, context.store.nodes.update(node.entry.id, freed), node.release()];
  });
  await Promise.allSettled(freeing);
}

async function storeDecline(
  held: Held<NodeRequest>,
  reason: string,
  pool: Pool,
  context: Context,
  verdict: 'declined' | 'failed' = 'declined',
): Promise<void> {
  const { id, value } = held.entry;
  const declinedBy = [...value.declinedBy, pool.launcherId];
  const pools = context.world.registeredPools().map((component) => component.launcherId ?? '');
  const failed = pools.every((launcherId) => declinedBy.includes(launcherId));
  const isMinReady = value.requestor === MIN_READY_REQUESTOR;
  const log = pool.log.child({ requestId: id, eventId: value.eventId });
  log[isMinReady ? 'debug' : 'info']('request declined', { reason, labels: value.nodeTypes });
  if (failed)
    log[isMinReady ? 'debug' : 'error']('request failed: every pool has declined it', {
      reason,
      labels: value.nodeTypes,
    });
  context.decisions.note(id, pool.key, verdict, reason);
  // Whoever sees the request fail asks at once why.
  if (failed && !isMinReady) await context.decisions.settle(id);
  await context.store.requests.update(id, (current) => ({
    ...inRequestState(current, failed ? 'failed' : 'requested', nowS(context.clock)),
    nodes: [],
    declinedBy: [...current.declinedBy, pool.launcherId],
  }));
}

function giveBackParts(parts: readonly Part[], context: Context): void {
  for (const part of parts) {
    if (part.ready) context.promises.claimed.delete(part.ready.id);
    part.reservation.release();
  }
}

/** All nodes of a request are in one zone: that of the first reused node, else one drawn from the pool's. */
function drawZone(parts: readonly Part[], pool: Pool): string | undefined {
  const reused = parts.find((part) => part.ready?.value.az)?.ready?.value.az;
  if (reused) return reused;
  const zones = pool.runtime.provider.zones?.(pool.config) ?? [];
  return zones[Math.floor(Math.random() * zones.length)];
}
