/** What a running builder shows of itself: web application, Prometheus, statsd. */
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { freePort } from '../../support/free-port.ts';
import { STAND_IN } from '../../support/builder.ts';
import { startDaemonProcess, startLauncherProcess } from '../../support/launcher-process.ts';
import { until } from '../../support/poll.ts';
import { startStatsdServer } from '../../support/statsd-server.ts';
import { tempDir } from '../../support/temp.ts';
import { fetchText } from '../../support/web.ts';

const WAIT = { timeoutMs: 60_000, intervalMs: 100 };
const TOKEN = 'a-token-that-is-long-enough';

/** `good` is uploaded to `cloud`, `bad` fails, `still` is paused; the build of `good` waits for a file named `go`. */
function configOf(dir: string, port: number): string {
  mkdirSync(join(dir, 'images'));
  writeFileSync(join(dir, 'token'), TOKEN, { mode: 0o600 });
  const image = (name: string, envVars: Record<string, string>, more = {}) => ({
    name,
    'dib-cmd': STAND_IN,
    formats: ['raw'],
    'env-vars': envVars,
    ...more,
  });
  return JSON.stringify({
    'state-dir': join(dir, 'state'),
    'images-dir': join(dir, 'images'),
    'build-log-dir': join(dir, 'logs'),
    webapp: { builder_port: port, listen_address: '127.0.0.1', token_file: join(dir, 'token') },
    diskimages: [
      image('good', { STAND_IN_WAIT: join(dir, 'go'), STAND_IN_SIZE: '2' }),
      image('bad', { STAND_IN_EXIT: '7' }),
      image('still', {}, { pause: true }),
    ],
    providers: [
      {
        name: 'cloud',
        driver: 'fake',
        'image-format': 'qcow2',
        diskimages: [{ name: 'good' }, { name: 'still', pause: true }],
        pools: [],
      },
    ],
  });
}

t.test('a builder serves the same routes as a launcher, and tells what it builds and uploads', async (t) => {
  const dir = tempDir(t);
  const port = await freePort();
  const statsd = await startStatsdServer(t);
  const config = join(dir, 'nodepool.yaml');
  writeFileSync(config, configOf(dir, port));
  const args = ['-f', '-c', config, '--log-file', 'none', '--build-workers', '2'];
  const builder = startDaemonProcess(t, 'nodepool-builder', args, {
    STATSD_HOST: '127.0.0.1',
    STATSD_PORT: String(statsd.port),
  });
  await builder.wrote('the web application is served');
  const get = async (path: string, headers?: Record<string, string>) => fetchText(port, 'GET', path, headers);
  const metric = (line: RegExp) =>
    until(async () => line.test((await get('/metrics')).text), { ...WAIT, what: String(line) });
  const json = { accept: 'application/json' };
  await until(async () => (await get('/ready')).status === 200, { ...WAIT, what: '/ready to say OK' });

  await t.test('while an image is being built', async () => {
    await metric(/^nodepool_builder_building\{image="good"\} 1$/m);
    await statsd.heard(
      new RegExp(`^nodepool\\.builder\\.${hostname()}\\.image\\.good\\.build\\.state:1\\|g$`),
    );
    await statsd.heard(
      new RegExp(`^nodepool\\.builder\\.${hostname()}\\.image\\.still\\.build\\.state:3\\|g$`),
    );
    await statsd.heard(/\.image\.still\.provider\.cloud\.upload\.state:3\|g$/);
    await until(async () => /href=".\/good-\w+\.log\?follow=1"/.test((await get('/nodepool-log/')).text), {
      ...WAIT,
      what: 'the list of logs to say that a build runs',
    });
    writeFileSync(join(dir, 'go'), '');
  });

  const { images } = await until(
    async () => {
      const found = (await get('/api/v1/images')).json() as { images: ImageJson[] };
      const good = found.images.find(({ id }) => id === 'good');
      return good?.uploads.some(({ state }) => state === 'ready') ? found : undefined;
    },
    { ...WAIT, what: 'the upload to be ready' },
  );

  await t.test('documented routes and API', async (t) => {
    const good = images.find(({ id }) => id === 'good')?.builds[0];
    const [, build = ''] = good?.id.split('/') ?? [];
    t.match((await get('/image-list', json)).json(), [{ image: 'good', provider: 'cloud', state: 'ready' }]);
    t.match((await get('/dib-image-list?fields=image,formats')).text, /\| good +\| qcow2,raw \|/);
    t.match((await get(`/api/v1/builds/good/${build}/log`)).text, /\nExit code: 0\n$/);
    t.match(await get(`/nodepool-log/good-${build}.log`), {
      text: /\nExit code: 0\n$/,
      headers: { 'content-type': /^text\/plain/ },
    });
    t.match((await get('/nodepool-log/')).text, new RegExp(`href="./good-${build}.log">`));
    t.match((await get('/api/v1/openapi.json')).json(), { openapi: /^3\.1/ });
    t.match((await get('/node-list')).text, /\| ID /);
    t.equal((await get('/health')).text, 'OK');
  });

  await t.test('Prometheus', async (t) => {
    await metric(/^nodepool_builder_build_seconds_count\{image="bad",result="failed"\} 1$/m);
    await metric(
      /^nodepool_builder_upload_seconds_count\{image="good",provider="cloud",result="ready"\} 1$/m,
    );
    const { text } = await get('/metrics');
    const [file = ''] = images.flatMap(({ id, builds }) =>
      id === 'good' ? builds.map((build) => `${build.id.replace('/', '-')}.qcow2`) : [],
    );
    const bytes = statSync(join(dir, 'images', file)).blocks * 512;
    for (const line of [
      /^nodepool_builder_build_seconds_count\{image="good",result="ready"\} 1$/m,
      new RegExp(`^nodepool_builder_image_bytes\\{image="good",format="qcow2"\\} ${bytes}$`, 'm'),
      /^nodepool_builder_image_bytes\{image="good",format="raw"\} \d+$/m,
      /^nodepool_builder_exit_code\{image="bad"\} 7$/m,
      /^nodepool_builder_building\{image="good"\} 0$/m,
      /^nodepool_builder_build_paused\{image="still"\} 1$/m,
      /^nodepool_builder_uploading\{image="good",provider="cloud"\} 0$/m,
      /^nodepool_builder_build_requested\{image="bad"\} 0$/m,
      /^nodepool_image_uploads\{image="good",provider="cloud",state="ready"\} 1$/m,
      /^nodepool_store_operation_seconds_count\{operation="update"\} \d+$/m,
      /^nodejs_eventloop_lag_p99_seconds \d/m,
    ])
      t.match(text, line);
  });

  await t.test('statsd', async (t) => {
    for (const pattern of [
      /^nodepool\.dib_image_build\.good\.qcow2\.size:\d+\|g$/,
      /^nodepool\.dib_image_build\.good\.raw\.size:\d+\|g$/,
      /^nodepool\.dib_image_build\.good\.status\.duration:\d+\|ms$/,
      /^nodepool\.dib_image_build\.good\.status\.rc:0\|g$/,
      /^nodepool\.dib_image_build\.good\.status\.last_build:\d{10}\|g$/,
      /^nodepool\.dib_image_build\.bad\.status\.rc:7\|g$/,
      /^nodepool\.image_update\.good\.cloud:\d+\|ms$/,
      /^nodepool\.image_update\.good\.cloud:1\|c$/,
      /^nodepool\.image_build_requests:0\|g$/,
      /^nodepool\.image\.bad\.image_build_requests:0\|g$/,
      /\.image\.good\.provider\.cloud\.upload\.state:0\|g$/,
    ]) {
      await statsd.heard(pattern);
      t.pass(String(pattern));
    }
    t.notOk(statsd.lines.some((line) => line.includes('dib_image_build.bad.raw.size')));
  });

  await t.test('a build is asked for with the token', async (t) => {
    const post = (headers = {}) => fetchText(port, 'POST', '/api/v1/images/good/build', headers);
    t.equal((await post()).status, 401);
    t.equal((await post({ authorization: `Bearer ${TOKEN}` })).status, 200);
    await metric(/^nodepool_builder_build_seconds_count\{image="good",result="ready"\} 2$/m);
  });

  builder.kill('SIGTERM');
  t.equal((await builder.ended).code, 0);
  await t.rejects(get('/health'), { code: 'ECONNREFUSED' });
});

interface ImageJson {
  id: string;
  builds: { id: string }[];
  uploads: { state: string }[];
}

t.test('launcher and builder share a machine and a configuration', async (t) => {
  const dir = tempDir(t);
  const port = await freePort();
  mkdirSync(join(dir, 'images'));
  const config = join(dir, 'nodepool.yaml');
  const places = { 'state-dir': join(dir, 'state'), 'images-dir': join(dir, 'images') };
  const webapp = { port, builder_port: await freePort(), listen_address: '127.0.0.1' };
  writeFileSync(config, JSON.stringify({ ...places, webapp }));
  const args = ['-f', '-c', config, '--log-file', 'none'];
  const launcher = startLauncherProcess(t, args, {}, { webapp: true });
  const builder = startDaemonProcess(t, 'nodepool-builder', args);
  await Promise.all([launcher, builder].map((daemon) => daemon.wrote('the web application is served')));
  t.match((await fetchText(webapp.builder_port, 'GET', '/metrics')).text, 'nodepool_image');
  t.match((await fetchText(port, 'GET', '/metrics')).text, 'nodepool_requests');

  const other = startDaemonProcess(t, 'nodepool-builder', ['--no-webapp', ...args]);
  await other.ended;
  t.match(other.output(), /already/i, 'a second builder in the same directory');
  t.ok(existsSync(join(dir, 'images')));
});
