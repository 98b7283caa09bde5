/** What a builder's metrics read from the records of images. */
import t from 'tap';
import type { Config } from '../../../src/config/config.ts';
import {
  imageWork,
  watchImageWork,
  type BuildOutcome,
  type UploadOutcome,
} from '../../../src/metrics/image-work.ts';
import { makeBuild, makeMark, makeUpload } from '../../../src/model/image.ts';
import type { Touched, Views } from '../../../src/operator/views.ts';
import type { Entry } from '../../../src/store/store.ts';

const isOwn = (builderId: string) => builderId === 'mine';

const entry = <T>(id: string, value: T): Entry<T> => ({
  id,
  value,
  version: 1,
  createdMs: 0,
  modifiedMs: 0,
  locked: false,
});

/** Views of these records, and a way to say that one of them has changed. */
function viewsOf(records: Partial<Record<'builds' | 'uploads' | 'buildRequests' | 'imagePauses', unknown>>) {
  const listeners = new Set<(touched: Touched) => void>();
  const asMap = (values: unknown) =>
    new Map(
      Object.entries((values ?? {}) as Record<string, unknown>).map(([id, value]) => [id, entry(id, value)]),
    );
  const views = {
    builds: asMap(records.builds),
    uploads: asMap(records.uploads),
    buildRequests: asMap(records.buildRequests),
    imagePauses: asMap(records.imagePauses),
    onChange(listener: (touched: Touched) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  } as unknown as Views;
  const change = (collection: 'builds' | 'uploads', id: string, value: unknown, before?: unknown) => {
    const previous = before === undefined ? undefined : entry(id, before);
    const touched = {
      collection,
      change: { id, entry: value === undefined ? undefined : entry(id, value), previous },
    };
    for (const listener of listeners) listener(touched);
  };
  return { views, change };
}

t.test('work is that of this builder, and of the images of the configuration', (t) => {
  const config = {
    diskimages: new Map(
      ['busy', 'other', 'still', 'quiet', 'off'].map((name) => [name, { name, pause: name === 'off' }]),
    ),
    providers: new Map([
      [
        'cloud',
        { name: 'cloud', options: { diskimages: [{ name: 'busy' }, { name: 'still', pause: true }] } },
      ],
      ['none', { name: 'none', options: {} }],
    ]),
  } as unknown as Config;
  const { views } = viewsOf({
    builds: {
      'busy/01': makeBuild({ state: 'building', builderId: 'mine' }),
      'busy/00': makeBuild({ state: 'ready', builderId: 'mine' }),
      'other/01': makeBuild({ state: 'building', builderId: 'theirs' }),
    },
    uploads: { 'busy/00/cloud/0000000001': makeUpload({ state: 'uploading' }) },
    buildRequests: { other: makeMark() },
    imagePauses: { still: makeMark() },
  });
  const uploads = (state: string) => [{ provider: 'cloud', state }];
  t.same(imageWork(config, views, isOwn), [
    { image: 'busy', requested: false, build: 'building', uploads: uploads('uploading') },
    { image: 'other', requested: true, build: 'idle', uploads: [] },
    { image: 'still', requested: false, build: 'paused', uploads: uploads('paused') },
    { image: 'quiet', requested: false, build: 'idle', uploads: [] },
    { image: 'off', requested: false, build: 'paused', uploads: [] },
  ]);
  t.end();
});

t.test('each end of a build or upload of this builder is told once', (t) => {
  const done = makeBuild({
    state: 'ready',
    builderId: 'mine',
    formats: ['raw'],
    exitCode: 0,
    durationS: 60,
    stateTimeS: 90,
  });
  const { views, change } = viewsOf({
    builds: { 'debian/01': done, 'debian/02': makeBuild({ state: 'ready', builderId: 'theirs' }) },
  });
  const built: BuildOutcome[] = [];
  const uploaded: UploadOutcome[] = [];
  const end = watchImageWork(views, isOwn, {
    built: (outcome) => void built.push(outcome),
    uploaded: (outcome) => void uploaded.push(outcome),
  });
  const building = makeBuild({ state: 'building', builderId: 'mine' });
  change('builds', 'debian/01', building);
  change('builds', 'debian/01', done, building);
  change('builds', 'debian/01', { ...done, username: 'zuul' }, done);
  change('builds', 'debian/03', { ...done, state: 'failed', exitCode: null, durationS: null }, building);
  change('builds', 'debian/02', makeBuild({ state: 'failed', builderId: 'theirs' }), building);
  change('builds', 'debian/01', makeBuild({ state: 'deleting', builderId: 'mine' }), building);
  change('builds', 'debian/01', undefined, done);
  t.match(built, [
    { image: 'debian', build: '01', result: 'ready', exitCode: 0, durationS: 60, endedS: 90 },
    { image: 'debian', build: '03', result: 'failed', exitCode: 1, durationS: 0 },
  ]);
  t.equal(built.length, 2);

  const uploading = makeUpload({ state: 'uploading', stateTimeS: 100 });
  const ready = makeUpload({ state: 'ready', stateTimeS: 130 });
  change('uploads', 'debian/01/cloud/0000000001', uploading);
  change('uploads', 'debian/01/cloud/0000000001', ready, uploading);
  change('uploads', 'debian/01/cloud/0000000001', { ...ready, error: null }, ready);
  change('uploads', 'debian/02/cloud/0000000001', ready, uploading);
  t.same(uploaded, [{ image: 'debian', provider: 'cloud', result: 'ready', durationS: 30 }]);

  end();
  change('builds', 'debian/01', done, building);
  t.equal(built.length, 2);
  t.end();
});
