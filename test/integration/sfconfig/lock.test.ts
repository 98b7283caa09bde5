import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import t from 'tap';
import { lockRuns } from '../../../src/sfconfig/lock.ts';
import { tempDir } from '../../support/temp.ts';

const { signal } = new AbortController();

t.test('a second run waits for the first one', async (t) => {
  const path = join(tempDir(t), 'state/ansible.lock');
  const first = await lockRuns(path, { signal, onWait: () => t.fail('nobody had it') });
  let waits = () => {};
  const waiting = new Promise<void>((resolve) => (waits = resolve));
  let isLocked = false;
  const second = lockRuns(path, { signal, onWait: waits }).then((lock) => {
    isLocked = true;
    return lock;
  });
  await waiting;
  t.equal(isLocked, false);
  await first.release();
  await (await second).release();
});

t.test('the lock is kept as long as a child has it, even when the run is gone', async (t) => {
  const path = join(tempDir(t), 'ansible.lock');
  const lock = await lockRuns(path, { signal, onWait: () => t.fail('nobody had it') });
  const child = spawn('cat', [], { stdio: ['pipe', 'ignore', 'ignore', lock.fd] });
  await lock.release();
  let onWait = () => {};
  const waiting = new Promise<void>((resolve) => (onWait = resolve));
  const second = lockRuns(path, { signal, onWait });
  await waiting;
  child.stdin?.end();
  await once(child, 'close');
  const last = await second;
  t.ok(last.fd > 2);
  await last.release();
});

t.test('waiting ends with the signal', async (t) => {
  const path = join(tempDir(t), 'ansible.lock');
  const lock = await lockRuns(path, { signal, onWait: () => undefined });
  const stop = new AbortController();
  await t.rejects(
    lockRuns(path, { signal: stop.signal, onWait: () => stop.abort(new Error('stopped by SIGINT')) }),
    { message: 'stopped by SIGINT' },
  );
  await lock.release();
});
