/** Requestors that behave well and badly while launchers are stopped, killed and frozen, and what must hold meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { makeRequest } from '../../../src/model/request.ts';
import type { Entry, Store } from '../../../src/store/store.ts';
import type { NodeRequest } from '../../../src/model/request.ts';
import { until } from '../../support/poll.ts';
import { presentAtOnce } from '../../support/present.ts';

export interface World {
  /** Opens the state that requestors and launchers share. */
  openStore: () => Promise<Store>;
  random: () => number;
  /** Milliseconds since 1970 at which a launcher was last killed: a reason not yet written may be lost with it. */
  lastKillMs: () => number;
  /** What went wrong; empty at the end of a good run. */
  broken: string[];
  counts: Record<string, number>;
  /** Who has a node, by node id. */
  owners: Map<string, string>;
}

/** So long a request may take, whatever happens to the launchers. */
const PATIENCE_MS = 30_000;

/** Asks for nodes and uses them until `ending`; now and then cancels, holds, or dies. */
export async function runRequestor(name: string, world: World, ending: AbortSignal): Promise<void> {
  let store = await world.openStore();
  while (!ending.aborted) {
    const request = await ask(store, name, world.random);
    const fate = world.random();
    if (fate < 0.1) {
      await sleep(world.random() * 150);
      count(world, 'cancelled');
      await store.requests.remove(request.id);
      continue;
    }
    const done = await outcome(store, request, world);
    if (done?.value.state === 'failed') await checkReason(store, done, world);
    if (done?.value.state === 'fulfilled') {
      const alive = await useNodes(store, done, name, world);
      if (!alive) store = await world.openStore();
    } else await store.requests.remove(request.id);
  }
  await store.close();
}

function ask(store: Store, name: string, random: () => number): Promise<Entry<NodeRequest>> {
  const timeS = Date.now() / 1000;
  const nodeTypes = Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
    random() < 0.5 ? 'small' : 'big',
  );
  const priority = 1 + Math.floor(random() * 3);
  return store.requests.create(
    makeRequest({ stateTimeS: timeS, createdTimeS: timeS, nodeTypes, requestor: name }),
    { prefix: `${priority}00-`, ephemeral: true },
  );
}

async function outcome(store: Store, { id }: Entry<NodeRequest>, world: World) {
  try {
    return await until(
      async () => {
        const entry = await store.requests.get(id);
        if (!entry) throw new Error(`request ${id} has vanished`);
        return ['fulfilled', 'failed'].includes(entry.value.state) ? entry : undefined;
      },
      { timeoutMs: PATIENCE_MS, intervalMs: 10, what: `request ${id} fulfilled or failed` },
    );
  } catch (error) {
    const entry = await store.requests.get(id);
    world.broken.push(`lost request: ${String(error)} ${JSON.stringify(entry)}`);
    return undefined;
  }
}

async function checkReason(store: Store, { id, value }: Entry<NodeRequest>, world: World): Promise<void> {
  count(world, 'failed');
  const findReason = async () => {
    const reasons = Object.values((await store.decisions.get(id))?.value.pools ?? {});
    return reasons.some(({ verdict, reason }) => verdict === 'failed' && reason !== '');
  };
  try {
    await until(findReason, { timeoutMs: 2_000, what: 'a reason' });
  } catch {
    if (Math.abs(world.lastKillMs() - value.stateTimeS * 1000) < 1_500) return;
    world.broken.push(`request ${id} failed without a reason`);
  }
}

/** Does with the nodes what Zuul does. False: the requestor has died over it. */
async function useNodes(
  store: Store,
  { id, value }: Entry<NodeRequest>,
  name: string,
  world: World,
): Promise<boolean> {
  const { random, owners, broken } = world;
  if (random() < 0.05) {
    count(world, 'died before use');
    await store.close();
    return false;
  }
  if (value.nodes.length !== value.nodeTypes.length)
    broken.push(`request ${id} has ${value.nodes.length} nodes`);
  const held = await Promise.all(value.nodes.map((nodeId) => store.nodes.lock(nodeId, { waitMs: 5_000 })));
  for (const [place, node] of held.entries()) {
    const nodeId = value.nodes[place] ?? '';
    if (!node) {
      broken.push(`node ${nodeId} of request ${id} is locked by somebody`);
      continue;
    }
    const { state, allocatedTo, type } = node.entry.value;
    if (state !== 'ready' || allocatedTo !== id || type[0] !== value.nodeTypes[place])
      broken.push(
        `node ${nodeId} of request ${id} is ${state} ${type.join()} for ${allocatedTo ?? 'nobody'}`,
      );
    const owner = owners.get(nodeId);
    if (owner !== undefined) broken.push(`node ${nodeId} is handed out to ${name} and to ${owner}`);
    owners.set(nodeId, name);
  }
  await store.requests.remove(id);
  const setState = (state: 'in-use' | 'used' | 'hold') =>
    Promise.all(
      value.nodes.map((nodeId) =>
        store.nodes.update(nodeId, (node) => ({
          ...node,
          state,
          stateTimeS: Date.now() / 1000,
          holdExpirationS: state === 'hold' ? 1 : null,
        })),
      ),
    );
  const end = random();
  const dies = end > 0.9;
  if (end < 0.1) count(world, 'given back unused');
  else {
    await setState('in-use');
    await sleep(random() * 120);
    if (!dies) await setState(end > 0.8 ? 'hold' : 'used');
    count(world, dies ? 'died in use' : end > 0.8 ? 'held' : 'used');
  }
  for (const nodeId of value.nodes) owners.delete(nodeId);
  if (dies) await store.close();
  else await Promise.all(held.flatMap((node) => node?.release() ?? []));
  return !dies;
}

/** Counts the instances in the cloud of files; claims on room that is not granted yet begin with a dot. */
export function countInstances(persistDir: string): number {
  return presentAtOnce(persistDir).filter((name) => !name.startsWith('.')).length;
}

function count({ counts }: World, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}
