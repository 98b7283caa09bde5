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
  /** Compares slots and records of one provider. A host that does not answer keeps no other one waiting. */
  register(provider: string): void;
}

export interface StaticNodesDeps {
  /** A host of the pool is not available; called when the reason changes. */
  onTrouble(provider: string, pool: string, reason: string): void;
}

export function createStaticNodes(
  context: Context,
  providers: Providers,
  deps: StaticNodesDeps,
): StaticNodes {
  const { store, world, clock } = context;
  /** Slots that are being looked at, and those of them to be compared once more afterwards. */
  const busy = new Set<string>();
  const again = new Set<string>();
  /** Why a host was not registered; told when it changes. */
  const troubles = new Map<string, string>();
  /** Slots whose records have been brought up to date with this configuration of their provider. */
  const refreshed = new WeakMap<ProviderRuntime, Set<string>>();

  const compare = (runtime: ProviderRuntime, inventory: Inventory) => {
    const { name } = runtime.config;
    const unclaimed = new Map<string, Entry<Node>>();
    for (const entry of world.nodesOfProvider(name)) unclaimed.set(entry.id, entry);
    for (const slot of inventory.slots()) {
      const existing = [...unclaimed.values()].find(({ value }) => keyOf(value) === slot.key);
      if (existing) unclaimed.delete(existing.id);
      attend(runtime, `${name}/${slot.key}`, () => updateSlot(slot, existing, runtime, inventory));
    }
    for (const surplus of unclaimed.values()) {
      if (isIdle(surplus)) attend(runtime, `${name}/${surplus.id}`, () => removeSurplus(surplus));
    }
  };

  /** Runs the work unless some for the same thing runs already; then all is compared again after that. */
  const attend = (runtime: ProviderRuntime, key: string, work: () => Promise<void> | undefined) => {
    if (busy.has(key)) return void again.add(key);
    const running = work();
    if (!running) return;
    busy.add(key);
    running
      .catch((error: unknown) => {
        if (error instanceof NotFoundError) return;
        runtime.log.error('static nodes were not registered', { error: reasonOf(error) });
      })
      .finally(() => {
        busy.delete(key);
        if (again.delete(key)) register(runtime.config.name);
      });
  };

  const updateSlot = (
    slot: StaticSlot,
    existing: Entry<Node> | undefined,
    runtime: ProviderRuntime,
    inventory: Inventory,
  ): Promise<void> | undefined => {
    const known = refreshed.get(runtime) ?? new Set<string>();
    refreshed.set(runtime, known);
    const isNew = !known.has(slot.key);
    known.add(slot.key);
    if (!existing) return registerSlot(slot, runtime, inventory);
    if (!isIdle(existing) || !(isNew || isOutdated(existing, slot))) return undefined;
    return refreshSlot(existing, slot, runtime, inventory);
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
        deps.onTrouble(runtime.config.name, slot.pool.name, reason);
      }
      troubles.set(slot.key, reason);
      return undefined;
    }
  };

  const register = (provider: string) => {
    const runtime = providers.current(provider);
    const inventory = runtime?.provider.inventory;
    if (runtime && inventory && !context.closed.aborted) compare(runtime, inventory);
  };
  return { register };
}

function isIdle({ value, locked }: Entry<Node>): boolean {
  return value.state === 'ready' && value.allocatedTo === null && !locked;
}

/** The slot a record stands for, in the form of `StaticSlot.key`. */
function keyOf(node: Node): string {
  return makeSlotKey(node.hostname ?? '', node.username ?? '', Number(node.connectionPort), node.slot ?? 0);
}
