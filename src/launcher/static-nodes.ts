import { nowS } from '../clock.ts';
import type { Inventory, StaticSlot } from '../driver/driver.ts';
import { makeSlotKey } from '../driver/slot-key.ts';
import { NotFoundError, reasonOf } from '../errors.ts';
import { makeNode, type Node } from '../model/node.ts';
import type { Entry } from '../store/store.ts';
import type { Context } from './context.ts';
import type { ProviderRuntime } from './provider-runtime.ts';
import type { Providers } from './providers.ts';

const INSPECT_TIME_MS = 30_000;
const LAUNCHER = 'static driver';

/** Gives every slot of the static hosts a node record: ready when the host answers, anew after each use. */
export interface StaticNodes {
  /** Compares slots and records of one provider, soon; calls while one runs lead to one more. */
  register(provider: string): void;
}

export function createStaticNodes(context: Context, providers: Providers): StaticNodes {
  const { store, world, clock } = context;
  const running = new Set<string>();
  const again = new Set<string>();
  /** Why a host was not registered; logged when it changes. */
  const troubles = new Map<string, string>();
  /** Providers whose records have been brought up to date with their configuration. */
  const refreshed = new WeakSet<ProviderRuntime>();

  const registerAll = async (runtime: ProviderRuntime, inventory: Inventory) => {
    const unclaimed = new Map<string, Entry<Node>>();
    for (const entry of world.nodesOfProvider(runtime.config.name)) unclaimed.set(entry.id, entry);
    const work: Promise<void>[] = [];
    const isNew = !refreshed.has(runtime);
    refreshed.add(runtime);
    for (const slot of inventory.slots()) {
      const existing = [...unclaimed.values()].find(({ value }) => keyOf(value) === slot.key);
      if (existing) unclaimed.delete(existing.id);
      if (!existing) work.push(registerSlot(slot, runtime, inventory));
      else if (isIdle(existing) && (isNew || isOutdated(existing, slot)))
        work.push(refreshSlot(existing, slot, runtime, inventory));
    }
    for (const surplus of unclaimed.values()) if (isIdle(surplus)) work.push(removeSurplus(surplus));
    await Promise.all(work);
  };

  const registerSlot = async (slot: StaticSlot, runtime: ProviderRuntime, inventory: Inventory) => {
    const fields = await inspect(slot, runtime, inventory);
    if (!fields || context.aborted.aborted || providers.current(runtime.config.name) !== runtime) return;
    const timeS = nowS(clock);
    const entry = await store.nodes.create(
      makeNode({ ...fields, state: 'ready', stateTimeS: timeS, createdTimeS: timeS, launcher: LAUNCHER }),
    );
    runtime.log.info('static node registered', { nodeId: entry.id, host: fields.hostname, slot: slot.slot });
  };

  /** A record used since the configuration changed still shows the earlier one. */
  const isOutdated = ({ value }: Entry<Node>, slot: StaticSlot) =>
    value.type.join('\n') !== slot.labels.join('\n') || troubles.has(slot.key);

  const refreshSlot = async (
    entry: Entry<Node>,
    slot: StaticSlot,
    runtime: ProviderRuntime,
    inventory: Inventory,
  ) => {
    const fields = await inspect(slot, runtime, inventory);
    const held = fields && (await store.nodes.lock(entry.id));
    if (!held) return;
    const stillIdle = held.entry.value.state === 'ready' && held.entry.value.allocatedTo === null;
    if (stillIdle) await store.nodes.update(held.entry, (node) => ({ ...node, ...fields }));
    await held.release();
  };

  const removeSurplus = async (entry: Entry<Node>) => {
    const held = await store.nodes.lock(entry.id);
    if (held && isIdle(held.entry)) await store.nodes.remove(entry.id);
    await held?.release();
  };

  const inspect = async (slot: StaticSlot, runtime: ProviderRuntime, inventory: Inventory) => {
    try {
      const { hostKeys, ...instance } = await inventory.inspect(slot, AbortSignal.timeout(INSPECT_TIME_MS));
      troubles.delete(slot.key);
      const fields: Partial<Node> = {
        ...instance,
        hostKeys: [...(hostKeys ?? [])],
        provider: runtime.config.name,
        pool: slot.pool.name,
        type: [...slot.labels],
        slot: slot.slot,
        attributes: slot.pool.nodeAttributes === null ? null : { ...slot.pool.nodeAttributes },
      };
      return fields;
    } catch (error) {
      const reason = reasonOf(error);
      if (troubles.get(slot.key) !== reason) {
        runtime.log.warning('a static host is not available', { slot: slot.key, error: reason });
      }
      troubles.set(slot.key, reason);
      return undefined;
    }
  };

  return {
    register(provider) {
      const runtime = providers.current(provider);
      const inventory = runtime?.provider.inventory;
      if (!runtime || !inventory || context.closed.aborted) return;
      if (running.has(provider)) return void again.add(provider);
      running.add(provider);
      registerAll(runtime, inventory)
        .catch((error: unknown) => {
          if (!(error instanceof NotFoundError)) {
            runtime.log.error('static nodes were not registered', { error: reasonOf(error) });
          }
        })
        .finally(() => {
          running.delete(provider);
          if (again.delete(provider)) this.register(provider);
        });
    },
  };
}

function isIdle({ value, locked }: Entry<Node>): boolean {
  return value.state === 'ready' && value.allocatedTo === null && !locked;
}

/** The slot a record stands for, in the form of `StaticSlot.key`. */
function keyOf(node: Node): string {
  return makeSlotKey(node.hostname ?? '', node.username ?? '', Number(node.connectionPort), node.slot ?? 0);
}
