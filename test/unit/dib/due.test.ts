import t from 'tap';
import type { DiskImage } from '../../../src/config/config.ts';
import { decideBuild, pauseS, type Facts } from '../../../src/dib/due.ts';
import { makeBuild, makeMark, type ImageBuild } from '../../../src/model/image.ts';
import type { Entry } from '../../../src/store/store.ts';

const entry = <T>(id: string, value: T, modifiedMs = 0): Entry<T> => ({
  id,
  value,
  version: 1,
  locked: false,
  createdMs: 0,
  modifiedMs,
});
const build = (given: Partial<ImageBuild>) =>
  entry(
    `i/${given.stateTimeS ?? 0}`,
    makeBuild({ formats: ['raw'], builderId: 'me', definition: 'now', ...given }),
  );
const image = { name: 'i', pause: false, rebuildAgeS: 100 } as DiskImage;

function ask(given: Partial<Facts>) {
  return decideBuild({
    image,
    formats: ['raw'],
    builds: [],
    request: undefined,
    paused: false,
    builderId: 'me',
    definition: 'now',
    nowS: 1000,
    ...given,
  });
}
const request = (atS: number) => entry('i', makeMark(), atS * 1000);

t.test('decides by pauses, requests, age, formats, description and failures', async (t) => {
  const ready = build({ state: 'ready', stateTimeS: 950 });
  const failed = build({ state: 'failed', stateTimeS: 990, failures: 1 });
  const cases: [Partial<Facts>, ReturnType<typeof decideBuild>][] = [
    [{}, { build: 'no build' }],
    [{ builds: [build({ state: 'building', stateTimeS: 990 })] }, { build: 'no build' }],
    [{ builds: [ready] }, { build: undefined, why: 'up to date', againS: 1050 }],
    [
      { builds: [ready, build({ state: 'ready', stateTimeS: 1 })] },
      { build: undefined, why: 'up to date', againS: 1050 },
    ],
    [{ builds: [ready], nowS: 1050 }, { build: 'too old' }],
    [{ builds: [ready], formats: ['raw', 'tar'] }, { build: 'format missing' }],
    [{ builds: [ready], definition: 'later' }, { build: 'definition changed' }],
    [
      { builds: [ready], definition: 'later', builderId: 'other' },
      { build: undefined, why: 'up to date', againS: 1050 },
    ],
    [{ builds: [ready], request: request(1) }, { build: 'requested' }],
    [
      { builds: [build({ state: 'ready', stateTimeS: 950, answers: 1 })], request: request(1) },
      { build: undefined, why: 'up to date', againS: 1050 },
    ],
    [
      { builds: [build({ state: 'ready', stateTimeS: 950, answers: 2 })], request: request(1) },
      { build: 'requested' },
    ],
    [
      { paused: true, request: request(999) },
      { build: undefined, why: 'paused' },
    ],
    [{ image: { ...image, pause: true } }, { build: undefined, why: 'paused in the configuration' }],
    [{ formats: [] }, { build: undefined, why: 'no provider lists it and it has no formats' }],
    [{ builds: [failed] }, { build: undefined, why: 'waiting after a failure', againS: 1020 }],
    [{ builds: [failed], nowS: 1020 }, { build: 'no build' }],
    [
      { builds: [failed], request: request(980) },
      { build: undefined, why: 'waiting after a failure', againS: 1020 },
    ],
    [{ builds: [failed], request: request(991) }, { build: 'requested' }],
    [{ builds: [failed], definition: 'later' }, { build: 'no build' }],
    [
      { builds: [build({ state: 'failed', stateTimeS: 900, failures: 9 }), ready] },
      { build: undefined, why: 'up to date', againS: 1050 },
    ],
  ];
  for (const [given, expected] of cases) t.same(ask(given), expected);
});

t.test('waits longer after each failure, an hour at most', async (t) => {
  t.same([1, 2, 3, 7, 8, 1000].map(pauseS), [30, 60, 120, 1920, 3600, 3600]);
});
