/** Starts builds that are due, up to a number at once. */
import { nowS } from '../clock.ts';
import type { DiskImage } from '../config/config.ts';
import { reasonOf } from '../errors.ts';
import { buildImage } from './build-image.ts';
import { buildsOf, type Context } from './context.ts';
import { digestDefinition } from './dib-command.ts';
import { decideBuild, isAnswered, type BuildReason, type Decision, type Facts } from './due.ts';

const LEFT_ALONE_MS = 10_000;

type Known = Pick<Facts, 'builds' | 'request'>;

export interface BuildWorker {
  /** Looks at all images and starts what is due. `formats`: what each image is needed in. */
  look(formats: ReadonlyMap<string, readonly string[]>): void;
  /** Starts nothing more; resolves when nothing runs. */
  stop(): Promise<void>;
}

export function createBuildWorker(
  context: Context,
  { workers, wake }: { workers: number; wake: () => void },
): BuildWorker {
  const running = new Map<string, Promise<void>>();
  const log = context.log.named('builder.BuildWorker');
  let stopped = false;
  let cancelTimer: () => void = () => undefined;

  /** Images that somebody else builds, or with which the store had trouble: until when they are left alone. */
  const notBefore = new Map<string, number>();
  const leaveAlone = (image: string) => {
    notBefore.set(image, context.clock.nowMs() + LEFT_ALONE_MS);
    context.clock.after(LEFT_ALONE_MS + 50, wake);
  };

  const decide = (
    image: DiskImage,
    formats: readonly string[],
    known: Known = {
      builds: buildsOf(context.images, image.name),
      request: context.images.requests.get(image.name),
    },
  ): Decision =>
    decideBuild({
      image,
      formats,
      ...known,
      paused: context.images.pauses.has(image.name),
      builderId: context.builderId,
      definition: digestDefinition(image),
      nowS: nowS(context.clock),
    });

  /** Under the image's lock the question is asked again, on what the store says then. */
  const build = async (image: DiskImage, formats: readonly string[], reason: BuildReason) => {
    const held = await context.store.acquire({ kind: 'build', image: image.name });
    if (!held) {
      log.debug('another builder builds it', { image: image.name });
      return leaveAlone(image.name);
    }
    try {
      const [builds, request] = await Promise.all([
        context.store.builds.list(),
        context.store.buildRequests.get(image.name),
      ]);
      const own = builds.filter(({ id }) => id.startsWith(`${image.name}/`));
      const decision = decide(image, formats, { builds: own, request });
      if (decision.build !== undefined) await buildImage(context, { image, formats, reason, held });
    } finally {
      await held.release();
    }
  };

  const start = (image: DiskImage, formats: readonly string[], reason: BuildReason) => {
    const done = build(image, formats, reason)
      .catch((error: unknown) => {
        log.error('build given up', { image: image.name, reason, error: reasonOf(error) });
        leaveAlone(image.name);
      })
      .finally(() => {
        running.delete(image.name);
        wake();
      });
    running.set(image.name, done);
  };

  /** Requests that are over, whose records somebody had no time to remove. */
  const removeAnswered = () => {
    for (const [image, request] of context.images.requests) {
      if (running.has(image) || !isAnswered(request, buildsOf(context.images, image))) continue;
      context.store.buildRequests
        .removeUnchanged(request)
        .catch((error: unknown) =>
          log.warning('an answered request is still there', { image, error: reasonOf(error) }),
        );
    }
  };

  return {
    look(formats) {
      if (stopped) return;
      removeAnswered();
      let nextS = Infinity;
      // What people ask for comes before what is due by itself.
      const images = [...context.config().diskimages.values()];
      const asked = images.filter(({ name }) => context.images.requests.has(name));
      for (const image of new Set([...asked, ...images])) {
        if (running.size >= workers) break;
        if (running.has(image.name) || context.clock.nowMs() < (notBefore.get(image.name) ?? 0)) continue;
        const needed = formats.get(image.name) ?? [];
        const decision = decide(image, needed);
        if (decision.build !== undefined) start(image, needed, decision.build);
        else if (decision.againS !== undefined) nextS = Math.min(nextS, decision.againS);
      }
      cancelTimer();
      const delayMs = (nextS - nowS(context.clock)) * 1000 + 50;
      if (delayMs < 2 ** 31) cancelTimer = context.clock.after(Math.max(0, delayMs), wake);
    },
    async stop() {
      stopped = true;
      cancelTimer();
      while (running.size > 0) await Promise.all(running.values());
    },
  };
}
