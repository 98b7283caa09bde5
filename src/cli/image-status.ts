import { nowS } from '../clock.ts';
import { parseBuildId } from '../model/image.ts';
import { statusColumns, type ImageStatus } from '../operator/image-columns.ts';
import { printRows } from './print.ts';
import type { Run } from './verb.ts';

/** Every image that the configuration or the store knows: paused, asked for, being built. */
export const run: Run = async (tools) => {
  const store = await tools.openStore();
  const [config, builds, requests, pauses] = await Promise.all([
    tools.loadConfig(),
    store.builds.list(),
    store.buildRequests.list(),
    store.imagePauses.list(),
  ]);
  const names = new Set([
    ...config.diskimages.keys(),
    ...builds.map(({ id }) => parseBuildId(id).image),
    ...[...requests, ...pauses].map(({ id }) => id),
  ]);
  const paused = new Set(pauses.map(({ id }) => id));
  const rows: ImageStatus[] = [...names].sort().map((image) => ({
    image,
    paused: paused.has(image) || config.diskimages.get(image)?.pause === true,
    request: requests.find(({ id }) => id === image),
    building: builds.some(({ id, value }) => parseBuildId(id).image === image && value.state === 'building'),
  }));
  printRows(tools, rows, statusColumns(nowS(tools.clock)));
  return 0;
};
