/** Gauges of the images in the state, whoever makes them. */
import type { Registry } from 'prom-client';
import { nowS, type Clock } from '../clock.ts';
import { parseBuildId, parseUploadId } from '../model/image.ts';
import type { Views } from '../operator/views.ts';
import { addGauge } from './registry.ts';

export function addImages(registry: Registry, views: Views, clock: Clock): void {
  addGauge(registry, 'nodepool_image_builds', 'Builds of images', ['image', 'state'], (set) => {
    const builds = [...views.builds.values()];
    countSame(
      builds.map(({ id, value }) => ({ image: parseBuildId(id).image, state: value.state })),
      set,
    );
  });
  addGauge(registry, 'nodepool_image_uploads', 'Uploads of images', ['image', 'provider', 'state'], (set) => {
    const uploads = [...views.uploads.values()].map(({ id, value }) => {
      const { image, provider } = parseUploadId(id);
      return { image, provider, state: value.state };
    });
    countSame(uploads, set);
  });
  const help = 'Age of the newest build that is ready';
  addGauge(registry, 'nodepool_image_age_seconds', help, ['image'], (set) => {
    const newest = new Map<string, number>();
    for (const { id, value } of views.builds.values()) {
      if (value.state !== 'ready') continue;
      const { image } = parseBuildId(id);
      newest.set(image, Math.max(newest.get(image) ?? 0, value.stateTimeS));
    }
    for (const [image, timeS] of newest) set({ image }, nowS(clock) - timeS);
  });
}

/** How many of the label sets are the same. */
function countSame<L extends object>(all: readonly L[], set: (labels: L, count: number) => void): void {
  const counts = new Map<string, { labels: L; count: number }>();
  for (const labels of all) {
    const key = Object.values(labels).join('\n');
    counts.set(key, { labels, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  for (const { labels, count } of counts.values()) set(labels, count);
}
