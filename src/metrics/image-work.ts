/** What a builder has done and is doing, read from the records of images. */
import type { Config } from '../config/config.ts';
import { readWanted } from '../driver/images.ts';
import { parseBuildId, parseUploadId, type ImageBuild, type ImageUpload } from '../model/image.ts';
import type { Views } from '../operator/views.ts';
import type { Change } from '../store/store.ts';

/** Is this the id of the builder of this process? */
export type IsOwn = (builderId: string) => boolean;

export interface BuildOutcome {
  image: string;
  build: string;
  result: 'ready' | 'failed';
  formats: readonly string[];
  /** 1 where there was none, as after build-timeout. */
  exitCode: number;
  durationS: number;
  /** When it ended; Unix seconds. */
  endedS: number;
}

export interface UploadOutcome {
  image: string;
  provider: string;
  result: 'ready' | 'failed';
  durationS: number;
}

/** Tells of every build and upload of this builder that ends from now on. Returns a function that ends it. */
export function watchImageWork(
  views: Views,
  isOwn: IsOwn,
  tell: { built(outcome: BuildOutcome): void; uploaded(outcome: UploadOutcome): void },
): () => void {
  const buildChanged = ({ id, entry, previous }: Change<ImageBuild>) => {
    const build = entry?.value;
    if (!build || !isResult(build.state) || isResult(previous?.value.state)) return;
    if (!isOwn(build.builderId ?? '')) return;
    const { state: result, formats, exitCode, durationS, stateTimeS: endedS } = build;
    const outcome = { result, formats, exitCode: exitCode ?? 1, durationS: durationS ?? 0, endedS };
    tell.built({ ...parseBuildId(id), ...outcome });
  };
  const uploadChanged = ({ id, entry, previous }: Change<ImageUpload>) => {
    const upload = entry?.value;
    if (!upload || !isResult(upload.state) || isResult(previous?.value.state)) return;
    if (!isOwn(builderOf(id, views))) return;
    const { image, provider } = parseUploadId(id);
    const durationS = Math.max(0, upload.stateTimeS - (previous?.value.stateTimeS ?? upload.stateTimeS));
    tell.uploaded({ image, provider, result: upload.state, durationS });
  };
  return views.onChange(({ collection, change }) => {
    if (collection === 'builds') buildChanged(change as Change<ImageBuild>);
    else if (collection === 'uploads') uploadChanged(change as Change<ImageUpload>);
  });
}

function isResult(state: string | undefined): state is 'ready' | 'failed' {
  return state === 'ready' || state === 'failed';
}

/** Uploads are made by the builder that has the file. */
function builderOf(uploadId: string, views: Views): string {
  const { image, build } = parseUploadId(uploadId);
  return views.builds.get(`${image}/${build}`)?.value.builderId ?? '';
}

export interface ImageWork {
  image: string;
  /** Somebody has asked for a build that has not come to be yet. */
  requested: boolean;
  build: 'idle' | 'building' | 'paused';
  /** For every provider that lists the image. */
  uploads: { provider: string; state: 'idle' | 'uploading' | 'paused' }[];
}

/** What this builder is doing for each diskimage of the configuration. */
export function imageWork({ diskimages, providers }: Config, views: Views, isOwn: IsOwn): ImageWork[] {
  const building = new Set<string>();
  for (const { id, value } of views.builds.values())
    if (value.state === 'building' && isOwn(value.builderId ?? '')) building.add(parseBuildId(id).image);
  const uploading = new Set<string>();
  for (const { id, value } of views.uploads.values()) {
    const { image, provider } = parseUploadId(id);
    if (value.state === 'uploading' && isOwn(builderOf(id, views))) uploading.add(`${image}\n${provider}`);
  }
  const wanted = [...providers.values()].flatMap((provider) =>
    readWanted(provider, '').map(({ name, pause }) => ({ provider: provider.name, name, pause })),
  );
  return [...diskimages.values()].map(({ name, pause }) => {
    const paused = pause || views.imagePauses.has(name);
    return {
      image: name,
      requested: views.buildRequests.has(name),
      build: building.has(name) ? 'building' : paused ? 'paused' : 'idle',
      uploads: wanted
        .filter((entry) => entry.name === name)
        .map(({ provider, pause }) => ({
          provider,
          state: uploading.has(`${name}\n${provider}`) ? 'uploading' : pause ? 'paused' : 'idle',
        })),
    };
  });
}
