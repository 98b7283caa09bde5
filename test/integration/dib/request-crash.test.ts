import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { silentLogger } from '../../../src/log.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { STAND_IN } from '../../support/builder.ts';
import { makeBuilderPlace, startBuilderProcess } from '../../support/builder-process.ts';
import { until } from '../../support/poll.ts';

const DYING = fileURLToPath(new URL('../../support/dying-builder.ts', import.meta.url));
const LONG = { timeoutMs: 60_000 };

t.test('whenever a builder is killed, a request for an image leads to one build that is ready', async (t) => {
  for (let write = 0; ; write++) {
    const { isOver } = await killBefore(t, write);
    if (isOver) break;
    t.ok(write < 20, 'the builder comes to an end');
  }
});

/** Kills a builder before a write for a request, and starts another one. `isOver`: there were not so many. */
async function killBefore(t: Test, write: number): Promise<{ isOver: boolean }> {
  const place = makeBuilderPlace(t);
  const runs = join(place.dir, 'runs');
  place.configure({
    name: 'debian',
    'dib-cmd': STAND_IN,
    formats: ['raw'],
    'env-vars': { STAND_IN_RECORD: runs },
  });
  const [first = '', done] = await runDying(place, write);
  t.match(first, /^debian\//);
  const store = await openEmbeddedStore({ dir: join(place.dir, 'state'), log: silentLogger });
  t.teardown(() => store.close());
  const wasReady = (await store.builds.list()).filter(({ value }) => value.state === 'ready').length > 1;

  const builder = startBuilderProcess(t, place);
  await until(() => builder.output().includes('builder started'), LONG);
  const builds = await until(async () => {
    const [all, request] = [await store.builds.list(), await store.buildRequests.get('debian')];
    return request === undefined && all.every(({ value }) => value.state === 'ready') ? all : undefined;
  }, LONG);
  t.same(builds.filter(({ id }) => id !== first).length, 1, `a build after the kill before write ${write}`);
  const count = readFileSync(runs, 'utf8').trim().split('\n').length;
  if (wasReady) t.equal(count, 2, 'what was ready for the request is not built again');
  builder.child.kill('SIGTERM');
  await builder.ended;
  return { isOver: done === 'done' };
}

/** Its lines of output. */
async function runDying(place: { dir: string; config: string }, write: number): Promise<string[]> {
  const args = ['--import', 'tsx/esm', DYING, place.config, String(write), 'debian'];
  const env = { ...process.env, HOME: place.dir, TMPDIR: place.dir };
  return await new Promise((resolve, reject) => {
    execFile(process.execPath, args, { env }, (error, stdout, stderr) =>
      error?.signal === 'SIGKILL' ? resolve(stdout.trim().split('\n')) : reject(new Error(stderr)),
    );
  });
}
