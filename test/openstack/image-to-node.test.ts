/** From a diskimage to a node of it: builder, launcher and command as processes, on a real OpenStack. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { silentLogger } from '../../src/log.ts';
import type { ImageBuild, ImageUpload } from '../../src/model/image.ts';
import { makeRequest } from '../../src/model/request.ts';
import { openEmbeddedStore } from '../../src/store/embedded.ts';
import type { Entry, Store } from '../../src/store/store.ts';
import { STAND_IN } from '../support/builder.ts';
import { runNodepool } from '../support/command-process.ts';
import { startDaemonProcess, startLauncherProcess } from '../support/launcher-process.ts';
import { until } from '../support/poll.ts';
import { tempDir } from '../support/temp.ts';
import { cloudsFile, openAccount, skip } from '../support/testcloud.ts';

t.setTimeout(0); // The suite's limit applies.

const patient = (what: string) => ({ timeoutMs: 180_000, intervalMs: 250, what });

interface Place {
  dir: string;
  images: string;
  config: string;
  env: NodeJS.ProcessEnv;
  /** Writes nodepool.yaml, as a commit to the config repository would; without variables the provider lists no image. */
  configure(envVars?: Record<string, string>): void;
}

function makePlace(t: Test): Place {
  const dir = tempDir(t);
  const images = join(dir, 'images');
  const config = join(dir, 'nodepool.yaml');
  const clouds = join(dir, 'clouds.yaml');
  mkdirSync(images);
  const text = readFileSync(cloudsFile ?? '', 'utf8');
  writeFileSync(clouds, text.replaceAll('region_name:', 'image_format: raw\n    region_name:'));
  const places = {
    'state-dir': join(dir, 'state'),
    'images-dir': images,
    'build-log-dir': join(dir, 'logs'),
  };
  const pool = {
    name: 'main',
    networks: ['private'],
    'host-key-checking': false, // nobody answers at the node's address
    labels: [{ name: 'vm', diskimage: 'debian', 'flavor-name': 'm1.tiny' }],
  };
  return {
    dir,
    images,
    config,
    env: { OS_CLIENT_CONFIG_FILE: clouds },
    configure(envVars) {
      const diskimages = [{ name: 'debian', 'dib-cmd': STAND_IN, username: 'zuul', 'env-vars': envVars }];
      const offered = { diskimages: [{ name: 'debian', meta: { os_distro: 'debian' } }], pools: [pool] };
      const provider = { name: 'cloud-a', cloud: 'testcloud', rate: 0 };
      const nodepool = envVars
        ? { labels: [{ name: 'vm' }], diskimages, providers: [{ ...provider, ...offered }] }
        : { providers: [{ ...provider, diskimages: [], pools: [] }] };
      writeFileSync(config, JSON.stringify({ ...places, ...nodepool }));
    },
  };
}

t.test('an image is built, uploaded, booted from, and replaced only by a better one', { skip }, async (t) => {
  const account = await openAccount(t);
  const place = makePlace(t);
  place.configure({ STAND_IN_SIZE: '8' });
  const args = ['-f', '-c', place.config, '--log-file', 'none'];
  const builder = startDaemonProcess(t, 'nodepool-builder', ['--no-webapp', ...args], place.env);
  const launcher = startLauncherProcess(t, args, place.env);
  await Promise.all([builder.wrote('builder started'), launcher.wrote('launcher started')]);
  const store = await openEmbeddedStore({ dir: join(place.dir, 'state'), log: silentLogger });
  t.teardown(() => store.close());
  const nodepool = (...verb: string[]) => runNodepool(['-c', place.config, ...verb], place.env);
  const ours = async () =>
    (await account.list('image', '/images', 'images')).filter(
      (image) => image['nodepool_provider_name'] === 'cloud-a',
    );

  const first = await until(() => findUpload(store, ['ready']), patient(`an upload:\n${builder.output()}`));
  await t.test('it is in Glance as it was built, and the commands say so', async (t) => {
    const [file = ''] = readdirSync(place.images).filter((name) => name.endsWith('.raw'));
    const digest = createHash('sha512').update(readFileSync(join(place.images, file)));
    t.match(await ours(), [
      {
        id: first.value.externalId,
        status: 'active',
        disk_format: 'raw',
        os_hash_value: digest.digest('hex'),
        os_distro: 'debian',
      },
    ]);
    const list = await nodepool('image-list');
    t.match(list, { code: 0, stderr: '' });
    t.match(
      list.stdout,
      new RegExp(`\\| debian +\\| debian-\\d+ +\\| ${first.value.externalId} +\\| ready +\\|`),
    );
    t.match((await nodepool('dib-image-list')).stdout, /\| debian +\|.*\| raw +\| ready +\|/);
  });

  await t.test('a node boots from it, and the list shows its public address', async (t) => {
    const node = await bootNode(store);
    const [server] = await account.list('compute', '/servers/detail', 'servers');
    t.match(server, { id: node.value.externalId, image: { id: first.value.externalId } });
    t.match(node.value, { username: 'zuul', publicIpv4: /^203\.0\.113\.\d+$/ });
    const list = await nodepool('list', '--detail');
    t.equal(list.code, 0);
    t.match(list.stdout, node.value.publicIpv4 ?? 'an address');
    await giveBack(store, node.id);
  });

  await t.test('after a failed build nothing is uploaded, and the image before stays in use', async (t) => {
    place.configure({ STAND_IN_SIZE: '8', STAND_IN_EXIT: '3' });
    await until(() => findBuild(store, 'failed'), patient('a failed build'));
    t.match(
      (await nodepool('dib-image-list')).stdout,
      /\| failed +\|.*exit code 3: E: Unable to locate package/,
    );
    t.match(await ours(), [{ id: first.value.externalId }]);
    const node = await bootNode(store);
    const [server] = await account.list('compute', '/servers/detail', 'servers');
    t.match(server, { image: { id: first.value.externalId } });
    await giveBack(store, node.id);
  });

  await t.test('a change of the configuration alone brings another image into the cloud', async (t) => {
    place.configure({ STAND_IN_SIZE: '9' });
    const { value } = await until(() => findUpload(store, ['ready'], first.id), patient('another upload'));
    const node = await bootNode(store);
    const [server] = await account.list('compute', '/servers/detail', 'servers');
    t.match(server, { image: { id: value.externalId } });
    await giveBack(store, node.id);
  });

  await t.test('images go when the provider does not list them any more', async () => {
    place.configure();
    await until(async () => (await ours()).length === 0, patient('no image of ours in Glance'));
    await until(async () => (await store.uploads.list()).length === 0, patient('no record of an upload'));
  });

  for (const daemon of [launcher, builder]) {
    daemon.kill('SIGTERM');
    t.equal((await daemon.ended).code, 0);
  }
});

async function findUpload(
  store: Store,
  states: readonly ImageUpload['state'][],
  not?: string,
): Promise<Entry<ImageUpload> | undefined> {
  return (await store.uploads.list()).find(({ id, value }) => id !== not && states.includes(value.state));
}

async function findBuild(store: Store, state: ImageBuild['state']): Promise<Entry<ImageBuild> | undefined> {
  return (await store.builds.list()).find(({ value }) => value.state === state);
}

/** A node of label `vm`, as the requestor gets it. */
async function bootNode(store: Store) {
  const timeS = Date.now() / 1000;
  const request = { stateTimeS: timeS, createdTimeS: timeS, nodeTypes: ['vm'], requestor: 'test' };
  const { id } = await store.requests.create(makeRequest(request), { prefix: '200-' });
  const done = await until(async () => {
    const entry = await store.requests.get(id);
    if (entry?.value.state === 'failed') throw new Error(`request ${id} has failed`);
    return entry?.value.state === 'fulfilled' ? entry : undefined;
  }, patient('the request to be fulfilled'));
  const node = await store.nodes.get(done.value.nodes[0] ?? '');
  if (!node) throw new Error('the request is fulfilled without a node');
  await store.requests.remove(id);
  return node;
}

/** The node is used and given back; resolves when it is gone. */
async function giveBack(store: Store, id: string): Promise<void> {
  const held = await store.nodes.lock(id, { waitMs: 20_000 });
  await store.nodes.update(id, (value) => ({ ...value, state: 'used', stateTimeS: Date.now() / 1000 }));
  await held?.release();
  await until(async () => (await store.nodes.get(id)) === undefined, patient(`node ${id} to go`));
}
