/** Images, their builds and uploads: as the older web application listed them, and as version 1 of the API does. */
import {
  parseBuildId,
  parseUploadId,
  type ImageBuild,
  type ImageMark,
  type ImageUpload,
} from '../model/image.ts';
import { formatAge } from '../operator/cell.ts';
import type { Column } from '../operator/table.ts';
import type { Views } from '../operator/views.ts';
import type { Entry } from '../store/store.ts';

/** In the documented lists an age is a time in whole Unix seconds in JSON, and a duration in text. */
function ageColumn<T>(nowS: number, timeOf: (row: T) => number | null): Column<T> {
  return {
    header: 'Age',
    key: 'age',
    value: (row) => wholeOrNull(timeOf(row)),
    text: (row) => ageText(timeOf(row), nowS),
  };
}

const wholeOrNull = (timeS: number | null) => (timeS === null ? null : Math.trunc(timeS));
const ageText = (timeS: number | null, nowS: number) => (timeS === null ? '' : formatAge(timeS, nowS));

/** `/image-list` */
export function uploadColumns(nowS: number): readonly Column<Entry<ImageUpload>>[] {
  return [
    { header: 'Build ID', key: 'id', value: ({ id }) => parseUploadId(id).build },
    { header: 'Upload ID', key: 'upload_id', value: ({ id }) => parseUploadId(id).upload },
    { header: 'Provider', key: 'provider', value: ({ id }) => parseUploadId(id).provider },
    { header: 'Image', key: 'image', value: ({ id }) => parseUploadId(id).image },
    { header: 'Provider Image Name', key: 'external_name', value: ({ value }) => value.externalName },
    { header: 'Provider Image ID', key: 'external_id', value: ({ value }) => value.externalId },
    { header: 'State', key: 'state', value: ({ value }) => value.state },
    ageColumn(nowS, ({ value }) => value.stateTimeS),
  ];
}

/** `/dib-image-list`: builds of a paused image are shown as paused. */
export function buildColumns(views: Views, nowS: number): readonly Column<Entry<ImageBuild>>[] {
  const isPaused = (id: string) => views.imagePauses.has(parseBuildId(id).image);
  return [
    { header: 'ID', key: 'id', value: ({ id }) => id.replace('/', '-') },
    { header: 'Image', key: 'image', value: ({ id }) => parseBuildId(id).image },
    { header: 'Builder', key: 'builder', value: ({ value }) => value.builder },
    { header: 'Formats', key: 'formats', value: ({ value }) => value.formats },
    { header: 'State', key: 'state', value: ({ id, value }) => (isPaused(id) ? 'paused' : value.state) },
    ageColumn(nowS, ({ value }) => value.stateTimeS),
  ];
}

/** `/image-status` */
export function statusColumns(views: Views, nowS: number): readonly Column<string>[] {
  const requestedS = (image: string) => requestTime(views.buildRequests.get(image));
  const isBuilding = (image: string) =>
    buildsOf(image, views).some(({ value }) => value.state === 'building');
  return [
    { header: 'Image', key: 'image', value: (image) => image },
    { header: 'Paused', key: 'paused', value: (image) => views.imagePauses.has(image) },
    {
      header: 'Build Request',
      key: 'build_request',
      value: (image) => (requestedS(image) === null ? null : isBuilding(image) ? 'building' : 'pending'),
    },
    {
      header: 'Build Request Age',
      key: 'build_request_age',
      value: (image) => wholeOrNull(requestedS(image)),
      text: (image) => ageText(requestedS(image), nowS),
    },
  ];
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
