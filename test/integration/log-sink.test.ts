import { once } from 'node:events';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { openFileOutput, streamOutput } from '../../src/log-sink-output.ts';
import { openSink, simpleSettings, type LogSettings } from '../../src/log-sink.ts';
import { createLogger } from '../../src/log.ts';

function readLines(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1);
}

t.test('sends our own events from info on, and those of others from warning on', async (t) => {
  const stdout = new PassThrough({ encoding: 'utf8' });
  const sink = openSink(simpleSettings({ to: 'stdout' }), { stdout });
  const log = createLogger(sink);
  log.debug('hidden');
  log.named('driver.runc.hv1').info('shown');
  createLogger(sink, 'kazoo').info('hidden');
  createLogger(sink, 'kazoo').warning('shown too');
  sink.close();
  t.match(
    stdout.read(),
    /^[\d ,:-]+ INFO nodepool\.driver\.runc\.hv1: shown\n[\d ,:-]+ WARNING kazoo: shown too\n$/,
  );
  t.notOk(sink.enabled('debug', 'nodepool'));
});

t.test(
  'routes by the nearest level and through all handlers above, until one does not propagate',
  async (t) => {
    const folder = t.testdir();
    const file = (name: string) => ({ to: { file: join(folder, name) } });
    const settings: LogSettings = {
      handlers: { all: file('all'), errors: { ...file('errors'), level: 'error' }, runc: file('runc') },
      loggers: {
        '': { level: 'warning', handlers: ['all', 'errors'] },
        nodepool: { level: 'info' },
        'nodepool.driver.runc': { level: 'debug', handlers: ['runc'], propagate: false },
        noisy: { level: 'off' },
      },
      notices: ['something is ignored'],
    };
    const sink = openSink(settings);
    createLogger(sink, 'nodepool.reaper').info('a');
    createLogger(sink, 'nodepool.driver.runc.hv1').debug('b');
    createLogger(sink, 'other').error('c');
    createLogger(sink, 'noisy').error('never');
    sink.close();
    const messages = (name: string) =>
      readLines(join(folder, name)).map((line) => line.replace(/^.*?: /, ''));
    t.same(messages('all'), ['something is ignored', 'a', 'c']);
    t.same(messages('errors'), ['c']);
    t.same(messages('runc'), ['b']);
  },
);

t.test('is coloured on a terminal only, and not with NO_COLOR', async (t) => {
  const print = (isTTY: boolean, env: Record<string, string>) => {
    const stdout = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY });
    const sink = openSink(simpleSettings({ to: 'stdout' }), { stdout, env });
    createLogger(sink).info('x');
    sink.close();
    return String(stdout.read());
  };
  t.match(print(true, {}), '\u001b[32mINFO');
  t.notMatch(print(true, { NO_COLOR: '1' }), '\u001b');
  t.notMatch(print(false, {}), '\u001b');
});

t.test('makes a file that only owner and group read, and appends to it', async (t) => {
  const path = join(t.testdir(), 'launcher.log');
  for (const text of ['one\n', 'two\n']) {
    const output = openFileOutput(path);
    output.write(text);
    output.close();
  }
  t.same(readLines(path), ['one', 'two']);
  t.equal(statSync(path).mode & 0o777, 0o640);
});

t.test('writes without being asked', async (t) => {
  const stream = new PassThrough({ encoding: 'utf8' });
  const output = streamOutput(stream);
  t.teardown(() => output.close());
  // The timer of the output does not keep the process alive.
  const alive = setInterval(() => {}, 1000);
  output.write('one\n');
  await once(stream, 'readable');
  clearInterval(alive);
  t.equal(stream.read(), 'one\n');
});

t.test('goes on in a new file when logrotate renamed or removed the old one', async (t) => {
  const path = join(t.testdir(), 'launcher.log');
  let nowMs = 1_000_000;
  const output = openFileOutput(path, { nowMs: () => nowMs });
  t.teardown(() => output.close());
  const write = (text: string) => {
    nowMs += 1000;
    output.write(text);
    output.flushSync();
  };
  write('one\n');
  renameSync(path, `${path}.1`);
  write('two\n');
  rmSync(path);
  write('three\n');
  t.same(readLines(`${path}.1`), ['one']);
  t.same(readLines(path), ['three']);
  renameSync(path, `${path}.2`);
  output.reopen();
  output.write('four\n');
  output.flushSync();
  t.same(readLines(path), ['four'], 'reopen does not wait for the next check');
});

t.test('goes on at the start of a file that was copied and truncated', async (t) => {
  const path = join(t.testdir(), 'launcher.log');
  const output = openFileOutput(path);
  t.teardown(() => output.close());
  output.write('one\n');
  output.flushSync();
  truncateSync(path);
  output.write('two\n');
  output.flushSync();
  t.equal(readFileSync(path, 'utf8'), 'two\n');
});

t.test('stays with the old file while a new one cannot be opened', async (t) => {
  const folder = join(t.testdir(), 'log');
  mkdirSync(folder);
  const path = join(folder, 'launcher.log');
  const output = openFileOutput(path, { nowMs: Date.now });
  t.teardown(() => output.close());
  renameSync(folder, `${folder}.away`);
  output.reopen();
  output.write('one\n');
  output.flushSync();
  t.same(readLines(join(`${folder}.away`, 'launcher.log')), ['one']);
});

t.test('drops lines after it was closed, instead of writing them to a foreign descriptor', async (t) => {
  const path = join(t.testdir(), 'launcher.log');
  const output = openFileOutput(path);
  output.close();
  output.write('late\n');
  output.flushSync();
  output.reopen();
  output.close();
  t.equal(readFileSync(path, 'utf8'), '');
});

t.test('a full disk does not stop the program', async (t) => {
  const output = openFileOutput('/dev/full');
  t.teardown(() => output.close());
  const line = `${'x'.repeat(1000)}\n`;
  t.doesNotThrow(() => {
    for (let i = 0; i < 10_000; i++) output.write(line);
    output.flushSync();
  });
});

t.test('says why a log file cannot be written', async (t) => {
  const folder = t.testdir({ file: '' });
  const open = (path: string) => () => openSink(simpleSettings({ to: { file: path } }));
  t.throws(open(join(folder, 'no', 'x.log')), {
    message: `cannot write log file ${folder}/no/x.log: the folder ${folder}/no does not exist; create it, or log elsewhere`,
  });
  t.throws(open(folder), { message: `cannot write log file ${folder}: it is a folder` });
});

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));

for (const [ending, code] of [
  ['process.exit(3)', 3],
  ['throw new Error("crash")', 1],
  ['undefined', 0],
] as const) {
  t.test(`what was logged is in the file after: ${ending}`, async (t) => {
    const path = join(t.testdir(), 'launcher.log');
    const script = `
      import { openSink, simpleSettings } from '${SOURCE}log-sink.ts';
      import { createLogger } from '${SOURCE}log.ts';
      const log = createLogger(openSink(simpleSettings({ to: { file: '${path}' } })));
      for (let i = 0; i < 10; i++) log.info('line ' + i);
      ${ending}`;
    const run = promisify(execFile)(process.execPath, [
      '--import',
      'tsx',
      '--input-type=module',
      '--eval',
      script,
    ]);
    const exitCode = await run.then(
      () => 0,
      (error: { code: number }) => error.code,
    );
    t.equal(exitCode, code);
    t.equal(readLines(path).length, 10);
  });
}
