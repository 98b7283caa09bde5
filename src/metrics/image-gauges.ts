/** Gauges of the images in the state, whoever makes them. */
import type { Registry } from 'prom-client';
import { nowS, type Clock } from '../clock.ts';
import { parseBuildId, parseUploadId } from '../model/image.ts';
import type { Views } from '../operator/views.ts';
import { addGauge } from './registry.ts';

export function addImages(registry: Registry, views: Views, clock: Clock): void {
  addGauge(registry, 'nodepool_image_builds', 'Builds of images', ['image', 'state'], (set) => {
    const counts = new Map<string, [{ image: string; state: string }, number]>();
    for (const { id, value } of views.builds.values()) {
      const { image } = parseBuildId(id);
      const key = `${image}\n${value.state}`;
      counts.set(key, [{ image, state: value.state }, (counts.get(key)?.[1] ?? 0) + 1]);
    }
    for (const [labels, count] of counts.values()) set(labels, count);
  });
  addGauge(registry, 'nodepool_image_uploads', 'Uploads of images', ['image', 'provider', 'state'], (set) => {
    const counts = new Map<string, [{ image: string; provider: string; state: string }, number]>();
    for (const { id, value } of views.uploads.values()) {
      const { image, provider } = parseUploadId(id);
      const key = `${image}\n${provider}\n${value.state}`;
      counts.set(key, [{ image, provider, state: value.state }, (counts.get(key)?.[1] ?? 0) + 1]);
    }
    for (const [labels, count] of counts.values()) set(labels, count);
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
