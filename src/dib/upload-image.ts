/** One upload of one build to one provider. */
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { nowS } from '../clock.ts';
import type { DiskImage } from '../config/config.ts';
import type { WantedImage } from '../driver/images.ts';
import { NotFoundError, reasonOf } from '../errors.ts';
import {
  makeUpload,
  parseBuildId,
  parseUploadId,
  uploadPrefix,
  type ImageBuild,
  type ImageUpload,
} from '../model/image.ts';
import type { Entry, HeldMutex } from '../store/store.ts';
import { uploadsOf, type Context } from './context.ts';
import { readChecksums } from './files.ts';
import { basePath } from './names.ts';
import type { ImageProvider } from './providers.ts';

const PROGRESS_MS = 1_000;
const HOOK_TIME_MS = 600_000;

export interface UploadPlan {
  /** As described now; undefined when the description has gone meanwhile. */
  image: DiskImage | undefined;
  wanted: WantedImage;
  build: Entry<ImageBuild>;
  provider: ImageProvider;
}

/**
 * Uploads a build, if nobody else does or has done it. Resolves with false when there was nothing to do; throws why it
 * failed, when the failure is in the record.
 */
export async function uploadImage(context: Context, plan: UploadPlan): Promise<boolean> {
  const { store } = context;
  const { image, build } = parseBuildId(plan.build.id);
  const provider = plan.provider.config.name;
  const held = await store.acquire({ kind: 'upload', image, build, provider });
  if (held === undefined) return false;
  try {
    const current = await store.builds.get(plan.build.id);
    if (current?.value.state !== 'ready') return false;
    const done = (await store.uploads.list()).some(
      ({ id, value }) => id.startsWith(uploadPrefix(image, build, provider)) && value.state === 'ready',
    );
    if (done) return false;
    await uploadUnderLock(context, plan, held);
    return true;
  } finally {
    await held.release();
  }
}

async function uploadUnderLock(context: Context, plan: UploadPlan, held: HeldMutex): Promise<void> {
  const { store, clock } = context;
  const { image, build } = parseBuildId(plan.build.id);
  const provider = plan.provider.config.name;
  const { username, pythonPath, shellType } = plan.build.value;
  const record = makeUpload({ state: 'uploading', stateTimeS: nowS(clock), username, pythonPath, shellType });
  const { id } = await store.uploads.create(record, { prefix: uploadPrefix(image, build, provider) });
  const log = plan.provider.log.child({ image, build, upload: parseUploadId(id).upload });
  const change = async (fields: Partial<ImageUpload>) => {
    await store.uploads.update(id, (upload) => ({ ...upload, ...fields }));
  };
  const startS = nowS(clock);
  log.info('upload started', { format: plan.wanted.format });
  try {
    const uploaded = await transfer(context, plan, { id, held, change });
    await change({
      ...uploaded,
      state: 'ready',
      stateTimeS: nowS(clock),
      format: plan.wanted.format,
      error: null,
    });
    log.info('upload ready', { externalId: uploaded.externalId, seconds: Math.round(nowS(clock) - startS) });
  } catch (error) {
    const reason = reasonOf(error);
    await change({
      state: 'failed',
      stateTimeS: nowS(clock),
      error: reason,
      externalId: null,
      externalName: null,
    }).catch((problem: unknown) => {
      if (!(problem instanceof NotFoundError)) throw problem;
    });
    throw error;
  }
}

async function transfer(
  context: Context,
  { image, wanted, provider }: UploadPlan,
  under: { id: string; held: HeldMutex; change: (fields: Partial<ImageUpload>) => Promise<void> },
): Promise<{ externalId: string; externalName: string }> {
  const mark = parseUploadId(under.id);
  const { options } = provider.config;
  const file = `${basePath(context.config().imagesDir ?? '', mark)}.${wanted.format}`;
  const sizeBytes = (await stat(file)).size;
  const externalName = formatName(options['image-name-format'] as string | undefined, {
    image_name: mark.image,
    timestamp: String(Math.floor(nowS(context.clock))),
    upload_id: mark.upload,
  });
  const stall = watchForStall(
    context,
    ((options['image-upload-timeout'] as number | undefined) ?? 3600) * 1000,
  );
  const progress = reportProgress(context, under.change, sizeBytes);
  try {
    const { externalId } = await provider.images.upload(
      {
        mark: { image: mark.image, build: mark.build, upload: mark.upload },
        name: externalName,
        file,
        format: wanted.format,
        sizeBytes,
        checksums: await readChecksums(file, sizeBytes),
        properties: { ...image?.metadata, ...wanted.meta },
      },
      {
        signal: AbortSignal.any([context.aborted, under.held.lost, stall.signal]),
        log: provider.log,
        onExternalId: (externalId) => under.change({ externalId, externalName }),
        onProgress(sentBytes) {
          stall.moved();
          progress.report(sentBytes);
        },
      },
    );
    await progress.settled();
    await runHook(
      options['post-upload-hook'] as string | undefined,
      [provider.config.name, externalId, file],
      {
        onFailure: () => provider.images.remove(externalId, context.aborted),
      },
    );
    return { externalId, externalName };
  } finally {
    stall.end();
    await progress.settled();
  }
}

/** `{image_name}-{timestamp}` → `debian-1718011801` */
export function formatName(
  format = '{image_name}-{timestamp}',
  values: { image_name: string; timestamp: string; upload_id: string },
): string {
  return format.replaceAll(
    /\{(image_name|timestamp|upload_id)\}/g,
    (_, key: keyof typeof values) => values[key],
  );
}

/** Aborts when nothing has been sent for that long, which includes the time that the provider takes after the last byte. */
function watchForStall({ clock }: Context, limitMs: number) {
  const aborter = new AbortController();
  let cancel: () => void = () => undefined;
  const moved = () => {
    cancel();
    cancel = clock.after(limitMs, () => {
      aborter.abort(new Error(`no progress for ${limitMs / 1000} s (image-upload-timeout)`));
    });
  };
  moved();
  return { signal: aborter.signal, moved, end: () => cancel() };
}

/** Writes at most once a second how far it is. */
function reportProgress(
  { clock }: Context,
  change: (fields: Partial<ImageUpload>) => Promise<void>,
  totalBytes: number,
) {
  let writing: Promise<void> = Promise.resolve();
  let nextMs = 0;
  return {
    report(sentBytes: number) {
      if (clock.nowMs() < nextMs) return;
      nextMs = clock.nowMs() + PROGRESS_MS;
      writing = change({ sentBytes, totalBytes }).catch(() => undefined);
    },
    settled: () => writing,
  };
}

/** `HOOK PROVIDER EXTERNAL_ID FILE`, without a shell. A failure takes the image in the provider back. */
async function runHook(
  hook: string | undefined,
  args: readonly string[],
  { onFailure }: { onFailure: () => Promise<void> },
): Promise<void> {
  if (hook === undefined) return;
  try {
    await promisify(execFile)(hook, args, { timeout: HOOK_TIME_MS, killSignal: 'SIGKILL' });
  } catch (error) {
    await onFailure();
    const { stderr = '' } = error as { stderr?: string };
    const line = stderr.trim().split('\n').at(-1);
    throw new Error(`post-upload-hook ${hook} failed: ${line ? line : reasonOf(error)}`, { cause: error });
  }
}

/** Uploads of a build to a provider that could still be used. */
export function hasUpload(context: Context, build: string, provider: string): boolean {
  return uploadsOf(context.images, build, provider).some(({ value }) => value.state === 'ready');
}
