import type { Component } from '../../model/component.ts';
import type { ZooKeeperClient } from '../../zookeeper/index.ts';
import type { Collection, Entry } from '../store.ts';
import { isGone, throughLosses } from './failures.ts';

/** Where Zuul before version 5 looks for labels; Nodepool wrote it up to 6.0. */
const ROOT = '/nodepool/launchers';

/**
 * The component registry, with every pool written to the older registry too: an ephemeral znode named by the pool's
 * launcher id, with the labels that the pool serves.
 */
export function withOldRegistry(
  components: Collection<Component>,
  client: ZooKeeperClient,
): Collection<Component> {
  /** What is published, by component. */
  const published = new Map<string, { path: string; data: string }>();

  const publish = async ({ id, value }: Entry<Component>) => {
    const path = pathOf(value);
    const data = textOf(value);
    if (path === undefined || published.get(id)?.data === data) return;
    published.set(id, { path, data });
    try {
      await throughLosses(() => client.setData(path, data));
    } catch (error) {
      if (!isGone(error)) throw error;
      await throughLosses(() => client.createWithParents(path, data, { ephemeral: true }));
    }
  };

  const unpublish = async (id: string) => {
    const path = published.get(id)?.path;
    published.delete(id);
    if (path !== undefined) await throughLosses(() => client.deleteRecursive(path));
  };

  return {
    name: components.name,
    get: (id) => components.get(id),
    list: () => components.list(),
    listAll: () => components.listAll(),
    lock: (id, options) => components.lock(id, options),
    createLocked: (value, options) => components.createLocked(value, options),
    watch: (onChange) => components.watch(onChange),
    async create(value, options) {
      const entry = await components.create(value, options);
      await publish(entry);
      return entry;
    },
    async update(target, change) {
      const entry = await components.update(target, change);
      await publish(entry);
      return entry;
    },
    async remove(id) {
      await unpublish(id);
      await components.remove(id);
    },
    async removeUnchanged(entry) {
      const isRemoved = await components.removeUnchanged(entry);
      if (isRemoved) await unpublish(entry.id);
      return isRemoved;
    },
  };
}

/** Undefined where there is nothing to publish. */
function pathOf({ kind, launcherId }: Component): string | undefined {
  return kind === 'pool' && launcherId && !launcherId.includes('/') ? `${ROOT}/${launcherId}` : undefined;
}

function textOf({ launcherId, providerName, supportedLabels }: Component): string {
  return JSON.stringify({
    id: launcherId,
    provider_name: providerName,
    supported_labels: supportedLabels,
  });
}
