/** What every driver with images must do. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Provider } from '../../../src/driver/driver.ts';
import type { ImageStore, UploadContext, UploadSpec } from '../../../src/driver/images.ts';
import { silentLogger } from '../../../src/log.ts';
import { tempDir } from '../../support/temp.ts';

export interface ImagesUnderTest {
  provider: Provider;
  /** What the file of an upload holds; by default bytes of no meaning. */
  imageFile?: (t: Test) => string;
  /** What is left of an image beyond what `list` shows. */
  imageRemains?: (externalId: string) => Promise<readonly string[]>;
}

const never = new AbortController().signal;
let nextUpload = 1;

export async function imagesContract(t: Test, open: (t: Test) => Promise<ImagesUnderTest>): Promise<void> {
  await t.test(
    'lists an uploaded image with what makes it ours, until it is removed; twice is fine',
    async (t) => {
      const under = await open(t);
      const images = imagesOf(under);
      const spec = await makeSpec(t, under);
      const sent: number[] = [];
      const { externalId } = await upload(images, spec, { onProgress: (bytes) => sent.push(bytes) });
      t.match(await find(images, externalId), { name: spec.name, ...spec.mark });
      t.same(
        sent,
        [...sent].sort((a, b) => a - b),
        'progress only grows',
      );
      t.ok(sent.every((bytes) => bytes > 0 && bytes <= spec.sizeBytes));
      const again = imagesOf(await open(t));
      t.match(await find(again, externalId), spec.mark, 'also for one who comes later');
      await images.remove(externalId, never);
      await images.remove(externalId, never);
      await isGone(t, under, externalId);
    },
  );

  await t.test('removing an image that never existed is fine', async (t) => {
    const under = await open(t);
    await imagesOf(under).remove(await idOfNothing(t, under), never);
  });

  await t.test(
    'tells the id of an image before it is complete, and makes nothing when it cannot be stored',
    async (t) => {
      const under = await open(t);
      const images = imagesOf(under);
      let told = '';
      const failing = upload(images, await makeSpec(t, under), {
        onExternalId: (id) => {
          told = id;
          return Promise.reject(new Error('store is gone'));
        },
      });
      await t.rejects(failing, { message: 'store is gone' });
      await isGone(t, under, told);
    },
  );

  await t.test('an upload that is cancelled leaves nothing, whenever it is cancelled', async (t) => {
    const under = await open(t);
    const images = imagesOf(under);
    const before = AbortSignal.abort(new Error('not wanted'));
    await t.rejects(upload(images, await makeSpec(t, under), { signal: before }), 'before it began');

    const early = new AbortController();
    let told = '';
    const cancelled = upload(images, await makeSpec(t, under), {
      signal: early.signal,
      onExternalId: (id) => {
        told = id;
        early.abort(new Error('not wanted'));
        return Promise.resolve();
      },
    });
    await t.rejects(cancelled, 'as soon as it has an id');
    await isGone(t, under, told);
  });

  await t.test('a file that arrives differently is refused, and leaves nothing', async (t) => {
    const under = await open(t);
    const images = imagesOf(under);
    const spec = await makeSpec(t, under);
    const wrong = { md5: '0'.repeat(32), sha256: '0'.repeat(64) };
    let told = '';
    const failing = upload(
      images,
      { ...spec, checksums: wrong },
      {
        onExternalId: (id) => {
          told = id;
          return Promise.resolve();
        },
      },
    );
    await t.rejects(failing, { message: /0{32}/ });
    await isGone(t, under, told);
  });

  await t.test('several uploads of one image exist beside each other', async (t) => {
    const under = await open(t);
    const images = imagesOf(under);
    const specs = [await makeSpec(t, under), await makeSpec(t, under)];
    const ids = (await Promise.all(specs.map((spec) => upload(images, spec)))).map(
      ({ externalId }) => externalId,
    );
    t.equal(new Set(ids).size, 2);
    await images.remove(ids[0] ?? '', never);
    t.ok(await find(images, ids[1] ?? ''), 'the other one stays');
    await images.remove(ids[1] ?? '', never);
    await isGone(t, under, ids[1] ?? '');
  });
}

function imagesOf({ provider }: ImagesUnderTest): ImageStore {
  if (provider.images === undefined) throw new TypeError('the provider has no images');
  return provider.images;
}

async function makeSpec(t: Test, under: ImagesUnderTest): Promise<UploadSpec> {
  const [wanted] = await imagesOf(under).wanted();
  if (wanted === undefined) throw new TypeError('the provider under test must list a diskimage');
  const file = under.imageFile?.(t) ?? join(tempDir(t), `image.${wanted.format}`);
  const content = under.imageFile ? undefined : Buffer.alloc(300_000, 'image');
  if (content) writeFileSync(file, content);
  const bytes = content ?? readFileSync(file);
  const upload = String(nextUpload++).padStart(10, '0');
  return {
    mark: { image: wanted.name, build: '0123456789abcdef0123456789abcdef', upload },
    name: `${wanted.name}-${upload}`,
    file,
    format: wanted.format,
    sizeBytes: bytes.length,
    checksums: {
      md5: createHash('md5').update(bytes).digest('hex'),
      sha256: createHash('sha256').update(bytes).digest('hex'),
    },
    properties: { os: 'debian' },
  };
}

function upload(images: ImageStore, spec: UploadSpec, context: Partial<UploadContext> = {}) {
  return images.upload(spec, {
    signal: never,
    log: silentLogger,
    onExternalId: () => Promise.resolve(),
    onProgress: () => undefined,
    ...context,
  });
}

async function find(images: ImageStore, externalId: string) {
  return (await images.list(never)).find((found) => found.externalId === externalId);
}

/** An id as the driver spells them, of an image that is gone already. */
async function idOfNothing(t: Test, under: ImagesUnderTest): Promise<string> {
  const { externalId } = await upload(imagesOf(under), await makeSpec(t, under));
  await imagesOf(under).remove(externalId, never);
  return externalId;
}

async function isGone(t: Test, under: ImagesUnderTest, externalId: string): Promise<void> {
  t.not(externalId, '', 'there was an id');
  t.equal(await find(imagesOf(under), externalId), undefined, 'not listed');
  t.same((await under.imageRemains?.(externalId)) ?? [], [], 'nothing left');
}
