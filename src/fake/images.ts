/** The images of the imaginary cloud. An upload reads the whole file and checks it, but keeps only its description. */
import { createHash } from 'node:crypto';
import {
  createReadStream,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { ProviderConfig } from '../config/config.ts';
import {
  readWanted,
  type FoundImage,
  type ImageStore,
  type UploadContext,
  type UploadSpec,
} from '../driver/images.ts';
import { createRandom } from './random.ts';
import { readDelay } from './options.ts';

/** Which images exist, in memory or as files that outlive the process. */
export interface ImageShelf {
  put(image: FoundImage): void;
  remove(externalId: string): void;
  list(): FoundImage[];
}

export function createMemoryShelf(): ImageShelf {
  const images = new Map<string, FoundImage>();
  return {
    put: (image) => void images.set(image.externalId, image),
    remove: (externalId) => void images.delete(externalId),
    list: () => [...images.values()],
  };
}

/** One file an image in the directory that holds the instances too. */
export function createFileShelf(directory: string, provider: string): ImageShelf {
  mkdirSync(directory, { recursive: true });
  const prefix = `.image-${encodeURIComponent(provider)}:`;
  const fileOf = (externalId: string) => join(directory, prefix + encodeURIComponent(externalId));
  return {
    put(image) {
      const file = fileOf(image.externalId);
      const partial = join(directory, `.new-${process.pid}${prefix}${encodeURIComponent(image.externalId)}`);
      writeFileSync(partial, JSON.stringify(image));
      renameSync(partial, file);
    },
    remove: (externalId) => rmSync(fileOf(externalId), { force: true }),
    list: () =>
      readdirSync(directory)
        .filter((name) => name.startsWith(prefix))
        .flatMap((name) => readImage(join(directory, name)) ?? []),
  };
}

/** Undefined when the file has just gone. */
function readImage(file: string): FoundImage | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as FoundImage;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export function createFakeImages(
  config: ProviderConfig,
  {
    clock,
    shelf,
    track,
  }: { clock: Clock; shelf: ImageShelf; track: <T>(work: () => Promise<T>) => Promise<T> },
): ImageStore {
  const { options } = config;
  const random = createRandom((options['seed'] as number | undefined) ?? Date.now());
  const failureRate = (options['upload-failure-rate'] as number | undefined) ?? 0;
  const [minMs, maxMs] = readDelay(options['upload-delay']);

  async function upload(spec: UploadSpec, { signal, onExternalId, onProgress }: UploadContext) {
    signal.throwIfAborted();
    const externalId = `${config.name}-image-${spec.mark.image}-${spec.mark.upload}`;
    await onExternalId(externalId);
    shelf.put({ externalId, name: spec.name, ...spec.mark });
    try {
      const sha256 = await readThrough(spec.file, { signal, onProgress });
      if (spec.checksums.sha256 !== undefined && spec.checksums.sha256 !== sha256) {
        throw new Error(`the file arrived with SHA-256 ${sha256}, expected ${spec.checksums.sha256}`);
      }
      if (maxMs > 0) await clock.sleep(minMs + random() * (maxMs - minMs), signal);
      signal.throwIfAborted();
      if (failureRate > 0 && random() < failureRate) {
        throw new Error('the fake cloud failed on purpose (upload-failure-rate)');
      }
      return { externalId };
    } catch (error) {
      shelf.remove(externalId);
      throw error;
    }
  }

  return {
    wanted: () => Promise.resolve(readWanted(config, options['image-format'] as string)),
    upload: (spec, context) => track(() => upload(spec, context)),
    remove: (externalId) => Promise.resolve(shelf.remove(externalId)),
    list: () => Promise.resolve(shelf.list()),
  };
}

/** Reads a file in pieces; returns its SHA-256. */
async function readThrough(
  file: string,
  { signal, onProgress }: Pick<UploadContext, 'signal' | 'onProgress'>,
): Promise<string> {
  const hash = createHash('sha256');
  let readBytes = 0;
  for await (const part of createReadStream(file, { signal }) as AsyncIterable<Buffer>) {
    hash.update(part);
    onProgress((readBytes += part.length));
  }
  return hash.digest('hex');
}
