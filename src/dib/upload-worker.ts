/** Starts uploads of what is built here, up to a number at once and within the limits of each provider. */
import { access } from 'node:fs/promises';
import type { WantedImage } from '../driver/images.ts';
import { reasonOf } from '../errors.ts';
import { parseBuildId } from '../model/image.ts';
import { buildsOf, type Context } from './context.ts';
import { newestReady, pauseS } from './due.ts';
import { basePath } from './names.ts';
import type { ImageProvider, ImageProviders } from './providers.ts';
import { hasUpload, uploadImage, type UploadPlan } from './upload-image.ts';

const LEFT_ALONE_MS = 5_000;

export interface UploadWorker {
  look(wanted: ReadonlyMap<string, readonly WantedImage[]>): Promise<void>;
  /** Starts nothing more; resolves when nothing runs. */
  stop(): Promise<void>;
}

export function createUploadWorker(
  context: Context,
  providers: ImageProviders,
  { workers, wake }: { workers: number; wake: () => void },
): UploadWorker {
  const { clock } = context;
  const log = context.log.named('builder.UploadWorker');
  /** By `build/provider`. */
  const running = new Map<string, { provider: string; done: Promise<void> }>();
  const failures = new Map<string, { count: number; dueMs: number }>();
  let stopped = false;

  /** Somebody else has done it, or is at it: the news of that is on its way. */
  const leaveAlone = (key: string) => {
    failures.set(key, { count: 0, dueMs: clock.nowMs() + LEFT_ALONE_MS });
    clock.after(LEFT_ALONE_MS + 50, wake);
  };

  const start = (key: string, plan: UploadPlan) => {
    const provider = plan.provider.config.name;
    const done = uploadImage(context, plan)
      .then(
        (done) => {
          failures.delete(key);
          if (!done) leaveAlone(key);
        },
        (error: unknown) => {
          const count = (failures.get(key)?.count ?? 0) + 1;
          const delayMs = pauseS(count) * 1000;
          failures.set(key, { count, dueMs: clock.nowMs() + delayMs });
          clock.after(delayMs + 50, wake);
          log.warning('upload failed, trying again', {
            ...parseBuildId(plan.build.id),
            provider,
            error: reasonOf(error),
            seconds: delayMs / 1000,
          });
        },
      )
      .finally(() => {
        running.delete(key);
        wake();
      });
    running.set(key, { provider, done });
  };

  const hasRoom = (provider: ImageProvider) => {
    const limit = (provider.config.options['max-uploads'] as number | undefined) ?? Infinity;
    return [...running.values()].filter((upload) => upload.provider === provider.config.name).length < limit;
  };

  const consider = async (provider: ImageProvider, wanted: WantedImage) => {
    const build = newestReady(buildsOf(context.images, wanted.name));
    if (wanted.pause || build?.value.builderId !== context.builderId) return;
    const key = `${build.id}/${provider.config.name}`;
    if (running.has(key) || hasUpload(context, build.id, provider.config.name)) return;
    if (clock.nowMs() < (failures.get(key)?.dueMs ?? 0)) return;
    if (!build.value.formats.includes(wanted.format)) return;
    const file = `${basePath(context.config().imagesDir ?? '', parseBuildId(build.id))}.${wanted.format}`;
    const exists = await access(file).then(
      () => true,
      () => false,
    );
    const free = !stopped && !running.has(key) && running.size < workers && hasRoom(provider);
    if (exists && free)
      start(key, { image: context.config().diskimages.get(wanted.name), wanted, build, provider });
  };

  return {
    async look(wanted) {
      for (const key of failures.keys()) {
        if (!context.images.builds.has(key.slice(0, key.lastIndexOf('/')))) failures.delete(key);
      }
      for (const provider of providers.all()) {
        for (const image of wanted.get(provider.config.name) ?? []) {
          if (stopped || running.size >= workers) return;
          await consider(provider, image);
        }
      }
    },
    async stop() {
      stopped = true;
      while (running.size > 0) await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}
