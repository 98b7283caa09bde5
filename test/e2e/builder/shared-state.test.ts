/** Two built builders with images directories of their own on one embedded state, without ZooKeeper. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import t, { type Test } from 'tap';
import { silentLogger } from '../../../src/log.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { STAND_IN } from '../../support/builder.ts';
import {
  buildProcesses,
  makeBuilderPlace,
  startBuilderProcess,
  type BuilderPlace,
} from '../../support/builder-process.ts';
import { until } from '../../support/poll.ts';
import { tempDir } from '../../support/temp.ts';

const LONG = { timeoutMs: 60_000 };
const NODEPOOL = join(import.meta.dirname, '../../../dist/bin/nodepool.cjs');

async function openSite(t: Test, names: readonly string[]) {
  const dir = tempDir(t);
  const files = { state: join(dir, 'state'), runs: join(dir, 'runs'), gate: join(dir, 'gate') };
  const images = names.map((name) => ({
    name,
    'dib-cmd': STAND_IN,
    formats: ['raw'],
    'env-vars': { STAND_IN_RECORD: files.runs, STAND_IN_WAIT: files.gate },
  }));
  const cloud = {
    name: 'cloud',
    driver: 'fake',
    persist: join(dir, 'cloud'),
    diskimages: names.map((name) => ({ name })),
    pools: [],
  };
  const place = (): BuilderPlace => {
    const made = makeBuilderPlace(t);
    made.configureAll(images, { 'state-dir': files.state, providers: [cloud] });
    return made;
  };
  const store = await openEmbeddedStore({ dir: files.state, log: silentLogger });
  t.teardown(() => store.close());
  const one = place();
  const two = place();
  return {
    store,
    one,
    two,
    /** Images in the order in which their builds began. */
    runs: () =>
      existsSync(files.runs)
        ? readFileSync(files.runs, 'utf8')
            .trim()
            .split('\n')
            .map((line) => line.split(' ')[0])
        : [],
    letGo: () => writeFileSync(files.gate, ''),
    start: (at: BuilderPlace) => startReady(t, at),
    ready: async () => (await store.builds.list()).filter(({ value }) => value.state === 'ready'),
    uploaded: async () => (await store.uploads.list()).filter(({ value }) => value.state === 'ready'),
    nodepool: (...args: string[]) =>
      execa(process.execPath, [NODEPOOL, '-c', one.config, ...args], { timeout: 60_000 }),
  };
}

async function startReady(t: Test, place: BuilderPlace) {
  const builder = startBuilderProcess(t, place, { built: true });
  await until(() => builder.output().includes('builder started'), LONG);
  return builder;
}

const idOf = ({ images }: BuilderPlace) => readFileSync(join(images, 'builder_id.txt'), 'utf8');
const filesOf = ({ images }: BuilderPlace) =>
  readdirSync(images)
    .filter((name) => name.endsWith('.raw'))
    .sort();

t.test('they share the images: none is built twice, and each uploads what it has built', async (t) => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const site = await openSite(t, names);
  await Promise.all([site.start(site.one), site.start(site.two)]);
  await until(() => site.runs().length === 2, LONG);
  site.letGo();
  await until(async () => (await site.uploaded()).length === names.length, LONG);

  t.same(site.runs().sort(), names);
  const builds = await site.ready();
  t.equal(builds.length, names.length);
  for (const place of [site.one, site.two]) {
    const own = builds.filter(({ value }) => value.builderId === idOf(place));
    t.ok(own.length > 0, 'both have worked');
    t.same(filesOf(place), own.map(({ id }) => `${id.replace('/', '-')}.raw`).sort());
  }
  const { stdout } = await site.nodepool('dib-image-list', '--format', 'json');
  t.equal((JSON.parse(stdout) as unknown[]).length, names.length);
});

t.test(
  'one is killed during a build: the other takes over, and nothing of the first try is left',
  async (t) => {
    const site = await openSite(t, ['image']);
    const first = await site.start(site.one);
    await until(() => site.runs().length === 1, LONG);
    const [begun] = await site.store.builds.list();
    const second = await site.start(site.two);
    t.match(begun?.value, { state: 'building', builderId: idOf(site.one) });
    t.same(site.runs(), ['image'], 'the other leaves it alone');

    first.child.kill('SIGKILL');
    await first.ended;
    await until(() => site.runs().length === 2, LONG);
    site.letGo();
    await until(async () => (await site.uploaded()).length === 1, LONG);
    const [ready, ...more] = await site.ready();
    t.match(ready?.value, { builderId: idOf(site.two) });
    t.same(more, []);
    await until(async () => (await site.store.builds.get(begun?.id ?? '')) === undefined, LONG);

    await site.start(site.one);
    await until(() => buildProcesses(site.one.images).length === 0, LONG);
    await until(() => site.one.workDirs().length === 0, LONG);
    await until(() => !readdirSync(site.one.images).some((name) => name.startsWith('image-')), LONG);
    t.same(site.runs(), ['image', 'image'], 'and it builds nothing again');
    t.equal(second.child.exitCode, null);
  },
);

t.test(
  'one that has built an image is killed: the other builds when asked, and both images are kept',
  async (t) => {
    const site = await openSite(t, ['image']);
    site.letGo();
    const first = await site.start(site.one);
    await until(async () => (await site.uploaded()).length === 1, LONG);
    await site.start(site.two);
    first.child.kill('SIGKILL');
    await first.ended;

    await site.nodepool('image-build', 'image', '--wait');
    await until(async () => (await site.uploaded()).length === 2, LONG);
    t.same(site.runs(), ['image', 'image']);
    t.equal(filesOf(site.one).length, 1);
    t.equal(filesOf(site.two).length, 1);

    await site.start(site.one);
    await site.nodepool('image-build', 'image', '--wait');
    await until(async () => (await site.uploaded()).length === 2 && (await site.ready()).length === 2, LONG);
    t.equal(site.runs().length, 3, 'by one of them');
    await until(() => filesOf(site.one).length + filesOf(site.two).length === 2, LONG);
  },
);
