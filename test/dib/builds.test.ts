/** The real diskimage-builder with an image of a few MB: builds that succeed, and those that go wrong, of which nothing is left. */
import { createHash } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { systemClock, type Clock } from '../../src/clock.ts';
import { silentLogger } from '../../src/log.ts';
import { openEmbeddedStore } from '../../src/store/embedded.ts';
import { openBuilder } from '../support/builder.ts';
import { buildProcesses, makeBuilderPlace, startBuilderProcess } from '../support/builder-process.ts';
import { heldBelow } from '../support/dib/held.ts';
import { dibElements, dibPython, ELEMENTS, skipBuilds } from '../support/dib/real.ts';
import { until } from '../support/poll.ts';

t.setTimeout(0); // The suite's limit applies.

const PATIENT = { timeoutMs: 240_000 };
/** The image is smaller than the journal that images have by default. */
const SMALL = { DIB_JOURNAL_SIZE: '8' };

const skip = skipBuilds();

t.test('all formats are made in one run, with checksums and a manifest', { skip }, async (t) => {
  const b = await openBuilder(t, {
    yaml: `
elements-dir: ${ELEMENTS.test}
diskimages: [{name: small, elements: [host-os], formats: [raw, qcow2, tar], env-vars: ${JSON.stringify(SMALL)}}]
`,
    waitMs: PATIENT.timeoutMs,
  });
  const { id, value } = await b.build('small', 'ready');
  t.same(value.formats, ['qcow2', 'raw', 'tar']);
  const base = join(b.imagesDir, id.replace('/', '-'));
  for (const format of ['raw', 'qcow2']) {
    const content = readFileSync(`${base}.${format}`);
    for (const [suffix, kind] of [
      ['md5', 'md5'],
      ['sha256', 'sha256'],
    ] as const) {
      const digest = createHash(kind).update(content).digest('hex');
      t.match(readFileSync(`${base}.${format}.${suffix}`, 'utf8'), new RegExp(`^${digest}  `));
    }
  }
  t.match(readFileSync(`${base}.d/dib-manifests/dib_environment`, 'utf8'), /DIB_IMAGE_NAME="?small/);
  t.match(execFileSync('tar', ['-xOf', `${base}.tar`, './etc/os-release'], { encoding: 'utf8' }), 'ID=host');
  t.match(b.log(id), /Build completed successfully\nDuration: [\d.]+ s\nExit code: 0\n$/);
  t.same(heldBelow(realpathSync(b.dir)), []);
});

t.test('an element that fails: its message is the reason, and nothing is left', { skip }, async (t) => {
  const b = await openBuilder(t, {
    yaml: `
elements-dir: ${ELEMENTS.test}
diskimages: [{name: broken, elements: [host-os, fails-in-image], formats: [raw]}]
`,
    waitMs: PATIENT.timeoutMs,
  });
  const { id, value } = await b.build('broken', 'failed');
  t.equal(value.error, `exit code ${value.exitCode ?? 0}: E: Unable to locate package no-such-package`);
  t.match(b.log(id), /Exit code: [1-9]\d*\n$/);
  t.same(b.files(), []);
  t.same(heldBelow(realpathSync(b.dir)), []);
  t.same(
    readdirSync(b.dir).filter((name) => name.startsWith('dib_')),
    [],
  );
});

t.test('elements that do not exist, or make no system, are named', { skip }, async (t) => {
  const b = await openBuilder(t, {
    yaml: `
elements-dir: ${ELEMENTS.ours}
diskimages:
  - {name: unknown, elements: [no-such-element], formats: [raw]}
  - {name: bare, elements: [zuul-worker-user], formats: [raw]}
`,
    waitMs: PATIENT.timeoutMs,
    workers: { buildWorkers: 2 },
  });
  const unknown = await b.build('unknown', 'failed');
  t.match(unknown.value.error, /Element 'no-such-element' not found$/);
  const bare = await b.build('bare', 'failed');
  t.match(bare.value.error, /Please include an operating system element$/);
});

t.test('zuul-user brings an operating system, unless one is named', { skip }, async (t) => {
  const chosen = (...elements: string[]) => {
    const { stdout, stderr } = spawnSync(
      dibPython(),
      ['-m', 'diskimage_builder.element_dependencies', '--env', ...elements],
      {
        encoding: 'utf8',
        env: {
          PATH: process.env['PATH'],
          ELEMENTS_PATH: `${ELEMENTS.ours}:${ELEMENTS.test}:${dibElements()}`,
        },
      },
    );
    return /^export IMAGE_ELEMENT='(.*)'$/m.exec(stdout)?.[1]?.split(' ') ?? [stderr];
  };
  const alone = chosen('base', 'zuul-user');
  t.ok(alone.includes('debian-12') && alone.includes('debian-minimal'), alone.join(' '));
  for (const named of [
    ['host-os', 'zuul-user'],
    ['zuul-user', 'host-os'],
    ['zuul-user', 'centos-minimal'],
  ]) {
    const elements = chosen('base', ...named);
    t.ok(elements.includes('zuul-login'), elements.join(' '));
    t.notOk(elements.includes('debian-minimal'), elements.join(' '));
  }
});

t.test(
  'a build over its time is ended: processes, mounts and loop devices too, also those that care for no signal',
  { skip },
  async (t) => {
    const times = clockWithOneTimer(86_399_000);
    const b = await openBuilder(t, {
      yaml: `
elements-dir: ${ELEMENTS.test}
diskimages:
  - {name: slow, elements: [host-os, hangs-in-image], formats: [raw], build-timeout: 86399, env-vars: ${JSON.stringify(SMALL)}}
`,
      waitMs: PATIENT.timeoutMs,
      clock: times.clock,
    });
    const dir = realpathSync(b.dir);
    const { id } = await b.build('slow', 'building');
    await b.wait(() => b.log(id).includes('hanging for ever'), 'the element hangs');
    const during = heldBelow(dir);
    t.ok(
      during.some((name) => name.startsWith('loop')),
      during.join(' '),
    );
    t.ok(
      during.some((name) => name.endsWith('/mnt/proc')),
      during.join(' '),
    );
    times.fire();
    const { value } = await b.build('slow', 'failed');
    t.equal(value.error, 'took longer than build-timeout, 86399 s');
    t.same(heldBelow(dir), []);
    t.same(buildProcesses(b.imagesDir), []);
    t.same(b.files(), []);
    t.same(
      readdirSync(b.dir).filter((name) => name.startsWith('dib_')),
      [],
    );
  },
);

for (const phase of ['install', 'finalise']) {
  t.test(`a builder killed in ${phase}.d: the next start removes everything`, { skip }, async (t) => {
    const place = makeBuilderPlace(t);
    const dir = realpathSync(place.dir);
    const top = { 'elements-dir': ELEMENTS.test };
    const image = {
      name: 'killed',
      formats: ['raw'],
      elements: ['host-os', 'hangs-in-image'],
      'env-vars': { ...SMALL, TEST_HANG_IN: phase },
    };
    place.configure(image, top);
    const first = startBuilderProcess(t, place);
    await until(() => place.log().includes('hanging for ever'), PATIENT);
    first.child.kill('SIGKILL');
    await first.ended;
    t.not(buildProcesses(place.images).length, 0, 'the build goes on without its builder');
    t.not(heldBelow(dir).length, 0);

    place.configure({ ...image, pause: true }, top);
    startBuilderProcess(t, place);
    const store = await openEmbeddedStore({ dir: join(place.dir, 'state'), log: silentLogger });
    t.teardown(() => store.close());
    await until(async () => (await store.builds.list()).length === 0, PATIENT);
    await until(() => buildProcesses(place.images).length === 0, PATIENT);
    await until(() => heldBelow(dir).length === 0, PATIENT);
    await until(() => place.workDirs().length === 0, PATIENT);
    await until(() => !readdirSync(place.images).some((name) => name.startsWith('killed-')), PATIENT);
  });
}

/** A clock whose one timer of that length only ends when a test says so. */
function clockWithOneTimer(ms: number): { clock: Clock; fire(): void } {
  let call: () => void = () => undefined;
  const after: Clock['after'] = (delayMs, then) => {
    if (delayMs !== ms) return systemClock.after(delayMs, then);
    call = then;
    return () => (call = () => undefined);
  };
  return { clock: { ...systemClock, after }, fire: () => call() };
}
