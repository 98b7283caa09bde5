import { nowS } from '../clock.ts';
import { buildJsonColumns, buildTableColumns } from '../operator/image-columns.ts';
import type { Store } from '../store/store.ts';
import { listingOf, printListing, type Listing } from './print.ts';
import type { Run } from './verb.ts';

/** All builds, by image and age. */
export const run: Run = async (tools) => {
  printListing(tools, await listBuilds(await tools.openStore(), nowS(tools.clock)));
  return 0;
};

export async function listBuilds(store: Store, now: number): Promise<Listing> {
  const [builds, pauses] = await Promise.all([store.builds.list(), store.imagePauses.list()]);
  const paused = new Set(pauses.map(({ id }) => id));
  const isPaused = (image: string) => paused.has(image);
  const imageOf = (id: string) => id.slice(0, id.indexOf('/'));
  builds.sort(
    (a, b) => imageOf(a.id).localeCompare(imageOf(b.id)) || a.value.stateTimeS - b.value.stateTimeS,
  );
  return listingOf(builds, buildTableColumns(now, isPaused), buildJsonColumns(now, isPaused));
}
