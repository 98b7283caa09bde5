import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { silentLogger } from '../../../src/log.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { openBuilder, STAND_IN } from '../../support/builder.ts';
import { buildProcesses, makeBuilderPlace, startBuilderProcess } from '../../support/builder-process.ts';
import { until } from '../../support/poll.ts';

const LONG = { timeoutMs: 60_000 };

const withStandIn = (envVars: Record<string, string>) => ({
  name: 'debian',
  'dib-cmd': STAND_IN,
  formats: ['raw'],
  'env-vars': envVars,
});

t.test('what a killed builder leaves is removed at the next start, and the image is built', async (t) => {
  const place = makeBuilderPlace(t);
  place.configure(withStandIn({ STAND_IN_HANG: 'yes' }));
  const first = startBuilderProcess(t, place);
  await until(() => place.log().includes('hanging'), LONG);
  first.child.kill('SIGKILL');
  await first.ended;
  t.not(buildProcesses(place.images).length, 0, 'the build itself goes on');
  t.equal(place.workDirs().length, 1);

  place.configure(withStandIn({}));
  startBuilderProcess(t, place);
  const store = await openEmbeddedStore({ dir: join(place.dir, 'state'), log: silentLogger });
  t.teardown(() => store.close());
  await until(async () => {
    const builds = await store.builds.list();
    return builds.length === 1 && builds[0]?.value.state === 'ready';
  }, LONG);
  await until(() => buildProcesses(place.images).length === 0, LONG);
  await until(() => place.workDirs().length === 0, LONG);
  await until(() => readdirSync(join(place.images, '.running')).length === 0, LONG);
  const names = readdirSync(place.images).filter((name) => name.startsWith('debian-'));
  t.equal(new Set(names.map((name) => name.split('.')[0])).size, 1, 'only files of the new build');
});

t.test('SIGTERM ends a build with all that belongs to it, and the builder', async (t) => {
  const place = makeBuilderPlace(t);
  place.configure(withStandIn({ STAND_IN_HANG: 'yes' }));
  const builder = startBuilderProcess(t, place);
  await until(() => place.log().includes('hanging'), LONG);
  builder.child.kill('SIGTERM');
  t.equal(await builder.ended, 0, builder.output());
  t.same(buildProcesses(place.images), []);
  t.same(place.workDirs(), []);
  t.same(
    readdirSync(place.images).filter((name) => name.startsWith('debian-')),
    [],
  );
  t.match(place.log(), /Ended: the builder is stopping\n$/);
});

t.test('a second builder does not work in the same images directory', async (t) => {
  const place = makeBuilderPlace(t);
  place.configure(withStandIn({}));
  const first = startBuilderProcess(t, place);
  await until(() => first.output().includes('builder started'), LONG);
  const second = startBuilderProcess(t, place);
  t.equal(await second.ended, 1);
  t.match(second.output(), `another builder works in ${place.images} already`);
});

t.test('two builders share the images: each is built once, and uploaded by the one who has it', async (t) => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const diskimages = names
    .map(
      (name) =>
        `  - {name: ${name}, dib-cmd: <DIB>, env-vars: {STAND_IN_RECORD: <DIR>/runs, STAND_IN_WAIT: <DIR>/go}}\n`,
    )
    .join('');
  const listed = names.map((name) => `{name: ${name}}`).join(', ');
  const one = await openBuilder(t, {
    yaml: `diskimages:\n${diskimages}providers: [{name: cloud, driver: fake, persist: <DIR>/cloud, diskimages: [${listed}], pools: []}]\n`,
    workers: { buildWorkers: 2 },
  });
  const two = await one.another();
  const runs = () => {
    try {
      return readFileSync(join(one.dir, 'runs'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[0]);
    } catch {
      return [];
    }
  };
  await one.wait(() => runs().length === 4, 'four builds at once');
  writeFileSync(join(one.dir, 'go'), '');
  for (const name of names)
    await one.wait(() =>
      [...one.uploads.entries.values()].some(
        ({ id, value }) => id.startsWith(`${name}/`) && value.state === 'ready',
      ),
    );
  t.same(runs().sort(), names, 'none was built twice');
  const builders = new Set([...one.builds.entries.values()].map(({ value }) => value.builder));
  t.same([...builders].sort(), ['one.example.net', 'two.example.net']);
  t.equal(two.builds.entries.size, names.length);
});
