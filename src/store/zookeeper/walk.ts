import type { ZooKeeperClient } from '../../zookeeper/index.ts';
import { throughLosses, unlessGone } from './failures.ts';
import type { Layout } from './layout.ts';

/** The ids of all records that may exist: the last part of a path is not looked at where it is the same for all. */
export async function listIds(client: ZooKeeperClient, layout: Layout): Promise<string[]> {
  let paths = [layout.root];
  for (const part of layout.rest) {
    paths =
      part === '{}'
        ? (await Promise.all(paths.map((path) => listChildren(client, path)))).flat()
        : paths.map((path) => `${path}/${part}`);
  }
  return paths.map((path) => layout.idOf(path)).filter((id) => id !== undefined);
}

async function listChildren(client: ZooKeeperClient, path: string): Promise<string[]> {
  const names = (await unlessGone(throughLosses(() => client.getChildren(path)))) ?? [];
  return names.map((name) => `${path}/${name}`);
}
