/** Our images in Glance: streamed from the disk, compared with what arrived, found again by their properties. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Transform } from 'node:stream';
import type { Clock } from '../clock.ts';
import type { ProviderConfig } from '../config/config.ts';
import {
  ImageInUseError,
  readWanted,
  type FoundImage,
  type ImageStore,
  type UploadContext,
  type UploadSpec,
} from '../driver/images.ts';
import { reasonOf } from '../errors.ts';
import type { Connection } from './connection.ts';
import { hasStatus } from './errors.ts';
import { asSection, textOf, type Section } from './section.ts';
import { deleteImage, getImage } from './services.ts';
import type { Session } from './session.ts';

const PROVIDER = 'nodepool_provider_name';
const IMAGE = 'nodepool_diskimage';
const BUILD = 'nodepool_build_id';
const UPLOAD = 'nodepool_upload_id';

const POLL_MS = 2_000;
const WANTED_TIME_MS = 120_000;
const CLEAN_UP_TIME_MS = 60_000;
const CHUNK_BYTES = 1024 * 1024;

export interface ImagesDeps {
  connection: Connection;
  clock: Clock;
  track: <T>(work: () => Promise<T>) => Promise<T>;
}

export function createImages(config: ProviderConfig, { connection, clock, track }: ImagesDeps): ImageStore {
  const upload = async (spec: UploadSpec, context: UploadContext) => {
    const { signal } = context;
    const session = await connection.session(signal);
    const externalId = await createImage(session, config.name, spec, signal);
    try {
      await context.onExternalId(externalId);
      const sent = await sendFile(session, externalId, spec, context);
      checkDigests(spec, sent, await waitUntilActive(session, externalId, clock, signal));
      return { externalId };
    } catch (error) {
      await removeFailed(session, externalId, context);
      signal.throwIfAborted();
      throw error;
    }
  };

  return {
    async wanted() {
      const { cloud } = await connection.session(AbortSignal.timeout(WANTED_TIME_MS));
      return readWanted(config, cloud.imageFormat);
    },
    upload: (spec, context) => track(() => upload(spec, context)),
    remove: (externalId, signal) =>
      track(async () => removeImage(await connection.session(signal), externalId, signal)),
    list: async (signal) => listOwn(await connection.session(signal), config.name, signal),
  };
}

/** The answer is awaited even when the upload is cancelled meanwhile: the image would be nobody's. */
async function createImage(
  session: Session,
  provider: string,
  spec: UploadSpec,
  signal: AbortSignal,
): Promise<string> {
  const { body } = await session.call({
    service: 'image',
    method: 'POST',
    path: '/images',
    json: imageRequest(session, provider, spec),
    signal,
    uncut: true,
  });
  const id = textOf(asSection(body)?.['id']);
  if (id === '') throw new Error('image POST /images: expected an image with an id, found none');
  return id;
}

/** The body of `POST /v2/images`; properties by the names that Nodepool and the OpenStack SDK give them. */
export function imageRequest(
  { cloud }: Pick<Session, 'cloud'>,
  provider: string,
  { mark, name, format, checksums, properties }: Omit<UploadSpec, 'file' | 'sizeBytes'>,
): Section {
  const given = Object.entries({ ...cloud.disableVendorAgent, ...properties });
  return {
    ...Object.fromEntries(given.map(([key, value]) => [key, property(key, value)])),
    name,
    disk_format: format,
    container_format: 'bare',
    visibility: 'private',
    [PROVIDER]: provider,
    [IMAGE]: mark.image,
    [BUILD]: mark.build,
    [UPLOAD]: mark.upload,
    'owner_specified.openstack.md5': checksums.md5 ?? '',
    'owner_specified.openstack.sha256': checksums.sha256 ?? '',
    'owner_specified.openstack.object': `images/${name}`,
  };
}

const NUMBERS = new Set(['min_disk', 'min_ram', 'size', 'virtual_size']);

/** Glance wants texts, but for a few fields of its own. */
function property(key: string, value: unknown): unknown {
  if (NUMBERS.has(key)) return Number(value);
  if (key === 'protected' || key === 'is_protected')
    return value === true || value === 'true' || value === 'True';
  if (key === 'tags') return value;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * Streams the file; resolves with the digests of what was sent, which are only needed where the build's MD5 is not known:
 * Glance computes the MD5 of what arrives.
 */
async function sendFile(
  session: Session,
  id: string,
  { file, sizeBytes, checksums }: UploadSpec,
  { signal, onProgress }: UploadContext,
): Promise<Digests | undefined> {
  const hashes =
    checksums.md5 === undefined ? { md5: createHash('md5'), sha256: createHash('sha256') } : undefined;
  const body = createReadStream(file, { highWaterMark: CHUNK_BYTES }).pipe(
    meter(Object.values(hashes ?? {}), onProgress),
  );
  try {
    await session.call({
      service: 'image',
      method: 'PUT',
      path: `/images/${id}/file`,
      stream: { body, bytes: sizeBytes },
      signal,
    });
  } finally {
    body.destroy();
  }
  return hashes && { md5: hashes.md5.digest('hex'), sha256: hashes.sha256.digest('hex') };
}

interface Digests {
  md5: string;
  sha256: string;
}

function meter(hashes: readonly Hash[], onProgress: (sentBytes: number) => void): Transform {
  let sentBytes = 0;
  return new Transform({
    highWaterMark: CHUNK_BYTES,
    transform(chunk: Buffer, _, done) {
      for (const hash of hashes) hash.update(chunk);
      onProgress((sentBytes += chunk.length));
      done(null, chunk);
    },
  });
}

/** Glance may work on an image for a while after it has arrived. */
async function waitUntilActive(
  session: Session,
  id: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<Section> {
  for (;;) {
    const image = await getImage(session, id, signal);
    const status = textOf(image?.['status']);
    if (image !== undefined && status === 'active') return image;
    if (!['queued', 'saving', 'importing', 'uploading'].includes(status))
      throw new Error(`the image ${id} is ${status || 'gone'} after its upload, expected active`);
    await clock.sleep(POLL_MS, signal);
  }
}

/** What was to be sent, what was sent and what arrived are the same. */
function checkDigests({ checksums }: UploadSpec, sent: Digests | undefined, image: Section): void {
  const arrived = textOf(image['checksum']);
  const expected = checksums.md5 ?? sent?.md5 ?? '';
  if (arrived !== '' && arrived !== expected)
    throw new Error(`the image arrived with MD5 ${arrived}, expected ${expected}`);
  if (sent !== undefined && checksums.sha256 !== undefined && checksums.sha256 !== sent.sha256)
    throw new Error(`the file was sent with SHA-256 ${sent.sha256}, expected ${checksums.sha256}`);
}

async function removeFailed(session: Session, id: string, { log }: UploadContext): Promise<void> {
  try {
    await removeImage(session, id, AbortSignal.timeout(CLEAN_UP_TIME_MS));
  } catch (error) {
    log.warning('what a failed upload has made is not gone yet', { externalId: id, error: reasonOf(error) });
  }
}

async function removeImage(session: Session, id: string, signal: AbortSignal): Promise<void> {
  try {
    await deleteImage(session, id, signal);
  } catch (error) {
    if (!hasStatus(error, 409)) throw error;
    throw new ImageInUseError(error.message, { cause: error });
  }
}

/** Those that say which diskimage they are of: Nodepool's own do not, and are left to it. */
async function listOwn(session: Session, provider: string, signal: AbortSignal): Promise<FoundImage[]> {
  const query = { [PROVIDER]: provider };
  const images = await session.list({ service: 'image', path: '/images', key: 'images', query, signal });
  return images.flatMap((found) => {
    const image = textOf(found[IMAGE]);
    if (found[PROVIDER] !== provider || image === '') return [];
    const mark = { image, build: textOf(found[BUILD]), upload: textOf(found[UPLOAD]) };
    return [{ externalId: textOf(found['id']), name: textOf(found['name']), ...mark }];
  });
}
