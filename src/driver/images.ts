/**
 * Images of ours in a provider: what a driver must be able to do so that the builder can publish there. The builder
 * decides what is uploaded and when it goes; a driver knows neither builds nor records.
 */
import {
  flag,
  list,
  pathName,
  positiveInteger,
  section,
  text,
  type Properties,
  type Schema,
} from '../config/schema.ts';
import type { ProviderConfig } from '../config/config.ts';
import type { Logger } from '../log.ts';
import type { BlockSums } from './block-sums.ts';

export interface ImageStore {
  /** The diskimages of the provider's section. Throws when their format is kept elsewhere and cannot be read. */
  wanted(): Promise<readonly WantedImage[]>;

  /**
   * Streams a file to the provider and returns when nodes can be made of it. On failure, and when aborted, it has removed
   * what it made. What a killed builder leaves is found under the id that `onExternalId` was told.
   */
  upload(spec: UploadSpec, context: UploadContext): Promise<UploadedImage>;

  /**
   * Removes an image of ours, also a partial one. Already gone is success. Throws ImageInUseError where the provider
   * cannot do without it while a node runs.
   */
  remove(externalId: string, signal: AbortSignal): Promise<void>;

  /** Every image that carries this provider's mark. */
  list(signal: AbortSignal): Promise<FoundImage[]>;
}

export interface WantedImage {
  /** Of the diskimage. */
  name: string;
  /** `'qcow2'`: which of the build's files is uploaded. */
  format: string;
  /** True: nothing is uploaded. */
  pause: boolean;
  /** Properties for the image in the provider. */
  meta: Readonly<Record<string, string>>;
}

/** What makes an image ours. A driver stores all of it with the image, under names that suit the provider. */
export interface ImageMark {
  image: string;
  build: string;
  /** 10 digits. */
  upload: string;
}

export interface UploadSpec {
  mark: ImageMark;
  /** How the provider is to call it: `debian-12-1718011801`. */
  name: string;
  file: string;
  format: string;
  sizeBytes: number;
  /** What the file was when it was built, as far as it is known, to be verified at the far side: hex digests, and sums of its blocks. */
  checksums: { md5?: string; sha256?: string; crc32?: BlockSums };
  /** The diskimage's `metadata` and the provider's `meta`. */
  properties: Readonly<Record<string, string>>;
}

export interface UploadContext {
  /** Aborted when the upload is no longer wanted or its time is over. */
  signal: AbortSignal;
  log: Logger;
  /** To be called, and awaited, as soon as the provider's id is known, at best before the first byte is sent. */
  onExternalId(externalId: string): Promise<void>;
  /** May be called as often as is convenient. */
  onProgress(sentBytes: number): void;
}

export interface UploadedImage {
  externalId: string;
}

export interface FoundImage extends ImageMark {
  externalId: string;
  name: string;
}

/** The image is needed by something that runs; it can be removed later. */
export class ImageInUseError extends Error {
  override readonly name = 'ImageInUseError';
}

/** Keys of one entry of a provider's `diskimages` that all drivers have. */
export const WANTED_IMAGE_KEYS: Properties = {
  name: pathName,
  pause: flag,
  meta: {
    type: 'object',
    additionalProperties: { type: ['string', 'number', 'boolean'] },
    expected: 'a mapping of texts',
  },
};

export const diskimagesKey = (more: Properties = {}): Schema =>
  list(section({ ...WANTED_IMAGE_KEYS, ...more }, ['name']));

/** Keys of a provider section that the builder reads; drivers with images add them to their schema. */
export const IMAGE_PROVIDER_KEYS: Properties = {
  diskimages: diskimagesKey(),
  'image-name-format': { ...text, default: '{image_name}-{timestamp}' },
  'image-upload-timeout': { ...positiveInteger, default: 3600 },
  'post-upload-hook': text,
  'max-uploads': positiveInteger,
};

/** The entries of a provider's `diskimages`, all in the same format. */
export function readWanted({ options }: Pick<ProviderConfig, 'options'>, format: string): WantedImage[] {
  const entries = (options['diskimages'] ?? []) as readonly {
    name: string;
    pause?: boolean;
    meta?: Readonly<Record<string, unknown>>;
  }[];
  return entries.map(({ name, pause = false, meta = {} }) => ({
    name,
    format,
    pause,
    meta: Object.fromEntries(Object.entries(meta).map(([key, value]) => [key, String(value)])),
  }));
}
