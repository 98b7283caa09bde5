import t from 'tap';
import { makeBuild, makeUpload, type ImageBuild } from '../../../src/model/image.ts';
import { until } from '../../support/poll.ts';
import { openPlace } from './place.ts';

const CONFIG = 'diskimages: [{name: debian, elements: [vm]}]\n';
const READY: Partial<ImageBuild> = { state: 'ready', builder: 'b1', builderId: 'x', formats: ['raw'] };

t.test('asks for a build where none is ready, and for another only when told to', async (t) => {
  const { store, task } = await openPlace(t, CONFIG);
  const values = { name: 'debian', wait: false };
  t.match((await task('dib_image', values, true)).json, {
    changed: true,
    commands: ['nodepool image-build debian'],
  });
  t.same(await store.buildRequests.list(), [], 'check mode asks for nothing');
  t.equal((await task('dib_image', values)).json.changed, true);
  t.ok(await store.buildRequests.get('debian'));
  t.equal((await task('dib_image', values)).json.changed, false, 'it is asked for already');
  await store.buildRequests.remove('debian');
  await store.builds.create(makeBuild({ ...READY, stateTimeS: 1 }), { id: `debian/${'a'.repeat(32)}` });
  t.match((await task('dib_image', values)).json, { changed: false, builds: [{ state: 'ready' }] });
  t.equal((await task('dib_image', { ...values, rebuild: true })).json.changed, true);
  t.ok(await store.buildRequests.get('debian'));
});

t.test('waits for the build, and fails with its reason', async (t) => {
  const { store, task } = await openPlace(t, CONFIG);
  const waiting = task('dib_image', { name: 'debian' });
  await until(() => store.buildRequests.get('debian'), { timeoutMs: 60_000 });
  const failed = makeBuild({
    ...READY,
    state: 'failed',
    error: 'exit code 1: no space',
    stateTimeS: Date.now() / 1000,
  });
  await store.builds.create(failed, { id: `debian/${'b'.repeat(32)}` });
  t.match((await waiting).json, { failed: true, msg: /^debian-b{32} failed: exit code 1: no space/ });
});

t.test('pauses, has all builds removed, and does so once', async (t) => {
  const { store, task } = await openPlace(t, CONFIG);
  await store.builds.create(makeBuild({ ...READY, stateTimeS: 1 }), { id: `debian/${'a'.repeat(32)}` });
  const values = { name: 'debian', state: 'absent', paused: true };
  t.match((await task('dib_image', values)).json, {
    changed: true,
    commands: ['nodepool image-pause debian', `nodepool dib-image-delete debian-${'a'.repeat(32)}`],
  });
  t.equal((await store.builds.get(`debian/${'a'.repeat(32)}`))?.value.state, 'deleting');
  await store.builds.remove(`debian/${'a'.repeat(32)}`); // as the builder does
  t.equal((await task('dib_image', values)).json.changed, false);
  t.equal((await task('dib_image', { name: 'debian', state: 'absent', paused: false })).json.changed, true);
  t.same(await store.imagePauses.list(), []);
});

t.test('an image that nobody describes is refused', async (t) => {
  const { task } = await openPlace(t, CONFIG);
  t.match((await task('dib_image', { name: 'gentoo' })).json, {
    failed: true,
    msg: 'there is no diskimage gentoo',
  });
});

t.test('nodepool_info tells builds and uploads', async (t) => {
  const { store, task } = await openPlace(t, CONFIG);
  const id = `debian/${'a'.repeat(32)}`;
  await store.builds.create(makeBuild({ ...READY, stateTimeS: 1 }), { id });
  await store.uploads.create(makeUpload({ state: 'ready', stateTimeS: 1 }), { prefix: `${id}/cloud/` });
  const { json } = await task('nodepool_info', { gather: ['builds', 'images'] });
  t.match(json, {
    changed: false,
    builds: [{ image: 'debian' }],
    images: [{ provider: 'cloud', image: 'debian' }],
  });
});
