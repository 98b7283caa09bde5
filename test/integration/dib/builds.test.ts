import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { boundCopy } from '../../../src/metrics/bound-copy.ts';
import type { ImageMark } from '../../../src/model/image.ts';
import type { Entry } from '../../../src/store/store.ts';
import { openBuilder, STAND_IN, type TestBuilder } from '../../support/builder.ts';
import { until } from '../../support/poll.ts';

const debian = (more = '') => `
diskimages:
  - name: debian
    dib-cmd: <DIB>
    elements: [debian-minimal, vm]
    release: bookworm
    formats: [raw, qcow2]
    username: zuul-worker
    ${more}
`;

t.test('builds an image that is missing: record, files, checksums, manifest and log', async (t) => {
  const b = await openBuilder(t, { yaml: debian('env-vars: {DIB_CHECKSUM: "1"}') });
  const { id, value } = await b.build('debian', 'ready');
  t.match(id, /^debian\/[0-9a-f]{32}$/);
  t.match(value, {
    builder: 'one.example.net',
    builderId: readFileSync(join(b.imagesDir, 'builder_id.txt'), 'utf8'),
    formats: ['qcow2', 'raw'],
    username: 'zuul-worker',
    pythonPath: 'auto',
    error: null,
    exitCode: 0,
  });
  const base = id.replace('/', '-');
  t.same(b.files().sort(), [
    `${base}.d`,
    `${base}.qcow2`,
    `${base}.qcow2.crc32`,
    `${base}.qcow2.md5`,
    `${base}.qcow2.sha256`,
    `${base}.raw`,
    `${base}.raw.crc32`,
    `${base}.raw.md5`,
    `${base}.raw.sha256`,
  ]);
  const lines = b.log(id).trimEnd().split('\n');
  const output = join(b.imagesDir, base);
  const options = `-x -t qcow2,raw --checksum --no-tmpfs --qemu-img-options compat=0.10 -o ${output}`;
  t.equal(lines[0], `Command: ${STAND_IN} ${options} debian-minimal vm`);
  t.equal(lines[1], 'Elements: debian-minimal vm');
  t.match(lines.at(-2), /^Duration: \d+\.\d s$/);
  t.equal(lines.at(-1), 'Exit code: 0');
  t.same(
    readdirSync(b.dir).filter((name) => name.startsWith('dib_build')),
    [],
    'no temporary directory is left',
  );
});

t.test('a build gets the documented environment, and the image may override it', async (t) => {
  const b = await openBuilder(t, {
    yaml: `elements-dir: <DIR>\n${debian('env-vars: {STAND_IN_ENV: <DIR>/env, TMPDIR: <DIR>, DIB_IMAGE_NAME: other}')}`,
  });
  const { id } = await b.build('debian', 'ready');
  const env = new Map(
    readFileSync(join(b.dir, 'env'), 'utf8')
      .split('\n')
      .map((line) => line.split('=', 2) as [string, string]),
  );
  t.equal(env.get('DIB_RELEASE'), 'bookworm');
  t.equal(env.get('DIB_IMAGE_NAME'), 'other', 'env-vars win');
  t.equal(env.get('DIB_IMAGE_FILENAME'), join(b.imagesDir, id.replace('/', '-')));
  t.equal(env.get('ELEMENTS_PATH'), b.dir);
  t.equal(env.get('TMPDIR'), b.dir);
  t.equal(env.get('HOME'), b.dir, 'what the builder has is handed on');
});

t.test(
  'builds again on request, keeps the newest two, and removes files and records of the others',
  async (t) => {
    const b = await openBuilder(t, { yaml: debian() });
    const ids: string[] = [];
    ids.push((await b.build('debian', 'ready')).id);
    for (let round = 0; round < 2; round++) {
      await b.request('debian');
      ids.push((await b.build('debian', 'ready', ids)).id);
    }
    await b.wait(() => !b.builds.entries.has(ids[0] ?? ''), 'the oldest is removed');
    await b.wait(() => !b.files().some((file) => file.startsWith((ids[0] ?? '').replace('/', '-'))));
    t.same([...b.builds.entries.keys()].sort(), ids.slice(1).sort());
    await answered(b, 'debian');
    t.equal(readdirSync(b.logDir).length, 3, 'the logs stay');
  },
);

t.test('who asks as soon as a build is ready asks for another one', async (t) => {
  let asked = 0;
  const b = await openBuilder(t, {
    yaml: debian(),
    // The moment between the build's becoming ready and the end of the request that it answers.
    wrap(store) {
      const removeUnchanged = async (entry: Entry<ImageMark>) => {
        if (asked++ === 0) await b.request('debian');
        return await store.buildRequests.removeUnchanged(entry);
      };
      const buildRequests = { ...boundCopy(store.buildRequests), removeUnchanged };
      return { ...boundCopy(store), buildRequests };
    },
  });
  const ids = [(await b.build('debian', 'ready')).id];
  await b.request('debian');
  ids.push((await b.build('debian', 'ready', ids)).id);
  ids.push((await b.build('debian', 'ready', ids)).id);
  await answered(b, 'debian');
  t.equal(new Set(ids).size, 3);
});

t.test(
  'a failed build says why, keeps no file, is not repeated at once, and a request tries again',
  async (t) => {
    const b = await openBuilder(t, {
      yaml: debian('env-vars: {STAND_IN_EXIT: "7", STAND_IN_RECORD: <DIR>/runs}'),
    });
    const { id, value } = await b.build('debian', 'failed');
    t.match(value, {
      error: 'exit code 7: E: Unable to locate package no-such-package',
      exitCode: 7,
      failures: 1,
    });
    t.match(b.log(id), /Exit code: 7\n$/);
    t.same(b.files(), []);
    await b.request('debian');
    const again = await b.build('debian', 'failed', [id]);
    t.equal(again.value.failures, 2);
    t.equal(readFileSync(join(b.dir, 'runs'), 'utf8').trim().split('\n').length, 2);
    t.ok(await b.store.buildRequests.get('debian'), 'the request stays until a build is ready');
    await b.request('debian');
    const third = await b.build('debian', 'failed', [id, again.id]);
    t.equal(third.value.failures, 3, 'asking again is enough, although the first request is still there');
    await b.wait(() => !b.builds.entries.has(id), 'only the last failure is shown');
    await b.reload(debian());
    await b.build('debian', 'ready');
    await b.wait(() => ![...b.builds.entries.values()].some(({ value }) => value.state === 'failed'));
  },
);

t.test('a build that hangs is ended with all its processes, and its remains are removed', async (t) => {
  const b = await openBuilder(t, { yaml: debian('build-timeout: 1\n    env-vars: {STAND_IN_HANG: "yes"}') });
  const { id, value } = await b.build('debian', 'failed');
  t.equal(value.error, 'took longer than build-timeout, 1 s');
  t.match(b.log(id), /hanging\n/);
  t.notMatch(b.log(id), /Exit code/);
  t.same(b.files(), [], 'partial files too');
  t.same(
    readdirSync(b.dir).filter((name) => name.startsWith('dib_build')),
    [],
  );
  t.same(processesOf(join(b.imagesDir, id.replace('/', '-'))), []);
});

t.test(
  'a changed description, a missing format and age are reasons to build, a pause is one not to',
  async (t) => {
    const b = await openBuilder(t, { yaml: debian() });
    const ids = [(await b.build('debian', 'ready')).id];
    await b.reload(debian('env-vars: {ADDED: "yes"}'));
    ids.push((await b.build('debian', 'ready', ids)).id);
    const provider =
      'providers: [{name: cloud, driver: fake, image-format: tar, diskimages: [{name: debian}], pools: []}]';
    await b.reload(`${debian('env-vars: {ADDED: "yes"}')}${provider}\n`);
    const third = await b.build('debian', 'ready', ids);
    t.same(third.value.formats, ['qcow2', 'raw', 'tar'], 'what a provider needs is built in the same run');
    ids.push(third.id);
    await b.reload(`${debian('pause: true\n    rebuild-age: 0')}`);
    await b.reload(`${debian('rebuild-age: 1')}`);
    await b.build('debian', 'ready', ids);
  },
);

t.test(
  'an image that nobody needs is not built, and one with a mistake does not hold up the others',
  async (t) => {
    const yaml = `
diskimages:
  - {name: unused, dib-cmd: <DIB>, elements: [vm]}
  - {name: absent, dib-cmd: /nonexistent/dib, formats: [raw]}
  - {name: quoted, dib-cmd: "sh -c 'exit", formats: [raw]}
  - {name: good, dib-cmd: <DIB>, formats: [raw]}
`;
    const b = await openBuilder(t, { yaml });
    await b.build('good', 'ready');
    t.match((await b.build('absent', 'failed')).value.error, /\/nonexistent\/dib: not found/);
    t.match((await b.build('quoted', 'failed')).value.error, /' is not closed/);
    t.notOk([...b.builds.entries.keys()].some((id) => id.startsWith('unused/')));
  },
);

t.test('an element directory that does not exist is named', async (t) => {
  const b = await openBuilder(t, { yaml: `elements-dir: <DIR>:/nonexistent/elements\n${debian()}` });
  const { value } = await b.build('debian', 'failed');
  t.equal(value.error, 'elements-dir names /nonexistent/elements, which is no directory');
});

t.test('secrets reach only their image, and are neither in the log nor in any file', async (t) => {
  const secret = 'pass\'word $tr"ange';
  const two = `
diskimages:
  - name: debian
    dib-cmd: <DIB>
    formats: [raw]
    env-vars: {STAND_IN_ENV: <DIR>/env-debian}
  - name: other
    dib-cmd: <DIB>
    formats: [raw]
    env-vars: {STAND_IN_ENV: <DIR>/env-other}
`;
  const secure = JSON.stringify({
    diskimages: [
      {
        name: 'debian',
        'env-vars': { REG_PASSWORD: secret, STAND_IN_PRINT: `a ${secret} b 'pass'\\''word $tr"ange' c\n` },
      },
    ],
  });
  const b = await openBuilder(t, { yaml: two, secure });
  const { id } = await b.build('debian', 'ready');
  const other = await b.build('other', 'ready');
  t.match(readFileSync(join(b.dir, 'env-debian'), 'utf8'), `REG_PASSWORD=${secret}\n`);
  t.notMatch(readFileSync(join(b.dir, 'env-other'), 'utf8'), 'REG_PASSWORD');
  t.notMatch(b.log(id), 'word $tr');
  t.match(b.log(id), '***');
  t.notMatch(b.log(other.id), '***');
  t.notMatch(JSON.stringify([b.logged, [...b.builds.entries.values()]]), 'word $tr');
  for (const file of [...b.files(), '.running', 'builder_id.txt']) {
    const path = join(b.imagesDir, file);
    if (existsSync(path) && statSync(path).isFile()) t.notMatch(readFileSync(path, 'utf8'), 'word $tr', file);
  }
});

t.test('old logs are removed by number, those of others never', async (t) => {
  const b = await openBuilder(t, { yaml: `build-log-retention: 1\n${debian()}` });
  const ids = [(await b.build('debian', 'ready')).id];
  for (const name of ['debian-30-0123456789abcdef0123456789abcdef.log', 'debian.log', 'debian-notes.txt']) {
    writeFileSync(join(b.logDir, name), 'mine');
  }
  for (let round = 0; round < 2; round++) {
    await b.request('debian');
    ids.push((await b.build('debian', 'ready', ids)).id);
    await answered(b, 'debian');
  }
  const names = readdirSync(b.logDir);
  t.equal(names.filter((name) => /^debian-[0-9a-f]{32}\.log$/.test(name)).length, 2, 'one and the new one');
  t.ok(
    ['debian-30-0123456789abcdef0123456789abcdef.log', 'debian.log', 'debian-notes.txt'].every((name) =>
      names.includes(name),
    ),
  );
});

/** The request is removed just after the build has become ready. */
async function answered({ store }: TestBuilder, image: string): Promise<void> {
  await until(async () => (await store.buildRequests.get(image)) === undefined, { timeoutMs: 30_000 });
}

function processesOf(base: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`DIB_IMAGE_FILENAME=${base}\0`);
    } catch {
      return false;
    }
  });
}
