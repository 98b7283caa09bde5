import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { LoadedConfig } from '../../../src/config/load.ts';
import { systemClock } from '../../../src/clock.ts';
import { createFakeDriver } from '../../../src/fake/driver.ts';
import { silentLogger } from '../../../src/log.ts';
import { makeBuild, makeMark, makeUpload } from '../../../src/model/image.ts';
import { providerConfig } from '../../support/provider-config.ts';
import { openCli } from '../../support/cli.ts';
import { tempDir } from '../../support/temp.ts';

const BUILD = '0123456789abcdef0123456789abcdef';
const OTHER = 'fedcba9876543210fedcba9876543210';

function configOf(given: Partial<LoadedConfig> = {}): LoadedConfig {
  const diskimages = new Map([
    ['debian', { name: 'debian', pause: false }],
    ['frozen', { name: 'frozen', pause: true }],
  ]);
  return { diskimages, providers: new Map(), ...given } as unknown as LoadedConfig;
}

t.test('lists builds with formats, states and the reason of a failure, paused ones as paused', async (t) => {
  const { store, run } = await openCli(t);
  const now = Date.now() / 1000;
  await store.builds.create(
    makeBuild({ state: 'ready', stateTimeS: now - 3700, builder: 'nb01', formats: ['raw', 'qcow2'] }),
    { id: `debian/${BUILD}` },
  );
  await store.builds.create(
    makeBuild({ state: 'failed', stateTimeS: now - 65, error: 'exit code 1: E: no' }),
    {
      id: `debian/${OTHER}`,
    },
  );
  await store.builds.create(makeBuild({ state: 'ready', stateTimeS: now }), { id: `alpine/${OTHER}` });
  await store.imagePauses.create(makeMark(), { id: 'alpine' });
  const { code, stdout } = await run(['dib-image-list']);
  t.equal(code, 0);
  const rows = stdout.split('\n').slice(3, 6);
  t.match(stdout, /^\| ID +\| Image +\| Builder +\| Formats +\| State +\| Age +\| Remark +\|$/m);
  t.match(rows[0], new RegExp(`^\\| alpine-${OTHER} .*\\| paused +\\| 00:00:00:0`));
  t.match(
    rows[1],
    new RegExp(`^\\| debian-${BUILD} \\| debian \\| nb01 +\\| qcow2,raw \\| ready +\\| 00:01:01:4`),
  );
  t.match(rows[2], /failed +\| 00:00:01:0\d \| exit code 1: E: no \|/);
  const json = JSON.parse((await run(['dib-image-list', '--format', 'json'])).stdout) as object[];
  t.match(json[2], {
    id: `debian-${OTHER}`,
    state: 'failed',
    formats: [],
    age: Math.trunc(now - 65),
    error: /no/,
  });
});

t.test('lists uploads with their progress, and empty tables with their header', async (t) => {
  const { store, run } = await openCli(t);
  t.match(await run(['image-list']), {
    code: 0,
    stdout: /^\+-[^\n]+\n\| Build ID \| Upload ID [^\n]+\n\+-[^\n]+\n\+-[^\n]+\n$/,
  });
  const { id } = await store.uploads.create(
    makeUpload({ state: 'uploading', stateTimeS: 1, sentBytes: 2 ** 20, totalBytes: 4 * 2 ** 20 }),
    { prefix: `debian/${BUILD}/cloud/` },
  );
  const { stdout } = await run(['image-list']);
  t.match(
    stdout,
    new RegExp(
      `\\| ${BUILD} \\| ${id.slice(-10)} \\| cloud +\\| debian \\|.*\\| uploading \\|.*25 % of 4 MiB`,
    ),
  );
  t.match(JSON.parse((await run(['image-list', '--format', 'json'])).stdout), [
    { id: BUILD, upload_id: id.slice(-10), provider: 'cloud', image: 'debian', external_name: null, age: 1 },
  ]);
});

t.test('image-build asks once, and refuses what cannot be built', async (t) => {
  const { store, run } = await openCli(t, { config: configOf() });
  t.match(await run(['image-build', 'debian']), { code: 0, stdout: '' });
  const [first] = await store.buildRequests.list();
  t.match(first, { id: 'debian' });
  t.match(await run(['image-build', 'debian']), { code: 0 });
  const [second, ...others] = await store.buildRequests.list();
  t.match(second, { id: 'debian', createdMs: first?.createdMs });
  t.not(second?.version, first?.version, 'written again: a failure between the two is no reason to wait');
  t.same(others, []);
  t.match(await run(['image-build', 'debain']), {
    code: 1,
    stderr: 'nodepool: Trying to build a non disk-image-builder image: debain (did you mean "debian"?)\n',
  });
  t.match(await run(['image-build', 'frozen']), {
    code: 1,
    stderr: 'nodepool: Skipping build request for image frozen; paused\n',
  });
  t.match(await run(['image-status']), {
    stdout: /\| debian \| False +\| pending +\| 00:00:00:\d\d +\|\n\| frozen \| True +\| +\| +\|/,
  });
});

t.test('image-build tells a wrong name without waiting for a store that is away', async (t) => {
  const { run } = await openCli(t, {
    config: configOf(),
    openStore: async (over) => {
      await once(over, 'abort');
      throw over.reason as Error;
    },
  });
  t.match(await run(['image-build', 'debain']), { code: 1, stderr: /did you mean "debian"/ });
});

for (const [state, code] of [
  ['ready', 0],
  ['failed', 1],
] as const) {
  t.test(`image-build --wait shows the log and ends with ${code} when the build is ${state}`, async (t) => {
    const logs = tempDir(t);
    const { store, run } = await openCli(t, { config: configOf({ buildLogDir: logs }) });
    await store.builds.create(makeBuild({ state: 'ready', stateTimeS: 1 }), { id: `debian/${OTHER}` });
    const log = join(logs, `debian-${BUILD}.log`);
    let begun: Promise<unknown> | undefined;
    const ran = await run(['image-build', 'debian', '--wait'], {
      onOutput(text) {
        if (text.includes('waiting for a builder')) {
          begun ??= store.builds.create(makeBuild({ state: 'building', stateTimeS: 2 }), {
            id: `debian/${BUILD}`,
          });
          writeFileSync(log, 'first line\n');
        }
        if (text.includes('first line') && !text.includes('second line')) {
          writeFileSync(log, 'first line\nsecond line\n');
          void store.builds.update(`debian/${BUILD}`, (build) => ({
            ...build,
            state,
            stateTimeS: 3,
            formats: ['raw'],
            durationS: 42,
            error: state === 'failed' ? 'exit code 1: no space' : null,
          }));
        }
      },
    });
    t.equal(ran.code, code);
    t.match(ran.stderr, /first line\nsecond line\n/);
    if (state === 'ready') t.equal(ran.stdout, `debian-${BUILD} is ready after 42 s: raw\n`);
    else t.match(ran.stderr, `nodepool: debian-${BUILD} failed: exit code 1: no space\n`);
  });
}

t.test('deletes builds and uploads, and says what it cannot delete', async (t) => {
  const { store, run } = await openCli(t);
  await store.builds.create(makeBuild({ state: 'ready' }), { id: `debian-12/${BUILD}` });
  await store.builds.create(makeBuild({ state: 'building' }), { id: `debian-12/${OTHER}` });
  const ran = await run([
    'dib-image-delete',
    `debian-12-${BUILD}`,
    `debian-12-${OTHER}`,
    'debian-12-0',
    'debian',
  ]);
  t.equal(ran.code, 1);
  t.match(ran.stderr, `Cannot delete a build in progress: debian-12-${OTHER}`);
  t.match(ran.stderr, 'Build debian-12-0 not found');
  t.match(ran.stderr, 'expected IMAGE-BUILD');
  t.equal((await store.builds.get(`debian-12/${BUILD}`))?.value.state, 'deleting');
  t.equal((await store.builds.get(`debian-12/${OTHER}`))?.value.state, 'building');

  const prefix = `debian-12/${BUILD}/cloud/`;
  const ready = await store.uploads.create(makeUpload({ state: 'ready' }), { prefix });
  const busy = await store.uploads.create(makeUpload({ state: 'uploading' }), { prefix });
  const remove = (upload: string) =>
    run([
      'image-delete',
      '--provider',
      'cloud',
      '--image',
      'debian-12',
      '--build-id',
      BUILD,
      '--upload-id',
      upload,
    ]);
  t.equal((await remove(String(Number(ready.id.slice(-10))))).code, 0, 'a short number is enough');
  t.equal((await store.uploads.get(ready.id))?.value.state, 'deleting');
  t.match(await remove(busy.id.slice(-10)), { code: 1, stderr: /in progress/ });
  t.match(await remove('77'), { code: 1, stderr: /not found/ });
  t.match(await run(['image-delete', '--provider', 'cloud']), { code: 2, stderr: /--upload-id/ });
});

t.test('pauses and unpauses, also an image that was never built', async (t) => {
  const { store, run } = await openCli(t, { config: configOf() });
  t.match(await run(['image-pause', 'debian']), { code: 0, stdout: /nodepool image-unpause debian ends it/ });
  t.equal((await run(['image-pause', 'debian'])).code, 0);
  t.match(await store.imagePauses.list(), [{ id: 'debian' }]);
  t.match(await run(['image-build', 'debian']), { code: 0, stdout: /paused/ });
  t.match(await run(['image-build', 'debian', '--wait']), { code: 1, stderr: /paused/ });
  t.match(await run(['image-pause', 'nothing']), { code: 1 });
  t.match(await run(['image-unpause', 'debian']), { code: 0, stdout: 'debian is built again\n' });
  t.match(await run(['image-unpause', 'debian']), { code: 0, stdout: 'debian was not paused\n' });
  t.same(await store.imagePauses.list(), []);
});

t.test(
  'lists images of ours that nothing accounts for, and goes on when a provider does not answer',
  async (t) => {
    const driver = createFakeDriver();
    const section = { name: 'cloud', diskimages: [{ name: 'debian' }], pools: [] };
    const config = providerConfig(driver, section);
    const provider = driver.open(config, {
      log: silentLogger,
      clock: systemClock,
      onChange: () => undefined,
    });
    const file = join(tempDir(t), 'image');
    writeFileSync(file, 'x');
    const upload = (number: string) =>
      provider.images?.upload(
        {
          mark: { image: 'debian', build: BUILD, upload: number },
          name: `debian-${number}`,
          file,
          format: 'raw',
          sizeBytes: 1,
          checksums: {},
          properties: {},
        },
        {
          signal: new AbortController().signal,
          log: silentLogger,
          onExternalId: () => Promise.resolve(),
          onProgress: () => undefined,
        },
      );
    const known = await upload('0000000001');
    const alien = await upload('0000000002');
    const broken = {
      ...driver,
      name: 'broken',
      open: () => {
        throw new Error('no answer');
      },
    };
    const providers = new Map([
      ['broken', { ...config, name: 'broken', driver: 'broken' }],
      ['cloud', config],
      ['static', { ...config, name: 'static', driver: 'static' }],
    ]);
    const { store, run } = await openCli(t, { config: configOf({ providers }), drivers: [driver, broken] });
    await store.uploads.create(makeUpload({ state: 'ready', externalId: known?.externalId ?? null }), {
      prefix: `debian/${BUILD}/cloud/`,
    });
    const ran = await run(['alien-image-list', '--format', 'json']);
    t.match(ran, { code: 1, stderr: 'nodepool: cannot list the images of broken: no answer\n' });
    t.same(JSON.parse(ran.stdout), [
      { provider: 'cloud', name: 'debian-0000000002', image_id: alien?.externalId },
    ]);
    t.match(await run(['alien-image-list', 'cloud']), { code: 0, stdout: /debian-0000000002/ });
    t.match(await run(['alien-image-list', 'clouds']), { code: 1, stderr: /did you mean "cloud"/ });
  },
);

t.test('image data is exported and imported as a whole, and numbers go on behind it', async (t) => {
  const one = await openCli(t);
  await one.store.builds.create(makeBuild({ state: 'ready', stateTimeS: 5, formats: ['raw'] }), {
    id: `debian/${BUILD}`,
  });
  const { id } = await one.store.uploads.create(makeUpload({ state: 'ready', externalId: 'e-1' }), {
    prefix: `debian/${BUILD}/cloud/`,
  });
  await one.store.imagePauses.create(makeMark(), { id: 'debian' });
  const file = join(tempDir(t), 'images.json');
  t.match(await one.run(['export-image-data', file]), { code: 0, stdout: /^3 records/ });
  t.equal(statSync(file).mode & 0o777, 0o600);
  const data = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  t.same(Object.keys(data), [
    '/nodepool/images/debian/pause',
    `/nodepool/images/debian/builds/${BUILD}`,
    `/nodepool/images/debian/builds/${BUILD}/providers/cloud/images/${id.slice(-10)}`,
  ]);

  const two = await openCli(t);
  t.match(await two.run(['import-image-data', file]), { code: 0, stdout: /^3 records/ });
  t.equal((await two.run(['import-image-data', file])).code, 0, 'repeating is harmless');
  t.same((await two.store.builds.list())[0]?.value, (await one.store.builds.list())[0]?.value);
  t.match(await two.store.uploads.list(), [{ id, value: { externalId: 'e-1' } }]);
  t.match(await two.store.imagePauses.list(), [{ id: 'debian' }]);
  const next = await two.store.uploads.create(makeUpload({}), { prefix: `debian/${BUILD}/cloud/` });
  t.ok(next.id > id);

  writeFileSync(
    file,
    JSON.stringify({ '/nodepool/images/x/builds/1': 'no', '/other': '', '/nodepool/images/x/pause': '' }),
  );
  const three = await openCli(t);
  const refused = await three.run(['import-image-data', file]);
  t.equal(refused.code, 1);
  t.match(refused.stderr, /builds\/1: expected the JSON text/);
  t.match(refused.stderr, /\/other: expected the path/);
  t.same(await three.store.imagePauses.list(), [], 'nothing is half-applied');
  mkdirSync(join(file, '..', 'folder'));
  t.match(await three.run(['import-image-data', join(file, '..', 'folder')]), {
    code: 1,
    stderr: /cannot read/,
  });
});
