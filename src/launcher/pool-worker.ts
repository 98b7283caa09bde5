import { nowS } from '../clock.ts';
import { compareRequests, type NodeRequest } from '../model/request.ts';
import { addResources, NO_RESOURCES, type Resources } from '../model/resources.ts';
import type { Entry } from '../store/store.ts';
import type { Context } from './context.ts';
import type { Part } from './obtain-node.ts';
import { planRequest, UNHEALTHY_PATIENCE_S, type Plan, type PoolFacts } from './plan.ts';
import { costOfLabel, factsOf, shortageOf, unreadyOf, type Pool } from './pool.ts';
import { reserve, reserveForTenant, type Reservation } from './reservation.ts';
import { declineRequest, serveRequest } from './serve-request.ts';

/** Decides for one pool which requests it takes, each time something happens that may matter to it. */
export interface PoolWorker {
  readonly pool: Pool;
  /** Looks at the open requests soon; many calls in a row cost one look. */
  wake(): void;
  /**
   * Room for one more node of a request that the pool has taken already. While somebody waits here the pool takes no
   * new request. Not before `pauseMs` have passed. Rejects with the signal's reason.
   */
  waitForRoom(
    request: Entry<NodeRequest>,
    label: string,
    signal: AbortSignal,
    pauseMs?: number,
  ): Promise<Reservation>;
  /** The provider refuses although there should be room: no new request is taken until the returned function is called. */
  block(reason: string): () => void;
  /** Takes no more requests. */
  stop(): void;
}

interface Waiter {
  request: Entry<NodeRequest>;
  label: string;
  /** Milliseconds since 1970. */
  notBeforeMs: number;
  give: (reservation: Reservation) => void;
  refuse: (reason: Error) => void;
}

export function createPoolWorker(
  pool: Pool,
  context: Context,
  deps: { evictReady: (pool: Pool) => void; blockedChanged: () => void; isRegistered: () => boolean },
): PoolWorker {
  const { world, promises, clock } = context;
  /**
   * Requests looked at while the pool was blocked, as they were then; looked at again when it is not, when they have
   * changed or when pools have come or gone.
   */
  const seenBlocked = new Map<string, number>();
  let seenRegistry: unknown;
  const waiters: Waiter[] = [];
  const refusals = new Set<{ reason: string }>();
  let woken = false;

  const look = () => {
    woken = false;
    if (!pool.active || !deps.isRegistered()) return;
    updateHealth();
    pool.runtime.waiting.delete(pool.key);
    const shortage = serveWaiters();
    const [refusal] = refusals;
    const blocked = lookAtRequests(refusal?.reason ?? shortage);
    if (blocked === undefined) seenBlocked.clear();
    if (blocked === pool.blocked) return;
    pool.blocked = blocked;
    deps.blockedChanged();
  };

  const updateHealth = () => {
    const sick = [...pool.config.labels.values()].some((label) => unreadyOf(pool, label, world)?.temporary);
    if (!sick) pool.unhealthySinceS = undefined;
    else if (pool.unhealthySinceS === undefined) {
      pool.unhealthySinceS = nowS(clock);
      clock.after(UNHEALTHY_PATIENCE_S * 1000, worker.wake);
    }
  };

  /** Taken requests come before new ones. Returns why the first of them has to wait on. */
  const serveWaiters = (): string | undefined => {
    for (let first = waiters[0]; first; first = waiters[0]) {
      const reason = whyWait(first);
      if (reason !== undefined) {
        deps.evictReady(pool);
        return reason;
      }
      waiters.shift();
      first.give(reserve(pool, costOfLabel(pool, first.label), first.request.value.tenantName, context));
    }
    return undefined;
  };

  const whyWait = ({ label, notBeforeMs }: Waiter): string | undefined =>
    clock.nowMs() < notBeforeMs ? 'the provider has no room' : shortageOf(pool, label, world, promises);

  /** `blocked`: why the pool takes nothing that needs room. Returns the same, or why the first request has to wait. */
  const lookAtRequests = (blocked: string | undefined): string | undefined => {
    if (seenRegistry !== world.registeredPools()) seenBlocked.clear();
    seenRegistry = world.registeredPools();
    const keptLabels = new Set<string>();
    for (const request of world.openRequests()) {
      if (
        context.serving.has(request.id) ||
        (blocked !== undefined && seenBlocked.get(request.id) === request.version)
      )
        continue;
      const plan = planRequest({
        request: request.value,
        pool: factsOf(pool, world, promises, request),
        registry: world.registeredPools(),
        tenant: tenantOf(request.value, context),
        nowS: nowS(clock),
      });
      if (plan.action === 'wait' && blocked === undefined) {
        blocked = plan.reason;
        pool.runtime.waiting.set(pool.key, { request, need: plan.need });
        for (const label of request.value.nodeTypes) keptLabels.add(label);
        if (plan.need !== NO_RESOURCES) deps.evictReady(pool);
        context.decisions.note(request.id, pool.key, 'paused', plan.reason);
      } else if (blocked === undefined || !needsRoom(plan, request.value, keptLabels)) {
        act(request, plan);
      }
      if (blocked !== undefined) seenBlocked.set(request.id, request.version);
    }
    return blocked;
  };

  const act = (request: Entry<NodeRequest>, plan: Plan) => {
    switch (plan.action) {
      case 'skip':
      case 'wait':
        return;
      case 'defer':
        return context.decisions.note(request.id, pool.key, 'deferred', plan.reason);
      case 'decline':
        return declineRequest(request, plan.reason, pool, context);
      case 'serve':
        return serveRequest(
          request,
          takeParts(request, plan, factsOf(pool, world, promises)),
          worker,
          context,
        );
    }
  };

  /** Promises ready nodes and room, before anything asynchronous happens. */
  const takeParts = (
    request: Entry<NodeRequest>,
    plan: Extract<Plan, { action: 'serve' }>,
    facts: PoolFacts,
  ): Part[] => {
    const tenant = request.value.tenantName;
    return request.value.nodeTypes.map((label, place): Part => {
      const resources = facts.cost(label);
      const ready = world.nodes.get(plan.reuse[place] ?? '');
      if (!ready) return { label, reservation: reserve(pool, resources, tenant, context) };
      promises.claimed.add(ready.id);
      return { label, ready, reservation: reserveForTenant(pool, resources, tenant, context) };
    });
  };

  const worker: PoolWorker = {
    pool,
    wake() {
      if (woken) return;
      woken = true;
      setImmediate(look);
    },
    block(reason) {
      const refusal = { reason };
      refusals.add(refusal);
      worker.wake();
      return () => {
        refusals.delete(refusal);
        worker.wake();
      };
    },
    waitForRoom(request, label, signal, pauseMs = 0) {
      return new Promise((resolve, reject) => {
        if (signal.aborted || !pool.active) return reject(new Error('the pool has stopped'));
        const notBeforeMs = clock.nowMs() + pauseMs;
        const waiter: Waiter = { request, label, notBeforeMs, give: resolve, refuse: reject };
        waiters.push(waiter);
        waiters.sort((a, b) => compareRequests(a.request, b.request));
        if (pauseMs > 0) clock.after(pauseMs + 1, worker.wake);
        signal.addEventListener(
          'abort',
          () => {
            const place = waiters.indexOf(waiter);
            if (place >= 0) waiters.splice(place, 1);
            worker.wake();
            reject(signal.reason as Error);
          },
          { once: true },
        );
        worker.wake();
      });
    },
    stop() {
      pool.active = false;
      pool.runtime.waiting.delete(pool.key);
      for (const waiter of waiters.splice(0)) waiter.refuse(new Error('the pool has stopped'));
    },
  };
  return worker;
}

/** A request behind the blocked one may still be declined, or go when it takes nothing that the first one waits for. */
function needsRoom(plan: Plan, request: NodeRequest, keptLabels: ReadonlySet<string>): boolean {
  if (plan.action !== 'serve') return false;
  return plan.launch.length > 0 || request.nodeTypes.some((label) => keptLabels.has(label));
}

function tenantOf(
  request: NodeRequest,
  context: Context,
): { limits: Resources; used: Resources } | undefined {
  const limits =
    request.tenantName === null ? undefined : context.config().tenantLimits.get(request.tenantName);
  if (request.tenantName === null || limits === undefined) return undefined;
  const used = context.world.usage.ofTenant(request.tenantName);
  const promised = context.promises.reserved.ofTenant(request.tenantName);
  return { limits, used: addResources(used, promised) };
}
