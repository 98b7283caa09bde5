/** Clean-up decides by what it saw a moment ago; what has gone on since then is left alone. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createDrivers } from '../../../src/bin/drivers.ts';
import { systemClock } from '../../../src/clock.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { watchImages, type Context } from '../../../src/dib/context.ts';
import { createImageProviders } from '../../../src/dib/providers.ts';
import { pruneImages } from '../../../src/dib/prune-images.ts';
import { silentLogger } from '../../../src/log.ts';
import { buildId, makeBuild, makeUpload } from '../../../src/model/image.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { openBuilder } from '../../support/builder.ts';
import { freePort } from '../../support/free-port.ts';
import { tempDir } from '../../support/temp.ts';

const BUILD = buildId('debian', '0'.repeat(32));
const NEWER = buildId('debian', '1'.repeat(32));

t.test('a build and an upload that become ready during the clean-up stay', async (t) => {
  const dir = tempDir(t);
  const imagesDir = join(dir, 'images');
  mkdirSync(imagesDir);
  const path = join(dir, 'nodepool.yaml');
  writeFileSync(
    path,
    `images-dir: ${imagesDir}
labels: []
diskimages: [{name: debian, elements: [vm]}]
providers: [{name: cloud, driver: fake, diskimages: [{name: debian}], pools: []}]
`,
  );
  const config = await loadConfig({ path, drivers: createDrivers(), env: {} });
  const store = await openEmbeddedStore({ dir: join(dir, 'state'), log: silentLogger });
  t.teardown(() => store.close());

  const builderId = 'b'.repeat(32);
  await store.builds.create(makeBuild({ state: 'building', builderId }), { id: BUILD });
  await store.builds.create(makeBuild({ state: 'building', builderId }), { id: NEWER });
  const upload = await store.uploads.create(makeUpload({ state: 'uploading' }), {
    prefix: `${BUILD}/cloud/`,
  });
  const images = await watchImages(store, () => undefined);
  t.teardown(() => images.close());
  const seen = { ...images, builds: new Map(images.builds), uploads: new Map(images.uploads) };
  for (const id of [BUILD, NEWER]) await store.builds.update(id, (build) => ({ ...build, state: 'ready' }));
  await store.uploads.update(upload.id, (value) => ({ ...value, state: 'ready' }));

  const context: Context = {
    store,
    clock: systemClock,
    log: silentLogger,
    config: () => config,
    images: seen,
    builderId,
    hostname: 'here',
    env: {},
    building: new Set(),
    aborted: new AbortController().signal,
  };
  const deps = { log: silentLogger, clock: systemClock, onChange: () => undefined };
  const providers = createImageProviders([], deps);
  const wanted = new Map([['cloud', [{ name: 'debian', format: 'qcow2' }]]]);
  await pruneImages({ context, providers, wanted, attempts: new Map(), retryMs: 0 });
  for (const id of [BUILD, NEWER]) t.match(await store.builds.get(id), { value: { state: 'ready' } });
  t.match(await store.uploads.get(upload.id), { value: { state: 'ready' } });

  // What nobody works on any more goes all the same.
  await store.builds.update(BUILD, (build) => ({ ...build, state: 'building' }));
  await store.uploads.update(upload.id, (value) => ({ ...value, state: 'uploading' }));
  const stale = { builds: new Map(images.builds), uploads: new Map(images.uploads) };
  await pruneImages({
    context: { ...context, images: { ...seen, ...stale } },
    providers,
    wanted,
    attempts: new Map(),
    retryMs: 0,
  });
  t.equal(await store.uploads.get(upload.id), undefined);
  t.match(
    await store.builds.get(BUILD),
    { value: { state: 'building' } },
    'after its uploads, in the next round',
  );
});

t.test('an upload that cannot be removed is tried with the next sweep, not with every change', async (t) => {
  const port = await freePort();
  const nowMs = Date.now(); // Time stands still, so that no pause ends.
  const b = await openBuilder(t, {
    clock: { ...systemClock, nowMs: () => nowMs },
    yaml: `diskimages: [{name: debian, dib-cmd: <DIB>, formats: [raw]}]
providers:
  - {name: shelf, driver: directory, host: 127.0.0.1, ssh-port: ${port}, path: /srv/images, diskimages: []}
`,
  });
  const isReady = () => [...b.builds.entries.values()].filter(({ value }) => value.state === 'ready');
  await b.wait(() => isReady().length === 1, 'the first build');
  const [build] = isReady();
  const externalId = `/srv/images/.builds/debian-${'0'.repeat(32)}-0000000001`;
  await b.store.uploads.create(makeUpload({ state: 'deleting', externalId }), {
    prefix: `${build?.id}/shelf/`,
  });
  const attempts = () => b.logged.filter(({ message }) => message.startsWith('upload not removed'));
  await b.wait(() => attempts().length > 0, 'the first attempt');
  for (const count of [2, 3]) {
    await b.request('debian');
    await b.wait(
      () => b.logged.filter(({ message }) => message === 'build ready').length === count,
      'another build',
    );
  }
  t.equal(attempts().length, 1);
  t.equal(attempts()[0]?.level, 'warning');
});
