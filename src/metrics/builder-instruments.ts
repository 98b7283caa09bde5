/** What Prometheus reads from a builder; docs/metrics.md lists every name. */
import { stat } from 'node:fs/promises';
import { Histogram, type Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { basePath } from '../dib/names.ts';
import { parseBuildId, type BuildName, type ImageBuild } from '../model/image.ts';
import type { Views } from '../operator/views.ts';
import type { Entry } from '../store/store.ts';
import { addImages } from './image-gauges.ts';
import { imageWork, type IsOwn } from './image-work.ts';
import { addGauge, createRegistry, type ObserveOperation } from './registry.ts';

export interface BuilderInstruments {
  registry: Registry;
  buildSeconds: Histogram<'image' | 'result'>;
  uploadSeconds: Histogram<'image' | 'provider' | 'result'>;
  observeOperation: ObserveOperation;
}

export interface BuilderFacts {
  views: Views;
  config: () => Config;
  isOwn: IsOwn;
  clock: Clock;
}

const WORK_BUCKETS = [1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800];

export function createBuilderInstruments(facts: BuilderFacts): BuilderInstruments {
  const { registry, observeOperation } = createRegistry();
  const registers = [registry];
  addImages(registry, facts.views, facts.clock);
  addWork(registry, facts);
  addSizes(registry, facts);
  return {
    registry,
    observeOperation,
    buildSeconds: new Histogram({
      name: 'nodepool_builder_build_seconds',
      help: 'How long builds took, by their result',
      labelNames: ['image', 'result'],
      buckets: WORK_BUCKETS,
      registers,
    }),
    uploadSeconds: new Histogram({
      name: 'nodepool_builder_upload_seconds',
      help: 'How long uploads took, by their result',
      labelNames: ['image', 'provider', 'result'],
      buckets: WORK_BUCKETS,
      registers,
    }),
  };
}

function addWork(registry: Registry, { views, config, isOwn }: BuilderFacts): void {
  const read = () => imageWork(config(), views, isOwn);
  addGauge(registry, 'nodepool_builder_build_requested', '1: a build was asked for', ['image'], (set) => {
    for (const { image, requested } of read()) set({ image }, Number(requested));
  });
  addGauge(registry, 'nodepool_builder_building', '1: this builder builds it now', ['image'], (set) => {
    for (const { image, build } of read()) set({ image }, Number(build === 'building'));
  });
  addGauge(registry, 'nodepool_builder_build_paused', '1: it is not to be built', ['image'], (set) => {
    for (const { image, build } of read()) set({ image }, Number(build === 'paused'));
  });
  const labels = ['image', 'provider'] as const;
  addGauge(registry, 'nodepool_builder_uploading', '1: this builder uploads it now', labels, (set) => {
    for (const { image, uploads } of read())
      for (const { provider, state } of uploads) set({ image, provider }, Number(state === 'uploading'));
  });
  addGauge(registry, 'nodepool_builder_exit_code', 'Of the last build here', ['image'], (set) => {
    for (const [image, { value }] of newestBuilds(views, isOwn, ['ready', 'failed']))
      set({ image }, value.exitCode ?? 1);
  });
}

function addSizes(registry: Registry, { views, config, isOwn }: BuilderFacts): void {
  const help = 'Disk space that the newest build takes here';
  addGauge(registry, 'nodepool_builder_image_bytes', help, ['image', 'format'], async (set) => {
    for (const { id, value } of newestBuilds(views, isOwn, ['ready']).values()) {
      const name = parseBuildId(id);
      const sizes = await readSizes(config(), name, value.formats);
      for (const [format, bytes] of sizes) set({ image: name.image, format }, bytes);
    }
  });
}

function newestBuilds(
  views: Views,
  isOwn: IsOwn,
  states: readonly ImageBuild['state'][],
): Map<string, Entry<ImageBuild>> {
  const newest = new Map<string, Entry<ImageBuild>>();
  for (const entry of views.builds.values()) {
    const { value } = entry;
    if (!states.includes(value.state) || !isOwn(value.builderId ?? '')) continue;
    const { image } = parseBuildId(entry.id);
    const other = newest.get(image);
    if (!other || other.value.stateTimeS < value.stateTimeS) newest.set(image, entry);
  }
  return newest;
}

/** Bytes on disk, holes left out, of the files of a build that are still there: `[['qcow2', 524288]]`. */
export async function readSizes(
  { imagesDir = '' }: Pick<Config, 'imagesDir'>,
  name: BuildName,
  formats: readonly string[],
): Promise<[format: string, bytes: number][]> {
  const sizes = formats.map(async (format): Promise<[string, number][]> => {
    const found = await stat(`${basePath(imagesDir, name)}.${format}`).catch(() => undefined);
    return found ? [[format, found.blocks * 512]] : [];
  });
  return (await Promise.all(sizes)).flat();
}
