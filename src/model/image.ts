/** What a builder makes of a diskimage: builds on its disk, uploads of them in providers, and what people ask of it. */
import { makeBlank, makeCodec, type Codec, type Fields, type WithUnknown } from './codec.ts';

export const BUILD_STATES = ['building', 'ready', 'deleting', 'failed'] as const;
export type BuildState = (typeof BUILD_STATES)[number];

/** `uploading → ready → deleting`; a failed one is deleted, and the next attempt is another upload. */
export const UPLOAD_STATES = ['uploading', 'ready', 'deleting', 'failed'] as const;
export type UploadState = (typeof UPLOAD_STATES)[number];

/** One build of an image. Its id is `<image>/<build>`, the build as 32 hex digits (10 decimal ones in old records). */
export interface ImageBuild extends WithUnknown {
  state: BuildState;
  /** Unix seconds, float; set with every write of `state`. The age of a ready build counts from here. */
  stateTimeS: number;
  /** Host name of the builder. */
  builder: string | null;
  /** UUID of the builder, from `builder_id.txt` in its images directory: whose disk holds the files. */
  builderId: string | null;
  /** `['qcow2', 'raw']`, sorted; stored as `qcow2,raw`. */
  formats: string[];
  username: string | null;
  pythonPath: string | null;
  shellType: string | null;
  /** Digest of what the build was made from; a ready build with another one is out of date. Ours alone. */
  definition: string | null;
  /** Why it failed, in one line. Ours alone, like the ones that follow. */
  error: string | null;
  durationS: number | null;
  exitCode: number | null;
  /** Failures in a row, this one included. */
  failures: number | null;
  /** The version of the request for the image that it has answered by becoming ready. */
  answers: number | null;
}

/**
 * One build in one provider. Its id is `<image>/<build>/<provider>/<number>`, the number as 10 digits. Launchers use the
 * ready one with the newest `stateTimeS` for image and provider.
 */
export interface ImageUpload extends WithUnknown {
  state: UploadState;
  /** Unix seconds, float; set with every write of `state`. */
  stateTimeS: number;
  /** The provider's id and name of the image; null until it is known. */
  externalId: string | null;
  externalName: string | null;
  format: string | null;
  username: string | null;
  pythonPath: string | null;
  shellType: string | null;
  /** Why it failed, in one line. Ours alone, like the ones that follow. */
  error: string | null;
  /** Bytes that have arrived, and how many there are. */
  sentBytes: number | null;
  totalBytes: number | null;
}

/** A record whose existence is the message: a build is wanted, an image is paused. Its id is `<image>`. */
export type ImageMark = WithUnknown;

/** Formats are one text; a list is read too. */
function readFormats(stored: unknown): string[] {
  if (Array.isArray(stored)) return stored.map(String);
  return typeof stored === 'string' && stored !== '' ? stored.split(',') : [];
}

const BUILD_FIELDS: Fields<ImageBuild> = {
  state: { key: 'state', absent: 'building' },
  stateTimeS: { key: 'state_time', absent: 0 },
  builder: { key: 'builder', absent: null, omitEmpty: true },
  builderId: { key: 'builder_id', absent: null, omitEmpty: true },
  formats: {
    key: 'formats',
    absent: () => [],
    read: readFormats,
    write: (formats) => [...formats].sort().join(','),
    omitEmpty: true,
  },
  username: { key: 'username', absent: 'zuul' },
  pythonPath: { key: 'python_path', absent: '/usr/bin/python2' },
  shellType: { key: 'shell_type', absent: null },
  definition: { key: 'definition', absent: null, omitEmpty: true },
  error: { key: 'error', absent: null, omitEmpty: true },
  durationS: { key: 'duration', absent: null, omitEmpty: true },
  exitCode: { key: 'exit_code', absent: null, omitEmpty: true },
  failures: { key: 'failures', absent: null, omitEmpty: true },
  answers: { key: 'answers', absent: null, omitEmpty: true },
};

const UPLOAD_FIELDS: Fields<ImageUpload> = {
  state: { key: 'state', absent: 'uploading' },
  stateTimeS: { key: 'state_time', absent: 0 },
  externalId: { key: 'external_id', absent: null },
  externalName: { key: 'external_name', absent: null },
  format: { key: 'format', absent: null },
  username: { key: 'username', absent: 'zuul' },
  pythonPath: { key: 'python_path', absent: '/usr/bin/python2' },
  shellType: { key: 'shell_type', absent: null },
  error: { key: 'error', absent: null, omitEmpty: true },
  sentBytes: { key: 'sent_bytes', absent: null, omitEmpty: true },
  totalBytes: { key: 'total_bytes', absent: null, omitEmpty: true },
};

export const buildCodec = makeCodec(BUILD_FIELDS);
export const uploadCodec = makeCodec(UPLOAD_FIELDS);

const markFields = makeCodec<ImageMark>({});

/** Other programs store no text at all. */
export const markCodec: Codec<ImageMark> = {
  decode: (text) => (text === '' ? { unknown: {} } : markFields.decode(text)),
  encode: (mark) => (Object.keys(mark.unknown).length === 0 ? '' : markFields.encode(mark)),
};

const blankBuild = makeBlank(BUILD_FIELDS);
const blankUpload = makeBlank(UPLOAD_FIELDS);

/** A new build record; what is not known before the end of a build is null. */
export function makeBuild(given: Partial<ImageBuild>): ImageBuild {
  return { ...blankBuild(), username: null, pythonPath: null, ...given };
}

/** A new upload record. */
export function makeUpload(given: Partial<ImageUpload>): ImageUpload {
  return { ...blankUpload(), username: null, pythonPath: null, ...given };
}

export function makeMark(): ImageMark {
  return { unknown: {} };
}

export interface BuildName {
  image: string;
  build: string;
}

export interface UploadName extends BuildName {
  provider: string;
  /** 10 digits. */
  upload: string;
}

/** `('debian', '0f…')` → `debian/0f…` */
export const buildId = (image: string, build: string): string => `${image}/${build}`;

/** What a number is added to: `debian/0f…/cloud/`. */
export const uploadPrefix = (image: string, build: string, provider: string): string =>
  `${image}/${build}/${provider}/`;

/** `debian/0f…` → its parts. */
export function parseBuildId(id: string): BuildName {
  const [image = '', build = ''] = id.split('/');
  return { image, build };
}

/** `debian/0f…/cloud/0000000001` → its parts. */
export function parseUploadId(id: string): UploadName {
  const [image = '', build = '', provider = '', upload = ''] = id.split('/');
  return { image, build, provider, upload };
}
