/** What every store must do with images: builds, uploads, marks, and locks without a record. */
import type { Test } from 'tap';
import { LockLostError, NotFoundError, StoreError } from '../../../src/errors.ts';
import {
  buildId,
  makeBuild,
  makeMark,
  makeUpload,
  parseUploadId,
  uploadPrefix,
} from '../../../src/model/image.ts';
import type { MutexName } from '../../../src/store/store.ts';
import { makeBench, until, type Bench, type StoreUnderTest } from './contract.ts';

const BUILD = '0123456789abcdef0123456789abcdef';
const OTHER = 'ffffffffffffffffffffffffffffffff';
const debian = buildId('debian', BUILD);

export function testImages(t: Test, subject: StoreUnderTest): void {
  const test = (title: string, body: (t: Test, bench: Bench) => Promise<void>) =>
    void t.test(`${subject.name}: ${title}`, async (t) => body(t, await makeBench(t, subject)));

  test('a build is created under its own id, read, listed and removed', async (t, bench) => {
    const [a, b] = [await bench.open(), await bench.open()];
    const build = makeBuild({
      state: 'building',
      stateTimeS: 1.5,
      builder: 'nb01',
      formats: ['raw', 'qcow2'],
    });
    const entry = await a.builds.create(build, { id: debian });
    t.equal(entry.id, debian);
    await a.builds.create(makeBuild({}), { id: buildId('fedora', OTHER) });
    t.same((await b.builds.get(debian))?.value, { ...build, formats: ['qcow2', 'raw'] });
    t.same(
      (await b.builds.list()).map(({ id }) => id),
      [debian, buildId('fedora', OTHER)],
    );
    await t.rejects(a.builds.create(build, { id: debian }), StoreError, 'only once');
    await t.rejects(a.builds.create(build, { id: 'debian' }), StoreError, 'an image alone is no build');

    await b.builds.update(debian, (now) => ({ ...now, state: 'ready', stateTimeS: 2 }));
    t.match((await a.builds.get(debian))?.value, { state: 'ready', stateTimeS: 2, builder: 'nb01' });
    await a.builds.remove(debian);
    await a.builds.remove(debian);
    t.equal(await b.builds.get(debian), undefined);
  });

  test('uploads are numbered, and belong to image, build and provider', async (t, bench) => {
    const store = await bench.open();
    await store.builds.create(makeBuild({}), { id: debian });
    await store.builds.create(makeBuild({}), { id: buildId('debian', OTHER) });
    const create = (build: string, provider: string) =>
      store.uploads.create(makeUpload({ stateTimeS: 3 }), {
        prefix: uploadPrefix('debian', build, provider),
      });
    const entries = [
      await create(BUILD, 'cloud-a'),
      await create(BUILD, 'cloud-a'),
      await create(OTHER, 'cloud-b'),
    ];
    for (const { id } of entries) t.match(id, /^debian\/[0-9a-f]{32}\/cloud-[ab]\/\d{10}$/);
    const [first, second, third] = entries.map(({ id }) => parseUploadId(id));
    t.match(third, { image: 'debian', build: OTHER, provider: 'cloud-b' });
    t.ok((second?.upload ?? '') > (first?.upload ?? ''), 'numbers grow');
    t.same(
      (await store.uploads.list()).map(({ id }) => id),
      entries.map(({ id }) => id),
    );
    await store.uploads.remove(entries[1]?.id ?? '');
    const again = parseUploadId((await create(BUILD, 'cloud-a')).id);
    t.ok(again.upload > (second?.upload ?? ''), 'no number is used twice');
    t.same(
      (await store.builds.list()).map(({ id }) => id),
      [debian, buildId('debian', OTHER)],
      'uploads are not builds',
    );
  });

  test('views of builds and uploads follow what another writes', async (t, bench) => {
    const [a, b] = [await bench.open(), await bench.open()];
    await a.builds.create(makeBuild({}), { id: debian });
    const { id } = await a.uploads.create(makeUpload({}), { prefix: uploadPrefix('debian', BUILD, 'cloud') });
    await until(b.builds, (builds) => builds.has(debian));
    await until(b.uploads, (uploads) => uploads.get(id)?.value.state === 'uploading');
    const deleted = until(b.uploads, (uploads) => uploads.get(id)?.value.state === 'deleting');
    await a.uploads.update(id, (upload) => ({ ...upload, state: 'deleting' }));
    await deleted;
    const gone = until(b.uploads, (uploads) => !uploads.has(id));
    await a.uploads.remove(id);
    await gone;
    t.ok((await b.builds.get(debian)) !== undefined, 'the build stays');
  });

  test('builds and uploads have locks of their own', async (t, bench) => {
    const [a, b] = [await bench.open(), await bench.open()];
    await a.builds.create(makeBuild({}), { id: debian });
    const { id } = await a.uploads.create(makeUpload({}), { prefix: uploadPrefix('debian', BUILD, 'cloud') });
    const build = await a.builds.lock(debian);
    const upload = await a.uploads.lock(id);
    t.ok(build && upload);
    t.equal(await b.builds.lock(debian), undefined);
    t.equal(await b.uploads.lock(id), undefined);
    await Promise.all([build?.release(), upload?.release()]);
    const next = await b.builds.lock(debian);
    t.equal(next?.entry.id, debian);
    await t.rejects(b.builds.lock(buildId('debian', OTHER)), NotFoundError);
    t.same((await b.builds.listAll()).unreadable, [], 'locks are no records');
    t.same((await b.uploads.listAll()).unreadable, []);
  });

  test('unknown fields of builds survive, and empty ones are left out as others do', async (t, bench) => {
    const store = await bench.open();
    await store.builds.create(makeBuild({}), { id: debian });
    const text = '{"state":"ready","state_time":3,"formats":"qcow2,raw","username":"zuul","new_field":[1]}';
    await subject.putRaw(bench.place, 'builds', buildId('debian', OTHER), text);
    await store.builds.update(buildId('debian', OTHER), (build) => ({ ...build, stateTimeS: 4 }));
    const stored = JSON.parse(
      (await subject.getRaw(bench.place, 'builds', buildId('debian', OTHER))) ?? '',
    ) as object;
    t.match(stored, { formats: 'qcow2,raw', state_time: 4, new_field: [1], python_path: '/usr/bin/python2' });
    t.notOk('builder' in stored);
    const fresh = JSON.parse((await subject.getRaw(bench.place, 'builds', debian)) ?? '') as object;
    t.same(fresh, { state: 'building', state_time: 0, username: null, python_path: null, shell_type: null });
  });

  test('marks exist or do not, and tell since when', async (t, bench) => {
    const [a, b] = [await bench.open(), await bench.open()];
    const beforeMs = Date.now();
    await a.buildRequests.create(makeMark(), { id: 'debian' });
    await t.rejects(b.buildRequests.create(makeMark(), { id: 'debian' }), StoreError);
    await b.imagePauses.create(makeMark(), { id: 'fedora' });
    await until(b.buildRequests, (marks) => marks.has('debian'));
    await until(a.imagePauses, (marks) => marks.has('fedora'));
    const mark = await b.buildRequests.get('debian');
    t.ok(Math.abs((mark?.createdMs ?? 0) - beforeMs) < 60_000);
    t.equal(await subject.getRaw(bench.place, 'buildRequests', 'debian'), '', 'nothing is stored in it');
    t.same((await a.buildRequests.listAll()).unreadable, [], 'that is no damage');
    t.same(
      (await a.imagePauses.list()).map(({ id }) => id),
      ['fedora'],
    );
    t.ok(mark);
    if (!mark) return;
    const again = await a.buildRequests.update('debian', (now) => now);
    t.equal(await b.buildRequests.removeUnchanged(mark), false, 'it has been written since');
    t.ok(await a.buildRequests.get('debian'));
    t.equal(await b.buildRequests.removeUnchanged(again), true);
    t.equal(await a.buildRequests.get('debian'), undefined);
    t.equal(await b.buildRequests.removeUnchanged(again), false, 'it is gone');
    await b.buildRequests.create(makeMark(), { id: 'debian' });
    t.equal(await a.buildRequests.removeUnchanged(again), false, 'it is another one');
    await until(a.buildRequests, (marks) => marks.has('debian'));
    await a.buildRequests.remove('debian');
    await a.buildRequests.remove('debian');
    t.same(await b.buildRequests.list(), []);
    t.same(await b.builds.list(), [], 'a marked image has no builds');
  });

  const names: Record<string, MutexName> = {
    build: { kind: 'build', image: 'debian' },
    upload: { kind: 'upload', image: 'debian', build: BUILD, provider: 'cloud' },
  };
  for (const [kind, name] of Object.entries(names)) {
    test(`the ${kind} lock is no record, and one has it`, async (t, bench) => {
      const [a, b] = [await bench.open(), await bench.open()];
      const builds = kind === 'upload' ? [debian, buildId('fedora', BUILD)] : [];
      for (const id of builds) await a.builds.create(makeBuild({}), { id });
      const held = await a.acquire(name);
      t.ok(held);
      t.equal(await a.acquire(name), undefined, 'not even the same store');
      t.equal(await b.acquire(name), undefined);
      t.equal(await b.acquire(name, { waitMs: 30 }), undefined, 'the wait ends');
      const other = await b.acquire({ ...name, image: 'fedora' });
      t.ok(other, 'another image has another lock');
      const waiting = b.acquire(name, { waitMs: 20_000 });
      await b.nodes.list();
      await Promise.all([held?.release(), held?.release()]);
      const next = await waiting;
      t.ok(next, 'the one who waits gets it');
      t.equal(held?.lost.aborted, false, 'released is not lost');
      await t.rejects(a.acquire(name, { waitMs: 20_000, signal: AbortSignal.abort(new Error('enough')) }), {
        message: 'enough',
      });
      await b.close();
      const last = await a.acquire(name, { waitMs: 20_000 });
      t.ok(last, 'closing gives it back');
      t.type(next?.lost, AbortSignal);
      for (const records of [a.builds, a.uploads, a.buildRequests, a.imagePauses]) {
        const ids = (await records.list()).map(({ id }) => id);
        t.same(ids, records === a.builds ? builds : [], `locks are no ${records.name}`);
        t.same((await records.listAll()).unreadable, []);
      }
    });
  }

  test('the build lock of a killed process passes to the one that waits', async (t, bench) => {
    const store = await bench.open();
    const child = bench.child();
    t.equal(await child.tell({ do: 'acquire', image: 'debian' }), true);
    t.equal(await store.acquire({ kind: 'build', image: 'debian' }), undefined);
    const waiting = store.acquire({ kind: 'build', image: 'debian' }, { waitMs: 20_000 });
    await child.kill();
    const held = await waiting;
    t.ok(held);
    t.notOk(held?.lost.reason instanceof LockLostError);
  });
}
