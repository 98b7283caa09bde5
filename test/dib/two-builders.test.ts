/** Two builders as processes on one ZooKeeper, with the real disk-image-create: they share the work, and one takes over from the other. */
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { silentLogger } from '../../src/log.ts';
import type { ImageBuild } from '../../src/model/image.ts';
import type { Entry } from '../../src/store/store.ts';
import { openZooKeeperStore } from '../../src/store/zookeeper.ts';
import { buildProcesses, makeBuilderPlace, startBuilderProcess } from '../support/builder-process.ts';
import { ELEMENTS, skipBuilds } from '../support/dib/real.ts';
import { heldBelow } from '../support/dib/held.ts';
import { until } from '../support/poll.ts';
import { startZooKeeper, zookeeperMissing } from '../support/zookeeper.ts';

t.setTimeout(0); // The suite's limit applies.

const PATIENT = { timeoutMs: 300_000 };
const skip = skipBuilds() || zookeeperMissing();
/** The image is smaller than the journal that images have by default. */
const SMALL = { DIB_JOURNAL_SIZE: '8' };

async function openPlaces(t: Test) {
  const zk = await startZooKeeper();
  t.teardown(() => zk.stop());
  const { port } = zk.servers[0];
  const servers = [{ host: '127.0.0.1', port }];
  const zookeeper = { servers, chroot: '', tls: undefined, sessionTimeoutMs: 30_000 };
  const store = await openZooKeeperStore({ zookeeper, log: silentLogger });
  t.teardown(() => store.close());
  const top = { 'state-dir': undefined, 'zookeeper-servers': servers, 'elements-dir': ELEMENTS.test };
  return { store, top, one: makeBuilderPlace(t), two: makeBuilderPlace(t) };
}

/** `a-0123….raw` → `a`; checksums and directories of builds left out. */
const imagesIn = (dir: string) =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.raw'))
    .map((name) => name.slice(0, -'-.raw'.length - 32));

const builders = (builds: readonly Entry<ImageBuild>[]) =>
  new Set(builds.map(({ value }) => value.builderId));

t.test('two builders share the images, and build none twice', { skip }, async (t) => {
  const { store, top, one, two } = await openPlaces(t);
  const names = ['a', 'b'];
  const images = names.map((name) => ({ name, formats: ['raw'], elements: ['host-os'], 'env-vars': SMALL }));
  for (const place of [one, two]) {
    place.configureAll(
      images.map((image) => ({ ...image, pause: true })),
      top,
    );
    const builder = startBuilderProcess(t, place);
    await until(() => builder.output().includes('builder started'), PATIENT);
  }
  for (const place of [one, two]) place.configureAll(images, top);
  const builds = await until(async () => {
    const found = await store.builds.list();
    return found.length === 2 && found.every(({ value }) => value.state === 'ready') ? found : undefined;
  }, PATIENT);
  t.equal(builders(builds).size, 2, 'each has built one');
  t.same([...imagesIn(one.images), ...imagesIn(two.images)].sort(), names);
  t.equal(readdirSync(join(one.dir, 'logs')).length, 1);
  t.equal(readdirSync(join(two.dir, 'logs')).length, 1);
});

t.test(
  'one is killed during a build: the other builds it, and nothing is left of the first try',
  { skip },
  async (t) => {
    const { store, top, one, two } = await openPlaces(t);
    const image = (phase: string) => ({
      name: 'image',
      formats: ['raw'],
      elements: ['host-os', 'hangs-in-image'],
      'env-vars': { ...SMALL, TEST_HANG_IN: phase },
    });
    one.configure(image('finalise'), top);
    const first = startBuilderProcess(t, one);
    await until(() => one.log().includes('hanging for ever'), PATIENT);
    const [begun] = await store.builds.list();
    two.configure(image('never'), top);
    const second = startBuilderProcess(t, two);
    await until(() => second.output().includes('builder started'), PATIENT);
    t.same(
      (await store.builds.list()).map(({ id }) => id),
      [begun?.id],
      'it leaves alone what another one builds',
    );
    first.child.kill('SIGKILL');
    await first.ended;
    t.not(heldBelow(realpathSync(one.dir)).length, 0, 'what was mounted stays for now');

    const ready = await until(async () => {
      const builds = await store.builds.list();
      return builds.find(({ value }) => value.state === 'ready');
    }, PATIENT);
    t.equal(ready.value.builderId, readFileSync(join(two.images, 'builder_id.txt'), 'utf8'));
    await until(async () => (await store.builds.get(begun?.id ?? '')) === undefined, PATIENT);
    t.same(imagesIn(two.images), ['image']);

    startBuilderProcess(t, one);
    await until(() => buildProcesses(one.images).length === 0, PATIENT);
    await until(() => heldBelow(realpathSync(one.dir)).length === 0, PATIENT);
    await until(() => one.workDirs().length === 0, PATIENT);
    await until(() => !readdirSync(one.images).some((name) => name.startsWith('image-')), PATIENT);
    await until(() => readdirSync(join(one.images, '.running')).length === 0, PATIENT);
    t.same(
      (await store.builds.list()).map(({ id }) => id),
      [ready.id],
      'and it builds nothing again',
    );
  },
);
