/** The columns of images, builds and uploads. Headers, order and JSON keys are those that scripts and web clients rely on. */
import {
  parseBuildId,
  parseUploadId,
  type BuildState,
  type ImageBuild,
  type ImageMark,
  type ImageUpload,
  type UploadState,
} from '../model/image.ts';
import type { Entry } from '../store/store.ts';
import { formatAge } from './cell.ts';
import type { Colour, Column } from './table.ts';

/** `image-list`: the eight documented columns. */
export function uploadColumns(nowS: number): Column<Entry<ImageUpload>>[] {
  return [
    { header: 'Build ID', key: 'id', value: ({ id }) => parseUploadId(id).build },
    { header: 'Upload ID', key: 'upload_id', value: ({ id }) => parseUploadId(id).upload },
    { header: 'Provider', key: 'provider', value: ({ id }) => parseUploadId(id).provider, flexible: true },
    { header: 'Image', key: 'image', value: ({ id }) => parseUploadId(id).image, flexible: true },
    {
      header: 'Provider Image Name',
      key: 'external_name',
      value: ({ value }) => value.externalName,
      flexible: true,
    },
    {
      header: 'Provider Image ID',
      key: 'external_id',
      value: ({ value }) => value.externalId,
      flexible: true,
    },
    {
      header: 'State',
      key: 'state',
      value: ({ value }) => value.state,
      colour: ({ value }) => COLOURS[value.state],
    },
    ageColumn('Age', 'age', nowS, ({ value }) => value.stateTimeS),
  ];
}

/** For a terminal: with how far an upload is, or why it failed. */
export function uploadTableColumns(nowS: number): Column<Entry<ImageUpload>>[] {
  const remark = ({ value }: Entry<ImageUpload>) => uploadRemark(value);
  return [...uploadColumns(nowS), { header: 'Remark', key: 'remark', value: remark, flexible: 'first' }];
}

/** For scripts. */
export function uploadJsonColumns(nowS: number): Column<Entry<ImageUpload>>[] {
  return [
    ...uploadColumns(nowS),
    { header: '', key: 'format', value: ({ value }) => value.format },
    { header: '', key: 'error', value: ({ value }) => value.error },
    { header: '', key: 'sent_bytes', value: ({ value }) => value.sentBytes },
    { header: '', key: 'total_bytes', value: ({ value }) => value.totalBytes },
  ];
}

/** In JSON an age is the time of the last change in whole Unix seconds, in a table a duration. */
function ageColumn<T>(
  header: string,
  key: string,
  nowS: number,
  timeOf: (row: T) => number | null,
): Column<T> {
  return {
    header,
    key,
    value(row) {
      const timeS = timeOf(row);
      return timeS === null ? null : Math.trunc(timeS);
    },
    text(row) {
      const timeS = timeOf(row);
      return timeS === null ? '' : formatAge(timeS, nowS);
    },
  };
}

function uploadRemark({ state, error, sentBytes, totalBytes }: ImageUpload): string | null {
  if (state !== 'uploading') return error;
  if (sentBytes === null || !totalBytes) return null;
  return `${Math.floor((100 * sentBytes) / totalBytes)} % of ${formatMib(totalBytes)}`;
}

const formatMib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** `dib-image-list`: the six documented columns. Builds of a paused image are shown as paused. */
export function buildColumns(
  nowS: number,
  isPaused: (image: string) => boolean,
): Column<Entry<ImageBuild>>[] {
  const state = ({ id, value }: Entry<ImageBuild>) =>
    isPaused(parseBuildId(id).image) ? 'paused' : value.state;
  return [
    { header: 'ID', key: 'id', value: ({ id }) => id.replace('/', '-') },
    { header: 'Image', key: 'image', value: ({ id }) => parseBuildId(id).image, flexible: true },
    { header: 'Builder', key: 'builder', value: ({ value }) => value.builder, flexible: true },
    { header: 'Formats', key: 'formats', value: ({ value }) => value.formats },
    { header: 'State', key: 'state', value: state, colour: ({ value }) => COLOURS[value.state] },
    ageColumn('Age', 'age', nowS, ({ value }) => value.stateTimeS),
  ];
}

/** For a terminal: with the reason why a build failed. */
export function buildTableColumns(...given: Parameters<typeof buildColumns>): Column<Entry<ImageBuild>>[] {
  const remark = ({ value }: Entry<ImageBuild>) => value.error;
  return [...buildColumns(...given), { header: 'Remark', key: 'remark', value: remark, flexible: 'first' }];
}

/** For scripts. */
export function buildJsonColumns(...given: Parameters<typeof buildColumns>): Column<Entry<ImageBuild>>[] {
  return [
    ...buildColumns(...given),
    { header: '', key: 'error', value: ({ value }) => value.error },
    { header: '', key: 'duration', value: ({ value }) => value.durationS },
    { header: '', key: 'exit_code', value: ({ value }) => value.exitCode },
    { header: '', key: 'failures', value: ({ value }) => value.failures },
  ];
}

export interface ImageStatus {
  image: string;
  paused: boolean;
  /** A build was asked for. */
  request: Entry<ImageMark> | undefined;
  building: boolean;
}

/** `image-status`: four columns. */
export function statusColumns(nowS: number): Column<ImageStatus>[] {
  return [
    { header: 'Image', key: 'image', value: ({ image }) => image },
    { header: 'Paused', key: 'paused', value: ({ paused }) => paused },
    {
      header: 'Build Request',
      key: 'build_request',
      value: ({ request, building }) => (request ? (building ? 'building' : 'pending') : null),
    },
    ageColumn('Build Request Age', 'build_request_age', nowS, ({ request }) =>
      request ? request.createdMs / 1000 : null,
    ),
  ];
}

export interface AlienImage {
  provider: string;
  name: string;
  externalId: string;
}

export const ALIEN_COLUMNS: readonly Column<AlienImage>[] = [
  { header: 'Provider', key: 'provider', value: ({ provider }) => provider },
  { header: 'Name', key: 'name', value: ({ name }) => name, flexible: true },
  { header: 'Image ID', key: 'image_id', value: ({ externalId }) => externalId },
];

const COLOURS: Readonly<Record<BuildState | UploadState, Colour>> = {
  building: 'yellow',
  uploading: 'yellow',
  ready: 'green',
  failed: 'red',
  deleting: 'grey',
};
