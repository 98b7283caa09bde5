/** A builder as a process of its own, and who asks it for images. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../src/log.ts';
import { makeMark, type ImageBuild, type ImageUpload } from '../src/model/image.ts';
import { openEmbeddedStore } from '../src/store/embedded.ts';
import type { Entry, Store } from '../src/store/store.ts';
import { atEnd } from './clean-up.ts';
import { startBuilder, type DaemonProcess } from './daemon-process.ts';

export interface BuilderPlace {
  directory: string;
  store: Store;
  /** nodepool.yaml of the builder. */
  config: string;
  builder: DaemonProcess;
  /** The first build that nobody has been told of: resolves when it is ready, throws when it has failed. Asks for none. */
  nextBuild(image: string): Promise<Entry<ImageBuild>>;
  nextUpload(image: string): Promise<Entry<ImageUpload>>;
  /** The first change of the upload that is next: it begins. */
  uploadBegun(image: string): Promise<void>;
  /** Writes the request as the command does. */
  ask(image: string): Promise<void>;
  /** Resolves when no more than the kept uploads, and no request, are left. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/** How many builds and uploads of an image the builder keeps. */
const KEPT = 2;
const PATIENCE_MS = 300_000;

/** Its directory, where the images are, is on the disk that the system's temporary files are on. */
export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'nodepool-bench-'));
  atEnd(directory, () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** @param state sections of nodepool.yaml that say where the state is, and the same state opened; by default a directory. */
export async function openBuilderPlace(
  directory: string,
  images: { diskimages: readonly object[]; providers?: readonly object[]; 'elements-dir'?: string },
  { profileDir, state }: { profileDir: string | undefined; state?: { sections: object; store: Store } },
): Promise<BuilderPlace> {
  const stateDir = join(directory, 'state');
  const store = state?.store ?? (await openEmbeddedStore({ dir: stateDir, log: silentLogger }));
  const closeStore = atEnd('state of the builder', () => store.close());
  const imagesDir = join(directory, 'images');
  mkdirSync(imagesDir, { recursive: true });
  const sections = {
    ...(state?.sections ?? { 'state-dir': stateDir }),
    'images-dir': imagesDir,
    'build-log-dir': join(directory, 'logs'),
    ...images,
  };
  const waiting = new Set<() => void>();
  const wake = () => waiting.forEach((check) => check());
  const [builds, uploads, requests] = await Promise.all([
    store.builds.watch(wake),
    store.uploads.watch(wake),
    store.buildRequests.watch(wake),
  ]);
  const wait = <T>(what: string, find: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(late);
        waiting.delete(check);
      };
      const check = () => {
        const found = find();
        if (found === undefined) return;
        end();
        resolve(found);
      };
      const late = setTimeout(() => {
        end();
        reject(new Error(`waited ${PATIENCE_MS / 1000} s in vain for ${what}`));
      }, PATIENCE_MS);
      waiting.add(check);
      check();
    });
  const told = new Set<string>();
  type Outcome = Entry<{ state: string; error: string | null }>;
  const next = async <T extends Outcome>(entries: ReadonlyMap<string, T>, image: string, what: string) => {
    const isOver = ({ value }: T) => !['building', 'uploading'].includes(value.state);
    const isNew = ({ id }: T) => id.startsWith(`${image}/`) && !told.has(id);
    const found = await wait(`${what} of ${image}`, () =>
      [...entries.values()].find((entry) => isNew(entry) && isOver(entry)),
    );
    told.add(found.id);
    if (found.value.state === 'ready') return found;
    throw new Error(`${what} of ${image}: ${found.value.error ?? found.value.state}`);
  };
  const builder = await startBuilder(directory, JSON.stringify(sections), profileDir);
  return {
    directory,
    store,
    config: join(directory, 'nodepool.yaml'),
    builder,
    nextBuild: (image) => next(builds.entries, image, 'a build'),
    nextUpload: (image) => next(uploads.entries, image, 'an upload'),
    uploadBegun: (image) => {
      const before = uploads.entries.size;
      return wait(`the beginning of an upload of ${image}`, () =>
        uploads.entries.size > before ? true : undefined,
      ).then(() => undefined);
    },
    async ask(image) {
      await store.buildRequests.create(makeMark(), { id: image });
    },
    async settled() {
      await wait('the end of what was removed', () =>
        requests.entries.size === 0 && uploads.entries.size <= KEPT ? true : undefined,
      );
    },
    async stop() {
      await builder.stop();
      await closeStore();
    },
  };
}

export interface StandIn {
  /** Keys of a diskimage that is built by it. */
  keys: { 'dib-cmd': string; 'env-vars': Record<string, string> };
  /** Unix time in ms at which it was started last. */
  startedMs(): number;
}

/** @param image the file that it has lying ready, with its checksum beside it */
export function makeStandIn(directory: string, name: string, image: string, seconds = 0): StandIn {
  const file = join(directory, `${name}.started`);
  return {
    keys: {
      'dib-cmd': join(import.meta.dirname, 'dib-stand-in.sh'),
      'env-vars': { BENCH_STARTED: file, BENCH_IMAGE: image, BENCH_SECONDS: String(seconds) },
    },
    startedMs: () => Number(readFileSync(file, 'utf8').trim().split('\n').at(-1)) * 1000,
  };
}

/** A few bytes, for where the image does not matter. */
export function makeSmallImage(directory: string): string {
  const file = join(directory, 'small.raw');
  writeFileSync(file, 'an image\n');
  writeFileSync(`${file}.sha256`, '');
  return file;
}
