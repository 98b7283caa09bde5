/** Images on the web: the documented lists, the API, and the logs of builds. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import t from 'tap';
import { makeBuild, makeMark, makeUpload, uploadPrefix } from '../../../src/model/image.ts';
import type { Store } from '../../../src/store/store.ts';
import { openStream, tells } from '../../support/event-stream.ts';
import { fakeConfig } from '../../support/fake-config.ts';
import { until } from '../../support/poll.ts';
import { tempDir } from '../../support/temp.ts';
import { startTestWeb } from '../../support/web.ts';

const yaml = fakeConfig({ providers: { cloud: { pools: { main: { labels: ['small'] } } } } });
const json = { accept: 'application/json' };
const BUILD = '0123456789abcdef0123456789abcdef';

async function makeImage(store: Store): Promise<void> {
  const build = makeBuild({ state: 'ready', stateTimeS: 1000.7, builder: 'nb01', formats: ['qcow2', 'raw'] });
  await store.builds.create(build, { id: `debian/${BUILD}` });
  const upload = makeUpload({
    state: 'ready',
    stateTimeS: 2000.2,
    externalId: 'x1',
    externalName: 'debian-1',
  });
  await store.uploads.create(upload, { prefix: uploadPrefix('debian', BUILD, 'cloud') });
  await store.buildRequests.create(makeMark(), { id: 'debian' });
}

t.test('image-list, dib-image-list and image-status have their fields and types', async (t) => {
  const { test, get } = await startTestWeb(t, yaml);
  await makeImage(test.zuul);
  t.strictSame((await get('/image-list', json)).json(), [
    {
      id: BUILD,
      upload_id: '0000000001',
      provider: 'cloud',
      image: 'debian',
      external_name: 'debian-1',
      external_id: 'x1',
      state: 'ready',
      age: 2000,
    },
  ]);
  t.strictSame((await get('/dib-image-list', json)).json(), [
    {
      id: `debian-${BUILD}`,
      image: 'debian',
      builder: 'nb01',
      formats: ['qcow2', 'raw'],
      state: 'ready',
      age: 1000,
    },
  ]);
  const [status] = (await get('/image-status', json)).json() as Record<string, unknown>[];
  t.match(status, { image: 'debian', paused: false, build_request: 'pending', build_request_age: Number });
  t.match((await get('/image-list?fields=age')).text, /\| Age +\|\n\+-+\+\n\| \d+:\d\d:\d\d:\d\d/);
});

t.test('builds of a paused image are shown as paused', async (t) => {
  const { test, get } = await startTestWeb(t, yaml);
  await makeImage(test.zuul);
  await test.zuul.imagePauses.create(makeMark(), { id: 'debian' });
  t.match((await get('/dib-image-list', json)).json(), [{ state: 'paused' }]);
  t.match((await get('/image-status')).text, /\| debian \| True +\| pending/);
});

t.test('the API has images whole, and tells when they change', async (t) => {
  const { test, get, port } = await startTestWeb(t, yaml);
  const stream = await openStream(t, port);
  await makeImage(test.zuul);
  await stream.wait((event) =>
    tells(event, 'images', 'debian', (image) => (image?.['uploads'] as unknown[] | undefined)?.length === 1),
  );
  const { images } = (await get('/api/v1/images')).json() as { images: object[] };
  t.match(images, [
    {
      id: 'debian',
      paused: false,
      builds: [{ id: `debian/${BUILD}`, state: 'ready' }],
      uploads: [{ provider: 'cloud', state: 'ready', external_id: 'x1' }],
    },
  ]);
});

t.test('a build is asked for with the token', async (t) => {
  const tokenFile = join(tempDir(t), 'token');
  writeFileSync(tokenFile, 'a-token-that-is-long-enough', { mode: 0o600 });
  const { test, post } = await startTestWeb(t, yaml, { tokenFile });
  const authorized = { authorization: 'Bearer a-token-that-is-long-enough' };
  await test.zuul.builds.create(makeBuild({ state: 'failed' }), { id: `debian/${BUILD}` });
  t.equal((await post('/api/v1/images/debian/build')).status, 401);
  t.strictSame((await post('/api/v1/images/debian/build', {}, authorized)).json(), { build_requested: true });
  t.ok(await test.zuul.buildRequests.get('debian'));
  t.equal((await post('/api/v1/images/other/build', {}, authorized)).status, 404);
});

t.test('the log of a build: whole, in parts, and nothing beside it', async (t) => {
  const buildLogDir = join(tempDir(t), 'logs');
  mkdirSync(buildLogDir);
  writeFileSync(join(buildLogDir, `debian-${BUILD}.log`), 'first line\nlast \u001b[31mline\n');
  writeFileSync(join(buildLogDir, '..', 'secret.log'), 'secret');
  const { test, get } = await startTestWeb(t, yaml, { buildLogDir });
  await makeImage(test.zuul);
  await test.zuul.builds.create(makeBuild({}), { id: 'debian/ffff' });
  const path = `/api/v1/builds/debian/${BUILD}/log`;
  const whole = await get(path);
  t.equal(whole.text, 'first line\nlast \u001b[31mline\n');
  t.match(whole.headers['content-type'], 'text/plain');
  const part = await get(path, { range: 'bytes=6-9' });
  t.equal(part.status, 206);
  t.equal(part.text, 'line');
  t.equal(part.headers['content-range'], `bytes 6-9/${whole.text.length}`);
  t.equal((await get(path, { range: 'bytes=5000-' })).status, 416);
  t.match((await get('/api/v1/builds/debian/ffff/log')).json(), {
    error: /is not on this machine \(ENOENT\)/,
  });
  for (const odd of ['..%2f..%2fsecret', '..', '%2e%2e%2fsecret', 'x%00y'])
    t.equal((await get(`/api/v1/builds/${odd}/${BUILD}/log`)).status, 404, odd);
});

t.test('the log of a running build is followed until the build ends', async (t) => {
  const buildLogDir = tempDir(t);
  const log = join(buildLogDir, `debian-${BUILD}.log`);
  writeFileSync(log, 'begin\n');
  const { test, port } = await startTestWeb(t, yaml, { buildLogDir });
  const id = `debian/${BUILD}`;
  await test.zuul.builds.create(makeBuild({ state: 'building' }), { id });
  const outgoing = httpRequest({
    host: '127.0.0.1',
    port,
    path: `/api/v1/builds/${id}/log?follow=1`,
    agent: false,
  });
  t.teardown(() => outgoing.destroy());
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve).on('error', reject).end();
  });
  let text = '';
  let ended = false;
  response.setEncoding('utf8').on('data', (part: string) => (text += part));
  response.on('end', () => (ended = true));
  await until(() => text === 'begin\n');
  appendFileSync(log, 'end\n');
  await until(() => text === 'begin\nend\n');
  await test.zuul.builds.update(id, (build) => ({ ...build, state: 'ready' }));
  await until(() => ended, { timeoutMs: 20_000, what: 'the stream to end with the build' });
  t.equal(text, 'begin\nend\n');
});

t.test('the logs of builds are listed and shown to a browser, and nothing beside them', async (t) => {
  const parent = tempDir(t);
  const buildLogDir = join(parent, 'logs');
  mkdirSync(buildLogDir);
  const file = (name: string) => join(buildLogDir, name);
  const [done, odd] = [`debian-${BUILD}.log`, `<b>&"-${BUILD}.log`];
  writeFileSync(file(done), '<script>alert(1)</script>\n');
  writeFileSync(file(odd), 'odd\n');
  writeFileSync(file(`running-${BUILD}.log`), 'begun\n');
  writeFileSync(file('launcher.log'), 'secret');
  writeFileSync(join(parent, `outside-${BUILD}.log`), 'secret');
  symlinkSync(join(parent, `outside-${BUILD}.log`), file(`link-${BUILD}.log`));
  mkdirSync(file(`directory-${BUILD}.log`));
  execFileSync('mkfifo', [file(`pipe-${BUILD}.log`)]);
  writeFileSync(file(`long-${BUILD}.log`), 'x'.repeat(17 * 2 ** 20));
  const { test, get } = await startTestWeb(t, yaml, { buildLogDir });
  await test.zuul.builds.create(makeBuild({ state: 'building' }), { id: `running/${BUILD}` });

  const list = await get('/nodepool-log/');
  t.match(list.headers['content-type'], 'text/html');
  const links = [...list.text.matchAll(/href="([^"]*)"/g)].map(([, link = '']) => link);
  t.same(
    links.map((link) => decodeURIComponent(link)).sort(),
    [odd, done, `long-${BUILD}.log`, `running-${BUILD}.log`, `running-${BUILD}.log?follow=1`]
      .map((name) => `./${name}`)
      .sort(),
    'no link, directory, pipe or file of others',
  );
  t.notMatch(list.text, '<b>');
  t.match((await get('/nodepool-log')).headers, { location: './nodepool-log/' });

  const text = await get(`/nodepool-log/${done}`);
  t.equal(text.text, '<script>alert(1)</script>\n');
  t.match(text.headers, { 'content-type': /^text\/plain/, 'x-content-type-options': 'nosniff' });
  t.equal((await get(`/nodepool-log/${encodeURIComponent(odd)}`)).text, 'odd\n');
  t.match(await get(`/nodepool-log/${done}`, { range: 'bytes=1-6' }), { status: 206, text: 'script' });
  t.equal((await get(`/nodepool-log/long-${BUILD}.log`)).text.length, 17 * 2 ** 20, 'any length');
  for (const hidden of ['launcher.log', `link-${BUILD}.log`, `directory-${BUILD}.log`, `pipe-${BUILD}.log`])
    t.equal((await get(`/nodepool-log/${hidden}`)).status, 404, hidden);
  for (const way of [
    '..',
    '../',
    `../outside-${BUILD}.log`,
    `..%2foutside-${BUILD}.log`,
    `%2e%2e/x-${BUILD}.log`,
  ])
    t.equal((await get(`/nodepool-log/${way}`)).status, 404, way);
});

t.test('where there is no directory of logs, the list says so', async (t) => {
  const { get } = await startTestWeb(t, yaml, { buildLogDir: join(tempDir(t), 'none') });
  t.match(await get('/nodepool-log/'), {
    status: 404,
    text: /no logs of builds on this machine.*none: ENOENT/,
  });
});

t.test('plots grow, are bounded, and outlive the process', async (t) => {
  const plotsFile = join(tempDir(t), 'plots.json');
  const nowS = Math.floor(Date.now() / 1000);
  const old = Array.from({ length: 500 }, (_, place) => [nowS - 5 * (500 - place), place, 0, 0, 0, null]);
  writeFileSync(plotsFile, JSON.stringify({ hour: old, day: [['damaged']], week: 'nothing' }));
  const { web, get } = await startTestWeb(t, yaml, { plotsFile });
  const points = (await get('/api/v1/plots?range=hour')).json() as {
    step: number;
    points: { time: number }[];
  };
  t.equal(points.step, 15);
  t.equal(points.points.length, 240);
  t.match(points.points[0], {
    time: Number,
    nodes: Number,
    in_use: 0,
    waiting: 0,
    failures: 0,
    ready_s: null,
  });
  t.equal((await get('/api/v1/plots?range=year')).status, 400);
  const day = (await get('/api/v1/plots?range=day')).json() as { points: object[] };
  t.equal(day.points.length, 1);
  await web.close();
  const stored = JSON.parse(readFileSync(plotsFile, 'utf8')) as Record<string, unknown[]>;
  t.strictSame([stored['hour']?.length, stored['day']?.length], [240, 1]);
});
