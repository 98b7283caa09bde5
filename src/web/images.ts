/** Images with their builds and uploads, as the web application shows them. */
import { parseBuildId, parseUploadId, type ImageBuild, type ImageMark } from '../model/image.ts';
import type { ImageStatus } from '../operator/image-columns.ts';
import type { Views } from '../operator/views.ts';
import type { Entry } from '../store/store.ts';

/** A row of `/image-status`. */
export function imageStatus(image: string, views: Views): ImageStatus {
  return {
    image,
    paused: views.imagePauses.has(image),
    request: views.buildRequests.get(image),
    building: buildsOf(image, views).some(({ value }) => value.state === 'building'),
  };
}

/** Every image that the state knows of, by name. */
export function imageNames(views: Views): string[] {
  const names = [
    ...[...views.builds.keys()].map((id) => parseBuildId(id).image),
    ...[...views.uploads.keys()].map((id) => parseUploadId(id).image),
    ...views.buildRequests.keys(),
    ...views.imagePauses.keys(),
  ];
  return [...new Set(names)].sort();
}

/** One image with all its builds, the oldest first, and uploads; undefined when nothing is known of it. */
export function imageRecord(image: string, views: Views) {
  const builds = buildsOf(image, views);
  const uploads = [...views.uploads.values()].filter(({ id }) => parseUploadId(id).image === image);
  const request = views.buildRequests.get(image);
  const paused = views.imagePauses.has(image);
  if (builds.length === 0 && uploads.length === 0 && !request && !paused) return undefined;
  return {
    id: image,
    paused,
    build_requested_time: requestTime(request),
    builds: builds.map(({ id, value }) => ({
      id,
      state: value.state,
      state_time: value.stateTimeS,
      builder: value.builder,
      formats: value.formats,
      duration: value.durationS,
      exit_code: value.exitCode,
      error: value.error,
    })),
    uploads: uploads.map(({ id, value }) => ({
      id,
      provider: parseUploadId(id).provider,
      build: parseUploadId(id).build,
      state: value.state,
      state_time: value.stateTimeS,
      external_id: value.externalId,
      external_name: value.externalName,
      format: value.format,
      sent_bytes: value.sentBytes,
      total_bytes: value.totalBytes,
      error: value.error,
    })),
  };
}

function buildsOf(image: string, views: Views): Entry<ImageBuild>[] {
  return [...views.builds.values()]
    .filter(({ id }) => parseBuildId(id).image === image)
    .sort((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1));
}

function requestTime(request: Entry<ImageMark> | undefined): number | null {
  return request ? request.createdMs / 1000 : null;
}
