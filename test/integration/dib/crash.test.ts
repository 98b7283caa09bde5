import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { silentLogger } from '../../../src/log.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { openBuilder, STAND_IN } from '../../support/builder.ts';
import { until } from '../../support/poll.ts';
import { tempDir } from '../../support/temp.ts';

const TSX = import.meta.resolve('tsx');
const PROGRAM = fileURLToPath(new URL('../../../src/bin/nodepool-builder.ts', import.meta.url));
const LONG = { timeoutMs: 60_000 };

interface Place {
  dir: string;
  images: string;
  config: string;
  configure(envVars: Record<string, string>): void;
}

function makePlace(t: Test): Place {
  const dir = tempDir(t);
  const images = join(dir, 'images');
  const config = join(dir, 'nodepool.yaml');
  mkdirSync(images);
  return {
    dir,
    images,
    config,
    configure(envVars) {
      const diskimages = [{ name: 'debian', 'dib-cmd': STAND_IN, formats: ['raw'], 'env-vars': envVars }];
      const top = {
        'state-dir': join(dir, 'state'),
        'images-dir': images,
        'build-log-dir': join(dir, 'logs'),
      };
      writeFileSync(config, JSON.stringify({ ...top, diskimages }));
    },
  };
}

function start(t: Test, { config, dir }: Place) {
  const child = spawn(
    process.execPath,
    ['--import', TSX, PROGRAM, '-f', '-c', config, '--log-file', 'none'],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: dir },
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (output += part));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  t.teardown(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  return { child, ended, output: () => output };
}

const processesOf = (images: string) =>
  readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`DIB_IMAGE_FILENAME=${images}/`);
    } catch {
      return false;
    }
  });
const workDirs = (dir: string) => readdirSync(dir).filter((name) => name.startsWith('dib_build'));
const logOf = ({ dir }: Place) => {
  try {
    return readdirSync(join(dir, 'logs'))
      .map((name) => readFileSync(join(dir, 'logs', name), 'utf8'))
      .join('');
  } catch {
    return '';
  }
};

t.test('what a killed builder leaves is removed at the next start, and the image is built', async (t) => {
  const place = makePlace(t);
  place.configure({ STAND_IN_HANG: 'yes' });
  const first = start(t, place);
  await until(() => logOf(place).includes('hanging'), LONG);
  first.child.kill('SIGKILL');
  await first.ended;
  t.not(processesOf(place.images).length, 0, 'the build itself goes on');
  t.equal(workDirs(place.dir).length, 1);

  place.configure({});
  start(t, place);
  const store = await openEmbeddedStore({ dir: join(place.dir, 'state'), log: silentLogger });
  t.teardown(() => store.close());
  await until(async () => {
    const builds = await store.builds.list();
    return builds.length === 1 && builds[0]?.value.state === 'ready';
  }, LONG);
  await until(() => processesOf(place.images).length === 0, LONG);
  await until(() => workDirs(place.dir).length === 0, LONG);
  await until(() => readdirSync(join(place.images, '.running')).length === 0, LONG);
  const names = readdirSync(place.images).filter((name) => name.startsWith('debian-'));
  t.equal(new Set(names.map((name) => name.split('.')[0])).size, 1, 'only files of the new build');
});

t.test('SIGTERM ends a build with all that belongs to it, and the builder', async (t) => {
  const place = makePlace(t);
  place.configure({ STAND_IN_HANG: 'yes' });
  const builder = start(t, place);
  await until(() => logOf(place).includes('hanging'), LONG);
  builder.child.kill('SIGTERM');
  t.equal(await builder.ended, 0, builder.output());
  t.same(processesOf(place.images), []);
  t.same(workDirs(place.dir), []);
  t.same(
    readdirSync(place.images).filter((name) => name.startsWith('debian-')),
    [],
  );
  t.match(logOf(place), /Ended: the builder is stopping\n$/);
});

t.test('a second builder does not work in the same images directory', async (t) => {
  const place = makePlace(t);
  place.configure({});
  const first = start(t, place);
  await until(() => first.output().includes('builder started'), LONG);
  const second = start(t, place);
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
