/** Images in a directory: each upload has a folder of its own, and a link with the image's name points to the newest. */
import { constants, createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import type { ProviderConfig } from '../config/config.ts';
import {
  ImageInUseError,
  readWanted,
  type FoundImage,
  type ImageStore,
  type UploadContext,
  type UploadSpec,
} from '../driver/images.ts';
import { CommandError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { createCheck, type Check } from './check.ts';
import { followCopy } from './follow-copy.ts';
import type { Host } from './host.ts';
import type { DirectoryOptions } from './options.ts';

/** Exit code of `directory.sh` for an image that a container runs on. */
const IN_USE = 75;
/** For removing what a failed upload has left, after which the builder's own removal has to do it. */
const CLEAN_UP_MS = 60_000;
const ID = /^(?<image>.+)-(?<build>[0-9a-f]{32}|\d{10})-(?<upload>\d{10})$/;

/** One line in `mark.json`. */
type StoredMark = Omit<FoundImage, 'externalId'> & { provider: string; id: string };

/** `check` sees each byte that is sent, or that stands in the copy. */
type Sending = UploadContext & { check: Check };

export function createDirectoryImages(
  config: ProviderConfig,
  { path, format }: DirectoryOptions,
  { host, track, log }: { host: Host; track: <T>(work: () => Promise<T>) => Promise<T>; log: Logger },
): ImageStore {
  const store = join(path, '.builds');
  const content = format === 'tar' ? 'rootfs' : `image.${format}`;
  const linkOf = (image: string) => (format === 'tar' ? image : `${image}.${format}`);

  async function upload(spec: UploadSpec, context: UploadContext): Promise<{ externalId: string }> {
    const { signal, onExternalId } = context;
    const { image, build, upload } = spec.mark;
    signal.throwIfAborted();
    const id = `${image}-${build}-${upload}`;
    const externalId = join(store, id);
    await onExternalId(externalId);
    try {
      const mark: StoredMark = { provider: config.name, id, name: spec.name, ...spec.mark };
      const mode = format === 'tar' ? '0700' : '0755'; // Programs with setuid bits are for the containers only.
      await host.run('begin', [id, mode], { input: `${JSON.stringify(mark)}\n`, signal });
      await send(id, spec, context);
      await host.run('publish', [id, linkOf(image), content], { signal });
      return { externalId };
    } catch (error) {
      await remove(externalId, AbortSignal.timeout(CLEAN_UP_MS)).catch(() => undefined);
      throw error;
    }
  }

  async function send(id: string, spec: UploadSpec, context: UploadContext): Promise<void> {
    const check = createCheck(spec);
    const near = await isNear(id);
    await (near ? copy : stream)(id, spec, { ...context, check });
    check.end();
    if (near) await host.run('complete', [id, format], context);
  }

  /** Its copy can be read here, also by a builder that is not root: the kernel may copy it, and leave out its holes. */
  async function isNear(id: string): Promise<boolean> {
    if (format === 'tar' || !host.local) return false;
    return await access(join(store, id, 'mark.json'), constants.R_OK).then(
      () => true,
      () => false,
    );
  }

  async function copy(id: string, spec: UploadSpec, { signal, onProgress, check }: Sending): Promise<void> {
    const copying = host.run('copy', [id, format, spec.file], { signal });
    await followCopy(join(store, id, `${content}.new`), copying, (part) => onProgress(check.update(part)));
  }

  async function stream(id: string, spec: UploadSpec, { signal, onProgress, check }: Sending): Promise<void> {
    const input = readThrough(spec.file, (part) => onProgress(check.update(part)));
    if (format === 'tar') await host.run('unpack', [id], { input, signal });
    else {
      const { sha256 } = spec.checksums;
      const sum = host.local || sha256 === undefined ? [] : [sha256];
      await host.run('receive', [id, format, String(spec.sizeBytes), ...sum], { input, signal });
    }
  }

  async function remove(externalId: string, signal: AbortSignal): Promise<void> {
    const id = basename(externalId);
    const image = ID.exec(id)?.groups?.['image'];
    // Not one of ours: nothing that this provider has made is called so.
    if (image === undefined || dirname(externalId) !== store) return;
    const others = `${image}-*-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]`;
    try {
      await host.run('remove', [id, linkOf(image), content, others], { signal });
    } catch (error) {
      if (error instanceof CommandError && error.exitCode === IN_USE)
        throw new ImageInUseError(error.message);
      throw error;
    }
  }

  /** `ID {…}`; what is no mark, perhaps cut off by a loss of power, belongs to nobody. */
  function readMark(line: string): StoredMark[] {
    const id = line.slice(0, line.indexOf(' '));
    try {
      const mark = JSON.parse(line.slice(id.length)) as StoredMark | null;
      return mark === null ? [] : [mark];
    } catch {
      log.warning('an image has a broken mark, and is left out', { file: join(store, id, 'mark.json') });
      return [];
    }
  }

  return {
    wanted: () => Promise.resolve(readWanted(config, format)),
    upload: (spec, context) => track(() => upload(spec, context)),
    remove: (externalId, signal) => track(() => remove(externalId, signal)),
    async list(signal) {
      const lines = (await host.run('list', [], { signal })).split('\n').filter((line) => line !== '');
      return lines
        .flatMap((line) => readMark(line))
        .filter(({ provider }) => provider === config.name)
        .map(({ id, name, image, build, upload }) => ({
          externalId: join(store, id),
          name,
          image,
          build,
          upload,
        }));
    },
  };
}

/** `onPart` sees the file on its way. */
function readThrough(file: string, onPart: (part: Buffer) => void): Readable {
  const watched = new Transform({
    transform(part: Buffer, _encoding, done) {
      onPart(part);
      done(null, part);
    },
  });
  const source = createReadStream(file, { highWaterMark: 1024 * 1024 });
  source.once('error', (error) => watched.destroy(error));
  watched.once('close', () => source.destroy());
  return source.pipe(watched);
}
