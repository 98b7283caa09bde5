import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../log.ts';
import type { ImageBuild, ImageMark, ImageUpload } from '../model/image.ts';
import type { Entry, Store, View } from '../store/store.ts';

/** What the parts of a builder share. Made once, by hand, in `builder.ts`. */
export interface Context {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** The configuration in force. */
  readonly config: () => Config;
  readonly images: ImagesView;
  /** UUID of this builder: whose disk holds a build. */
  readonly builderId: string;
  readonly hostname: string;
  /** Handed on to builds. */
  readonly env: NodeJS.ProcessEnv;
  /** Builds that run in this process, as `image/build`. */
  readonly building: Set<string>;
  /** Aborted when running builds and uploads are to be ended. */
  readonly aborted: AbortSignal;
}

/** The records of images as they are now. */
export interface ImagesView {
  readonly builds: View<ImageBuild>['entries'];
  readonly uploads: View<ImageUpload>['entries'];
  readonly requests: View<ImageMark>['entries'];
  readonly pauses: View<ImageMark>['entries'];
  close(): void;
}

export async function watchImages(store: Store, onChange: () => void): Promise<ImagesView> {
  const [builds, uploads, requests, pauses] = await Promise.all([
    store.builds.watch(onChange),
    store.uploads.watch(onChange),
    store.buildRequests.watch(onChange),
    store.imagePauses.watch(onChange),
  ]);
  const views = [builds, uploads, requests, pauses];
  return {
    builds: builds.entries,
    uploads: uploads.entries,
    requests: requests.entries,
    pauses: pauses.entries,
    close: () => views.forEach((view) => view.close()),
  };
}

export function buildsOf(images: Pick<ImagesView, 'builds'>, image: string): Entry<ImageBuild>[] {
  return [...images.builds.values()].filter(({ id }) => id.startsWith(`${image}/`));
}

/** Of a build, in all providers or in one. */
export function uploadsOf(
  images: Pick<ImagesView, 'uploads'>,
  build: string,
  provider?: string,
): Entry<ImageUpload>[] {
  const start = provider === undefined ? `${build}/` : `${build}/${provider}/`;
  return [...images.uploads.values()].filter(({ id }) => id.startsWith(start));
}

export const DEFAULT_BUILD_LOG_DIR = '/var/log/nodepool/builds';
