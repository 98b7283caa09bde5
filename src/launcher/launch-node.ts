import { hostname } from 'node:os';
import { nowS } from '../clock.ts';
import type { Instance, LaunchSpec, Provider } from '../driver/driver.ts';
import { LaunchError, LockLostError, NotFoundError, QuotaError, reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { inState, makeNode, type Node } from '../model/node.ts';
import type { NodeRequest } from '../model/request.ts';
import type { Entry, Held } from '../store/store.ts';
import type { Context } from './context.ts';
import { linkSignal } from './linked-signal.ts';
import type { Pool } from './pool.ts';
import type { Reservation } from './reservation.ts';

/** How one node for a request came out. A held node stays locked until the request is finished. */
export type Obtained =
  | { outcome: 'ready'; node: Held<Node>; stored: Promise<unknown> }
  /** The provider had no room; tried again when there is some. */
  | { outcome: 'aborted'; reason: string }
  /** A ready node that could not be had after all, where none can be launched instead. */
  | { outcome: 'gone' }
  | { outcome: 'failed'; reason: string };

/**
 * Makes one node: record and lock, then attempts until one succeeds. The record says at any moment what would have to
 * be removed if this process died: the instance's id is stored before the instance is made.
 */
export async function launchNode(
  request: Entry<NodeRequest>,
  label: string,
  zone: string | undefined,
  reservation: Reservation,
  pool: Pool,
  context: Context,
): Promise<Obtained> {
  pool.launching += 1;
  pool.runtime.launching += 1;
  let held: Held<Node>;
  try {
    held = await context.store.nodes.createLocked(newNode(request, label, reservation, pool, context));
  } catch (error) {
    countDown(pool, context);
    return { outcome: 'failed', reason: `cannot store a node record: ${reasonOf(error)}` };
  } finally {
    reservation.release();
  }
  try {
    return await launchHeld({ held, request, label, zone, pool, context });
  } finally {
    countDown(pool, context);
  }
}

interface Launch {
  held: Held<Node>;
  request: Entry<NodeRequest>;
  label: string;
  zone: string | undefined;
  pool: Pool;
  context: Context;
}

async function launchHeld(launch: Launch): Promise<Obtained> {
  const { held, pool, context, request } = launch;
  const { nodes } = context.store;
  const id = held.entry.id;
  const log = pool.runtime.log.child({
    nodeId: id,
    requestId: request.id,
    eventId: request.value.eventId,
    pool: pool.config.name,
  });
  const started = context.clock.nowMs();
  try {
    const building = nodes.update(held.entry, (node) => inState(node, 'building', nowS(context.clock)));
    building.catch(() => undefined);
    const instance = await attemptLaunches(launch, log);
    await building;
    log.info('node ready', {
      ms: Math.round(context.clock.nowMs() - started),
      externalId: instance.externalId,
    });
    const stored = nodes.update(id, (node) =>
      inState({ ...node, ...fieldsOf(instance) }, 'ready', nowS(context.clock)),
    );
    stored.catch(() => undefined);
    return { outcome: 'ready', node: held, stored };
  } catch (error) {
    return await giveUp(launch, error, log);
  }
}

async function attemptLaunches(launch: Launch, log: Logger): Promise<Instance> {
  const attempts = Math.max(1, launch.pool.runtime.config.launchRetries);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptLaunch(launch, attempt, log.child({ attempt }));
    } catch (error) {
      const retry =
        attempt < attempts &&
        isRetriable(error) &&
        !launch.held.lost.aborted &&
        !launch.context.aborted.aborted;
      if (!retry) throw error;
      log.warning('launch attempt failed, trying again', { attempt, attempts, error: reasonOf(error) });
    }
  }
}

async function attemptLaunch(
  { held, request, label, zone, pool, context }: Launch,
  attempt: number,
  log: Logger,
): Promise<Instance> {
  const { nodes } = context.store;
  const id = held.entry.id;
  const cancel = linkSignal([held.lost, context.aborted]);
  const timeMs = pool.runtime.config.launchTimeoutMs;
  const cancelTimer = context.clock.after(timeMs, () => {
    cancel.abort(new LaunchError('timeout', `not ready after ${timeMs / 1000} s (launch-timeout)`));
  });
  const poolLabel = pool.config.labels.get(label) ?? { name: label, options: {} };
  const diskimage = poolLabel.options['diskimage'];
  const image =
    typeof diskimage === 'string' ? context.world.published.find(diskimage, pool.config.provider) : undefined;
  const spec: LaunchSpec = {
    nodeId: id,
    requestId: request.id,
    attempt,
    pool: pool.config,
    label: poolLabel,
    ...(image && { image }),
    tenantName: request.value.tenantName,
    request: requestFacts(request),
    ...(zone === undefined ? {} : { zone }),
  };
  try {
    return await launcherOf(pool)(spec, {
      signal: cancel.signal,
      log,
      async onExternalId(externalId, driverData) {
        const more = driverData === undefined ? {} : { driverData };
        await nodes.update(id, (node) => ({ ...node, externalId, ...more }));
      },
    });
  } finally {
    cancelTimer();
    cancel.end();
  }
}

/** By the names that Nodepool's templates have for them. */
function requestFacts({ id, value }: Entry<NodeRequest>): LaunchSpec['request'] {
  return {
    id,
    labels: value.nodeTypes,
    requestor: value.requestor,
    requestor_data: value.requestorData,
    relative_priority: value.relativePriority,
    event_id: value.eventId,
    created_time: value.createdTimeS,
    tenant_name: value.tenantName,
  };
}

/** A node that could not be made is unlocked as `failed` or `aborted`; the reaper removes whatever is left of it. */
async function giveUp(
  { held, pool, context, label }: Launch,
  error: unknown,
  log: Logger,
): Promise<Obtained> {
  const outOfRoom = error instanceof QuotaError;
  const reason = reasonOf(error);
  if (outOfRoom) {
    pool.runtime.forgetQuota();
    log.warning('the provider has no room for the node', { label, error: reason });
  } else {
    log.error('launch failed', {
      label,
      stage: error instanceof LaunchError ? error.stage : undefined,
      error: reason,
    });
  }
  pool.lastError = { message: reason, timeS: nowS(context.clock) };
  const state = outOfRoom ? 'aborted' : 'failed';
  const stored = held.lost.aborted
    ? undefined
    : context.store.nodes.update(held.entry.id, (node) => inState(node, state, nowS(context.clock)));
  // A lock that seemed lost is given back too: its session may have lived on.
  await Promise.all([stored?.catch(ignoreGone), held.release()]);
  return { outcome: outOfRoom ? 'aborted' : 'failed', reason };
}

function newNode(
  { id, value: request }: Entry<NodeRequest>,
  label: string,
  { resources }: Reservation,
  pool: Pool,
  context: Context,
): Node {
  const timeS = nowS(context.clock);
  return makeNode({
    state: 'init',
    stateTimeS: timeS,
    createdTimeS: timeS,
    provider: pool.config.provider,
    pool: pool.config.name,
    type: [label],
    allocatedTo: id,
    launcher: pool.launcherId,
    username: null,
    attributes: pool.config.nodeAttributes === null ? null : { ...pool.config.nodeAttributes },
    resources,
    tenantName: request.tenantName,
    requestor: request.requestor,
  });
}

function fieldsOf({ hostKeys, ...instance }: Instance): Partial<Node> {
  return { ...instance, hostKeys: [...(hostKeys ?? [])] };
}

function launcherOf(pool: Pool): NonNullable<Provider['launch']> {
  const { provider } = pool.runtime;
  if (!provider.launch)
    throw new LaunchError('prepare', `driver ${pool.runtime.config.driver} launches no nodes`, {
      retriable: false,
    });
  return provider.launch.bind(provider);
}

function isRetriable(error: unknown): boolean {
  if (error instanceof LaunchError) return error.retriable;
  return !(error instanceof QuotaError || error instanceof LockLostError || error instanceof NotFoundError);
}

function ignoreGone(error: unknown): void {
  if (!(error instanceof NotFoundError)) throw error;
}

function countDown(pool: Pool, context: Context): void {
  pool.launching -= 1;
  pool.runtime.launching -= 1;
  context.roomChanged(pool.config.provider, pool.config.name);
}

/** `nl01.example.net-PoolWorker.<provider>-<pool>-<32 hex>`: new at every start. */
export function makeLauncherId(provider: string, pool: string, unique: string): string {
  return `${hostname()}-PoolWorker.${provider}-${pool}-${unique}`;
}
