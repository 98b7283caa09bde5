/** Removes what is not needed any more: uploads, then the builds that have none left, and files without a record. */
import { nowS } from '../clock.ts';
import { ImageInUseError } from '../driver/images.ts';
import { NotFoundError, reasonOf } from '../errors.ts';
import { parseBuildId, parseUploadId, type ImageBuild, type ImageUpload } from '../model/image.ts';
import type { Entry } from '../store/store.ts';
import { buildsOf, uploadsOf, type Context } from './context.ts';
import { newestFailed } from './due.ts';
import { listFiles, removeFiles, removeFormat } from './files.ts';
import { forgetRunning, listRunning } from './journal.ts';
import { releaseLeftovers } from './leftovers.ts';
import type { ImageProviders } from './providers.ts';

/** As many ready builds of an image, and uploads of it in a provider, are kept: one to use, one to go back to. */
const KEPT = 2;

export interface PruneParts {
  context: Context;
  providers: ImageProviders;
  /** Images by provider; providers that cannot tell are absent, and nothing of theirs is removed. */
  wanted: ReadonlyMap<string, readonly { name: string; format: string }[]>;
  /** Uploads that could not be removed the last time. */
  attempts: Attempts;
  /** So long each of them is left alone: the attempt itself is a change in the store, which leads to another round. */
  retryMs: number;
}

/** By upload. */
export type Attempts = Map<string, { reason: string; dueMs: number }>;

export async function pruneImages(parts: PruneParts): Promise<void> {
  const { context } = parts;
  const images = new Set([...context.images.builds.keys()].map((id) => parseBuildId(id).image));
  await releaseKilled(context);
  for (const image of [...images].sort()) {
    await guard(context, { image }, () => pruneImage(parts, image));
  }
  await guard(context, {}, () => pruneFiles(context));
  await guard(context, {}, () => pruneUploaded(parts));
}

async function guard(context: Context, fields: { image?: string }, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof NotFoundError))
      context.log.error('clean-up failed', { ...fields, error: reasonOf(error) });
  }
}

/** What builds of an earlier process of this builder have left in the system. */
async function releaseKilled(context: Context): Promise<void> {
  const { imagesDir = '' } = context.config();
  for (const entry of await listRunning(imagesDir)) {
    if (context.building.has(`${entry.image}/${entry.build}`)) continue;
    context.log.warning('cleaning up after a build that was cut off', {
      image: entry.image,
      build: entry.build,
    });
    await releaseLeftovers({ ...entry, patienceMs: 0 }, context);
    await removeFiles(imagesDir, entry);
    await forgetRunning(imagesDir, entry);
  }
}

async function pruneImage(parts: PruneParts, image: string): Promise<void> {
  const { context } = parts;
  const builds = buildsOf(context.images, image);
  const kept = keptBuilds(context, image, builds);
  const protectedUploads = findProtected(parts, image);
  for (const build of builds) {
    for (const upload of uploadsOf(context.images, build.id)) {
      if (isSuperfluous(parts, build, upload, { kept: kept.has(build.id), protectedUploads })) {
        await pruneUpload(parts, upload);
      }
    }
    if (!kept.has(build.id)) await pruneBuild(context, build);
  }
}

/** The newest ready ones, and the last failure for people to see; none of an image that is not configured any more. */
export function keptBuilds(
  { config }: Pick<Context, 'config'>,
  image: string,
  builds: readonly Entry<ImageBuild>[],
): Set<string> {
  if (!config().diskimages.has(image)) return new Set();
  const ready = builds
    .filter(({ value }) => value.state === 'ready')
    .sort((a, b) => b.value.stateTimeS - a.value.stateTimeS)
    .slice(0, KEPT);
  const failed = newestFailed(builds);
  return new Set([...ready, ...(failed ? [failed] : [])].map(({ id }) => id));
}

/** The two newest ready uploads in each provider that still wants the image. */
function findProtected({ context, wanted }: PruneParts, image: string): Set<string> {
  const ready = [...context.images.uploads.values()].filter(
    ({ id, value }) => id.startsWith(`${image}/`) && value.state === 'ready',
  );
  ready.sort((a, b) => b.value.stateTimeS - a.value.stateTimeS);
  const chosen = new Set<string>();
  for (const [provider, images] of wanted) {
    if (!context.config().diskimages.has(image) || !images.some(({ name }) => name === image)) continue;
    const own = ready.filter(({ id }) => parseUploadId(id).provider === provider).slice(0, KEPT);
    for (const { id } of own) chosen.add(id);
  }
  return chosen;
}

function isSuperfluous(
  { context, wanted }: PruneParts,
  build: Entry<ImageBuild>,
  { id, value }: Entry<ImageUpload>,
  { kept, protectedUploads }: { kept: boolean; protectedUploads: ReadonlySet<string> },
): boolean {
  const { image, provider } = parseUploadId(id);
  const images = wanted.get(provider);
  if (images === undefined) return false; // Not configured here, or it does not answer.
  if (!images.some(({ name }) => name === image) || !context.config().diskimages.has(image)) return true;
  if (value.state === 'failed') return !isLastFailure(context, id);
  if (value.state !== 'ready') return true;
  return build.value.state === 'deleting' || (!kept && !protectedUploads.has(id));
}

/** Shown until an upload of the build to the provider succeeds. */
function isLastFailure({ images }: Context, id: string): boolean {
  const { image, build, provider } = parseUploadId(id);
  return uploadsOf(images, `${image}/${build}`, provider).every((other) => other.id <= id);
}

/** Removes an upload, unless it is in progress, in use, or somebody else is at it. */
async function pruneUpload(
  { context, providers, attempts, retryMs }: PruneParts,
  { id, value }: Entry<ImageUpload>,
): Promise<void> {
  const { store, clock } = context;
  const before = attempts.get(id);
  if (before && clock.nowMs() < before.dueMs) return;
  const { image, build, provider } = parseUploadId(id);
  const log = context.log.child({ image, build, provider });
  if (value.state === 'uploading') {
    const held = await store.acquire({ kind: 'upload', image, build, provider });
    if (!held) return;
    await held.release();
    log.warning('an upload was cut off', { upload: parseUploadId(id).upload });
  }
  if (value.externalId !== null && (await isUsed(context, provider, value.externalId))) return;
  const held = await store.uploads.lock(id);
  if (!held) return;
  try {
    if (held.entry.value.state !== value.state) return; // It went on meanwhile.
    const { externalId } = held.entry.value;
    await store.uploads.update(held.entry, (upload) =>
      upload.state === 'deleting' ? undefined : { ...upload, state: 'deleting', stateTimeS: nowS(clock) },
    );
    if (externalId !== null) await providers.get(provider)?.images.remove(externalId, context.aborted);
    await store.uploads.remove(id);
    attempts.delete(id);
    log.info('upload removed', { upload: parseUploadId(id).upload, externalId });
  } catch (error) {
    if (error instanceof NotFoundError) return void attempts.delete(id);
    const reason = reasonOf(error);
    attempts.set(id, { reason, dueMs: clock.nowMs() + retryMs });
    if (error instanceof ImageInUseError) log.debug('an old image is still in use', { error: reason });
    else
      log[before?.reason === reason ? 'debug' : 'warning']('upload not removed, trying again', {
        error: reason,
      });
  } finally {
    await held.release();
  }
}

async function isUsed({ store }: Context, provider: string, externalId: string): Promise<boolean> {
  const nodes = await store.nodes.list();
  return nodes.some(({ value }) => value.provider === provider && value.imageId === externalId);
}

async function pruneBuild(context: Context, { id, value }: Entry<ImageBuild>): Promise<void> {
  const { store, clock } = context;
  const name = parseBuildId(id);
  if (value.state === 'building' && (context.building.has(id) || (await isRunning(context, name.image))))
    return;
  const uploads = uploadsOf(context.images, id);
  if (uploads.some((upload) => upload.value.state !== 'deleting')) return;
  const held = await store.builds.lock(id);
  if (!held) return;
  try {
    if (held.entry.value.state !== value.state) return; // It went on meanwhile, and may be good now.
    await store.builds.update(held.entry, (build) =>
      build.state === 'deleting' ? undefined : { ...build, state: 'deleting', stateTimeS: nowS(clock) },
    );
    if (uploads.length > 0) return;
    if (value.builderId === context.builderId) await removeFiles(context.config().imagesDir ?? '', name);
    await store.builds.remove(id);
    context.log.info('build removed', { ...name, state: value.state });
  } finally {
    await held.release();
  }
}

/** Somebody holds the lock of the image: a build in state `building` may be alive. */
async function isRunning({ store }: Context, image: string): Promise<boolean> {
  const held = await store.acquire({ kind: 'build', image });
  await held?.release();
  return held === undefined;
}

/** Files of builds that have no record, or one that is to go. */
async function pruneFiles(context: Context): Promise<void> {
  const { imagesDir = '' } = context.config();
  for (const id of (await listFiles(imagesDir)).keys()) {
    if (context.building.has(id)) continue;
    const record = await context.store.builds.get(id);
    if (record !== undefined && record.value.state !== 'deleting') continue;
    await removeFiles(imagesDir, parseBuildId(id));
    context.log.info('files of a removed build deleted', { ...parseBuildId(id) });
  }
}

/** `delete-after-upload`: formats that every provider has got, except those to be kept. */
async function pruneUploaded({ context, wanted }: PruneParts): Promise<void> {
  const { imagesDir = '', diskimages } = context.config();
  for (const [id, files] of await listFiles(imagesDir)) {
    const build = context.images.builds.get(id);
    const name = parseBuildId(id);
    const image = diskimages.get(name.image);
    if (!image?.deleteAfterUpload || build?.value.state !== 'ready') continue;
    const needed = new Set(image.keepFormats);
    let listed = false;
    for (const [provider, images] of wanted) {
      for (const { format } of images.filter((wish) => wish.name === image.name)) {
        listed = true;
        if (!uploadsOf(context.images, id, provider).some(({ value }) => value.state === 'ready'))
          needed.add(format);
      }
    }
    if (!listed) continue;
    for (const format of build.value.formats) {
      const exists = files.includes(`${name.image}-${name.build}.${format}`);
      if (exists && !needed.has(format)) await removeFormat(imagesDir, name, format);
    }
  }
}
