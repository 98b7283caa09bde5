import t from 'tap';
import { systemClock } from '../../../src/clock.ts';
import { createSharedList } from '../../../src/openstack/shared-list.ts';
import { quickClock } from '../../support/quick-clock.ts';

const never = new AbortController().signal;
const tick = () => new Promise((resolve) => setImmediate(resolve));
const HOUR_MS = 3_600_000;

t.test('everybody who waits gets the same list, and none that began before they asked', async (t) => {
  let begun = 0;
  const finish: (() => void)[] = [];
  const list = createSharedList({
    fetch: () => {
      const number = (begun += 1);
      return new Promise<number>((resolve) => finish.push(() => resolve(number)));
    },
    intervalMs: 1000,
    clock: quickClock(),
  });
  const first = [list.next(never), list.next(never)];
  await tick();
  t.equal(begun, 1);
  const late = list.next(never);
  await tick();
  t.equal(begun, 1, 'one call at a time');
  finish[0]?.();
  t.same(await Promise.all(first), [1, 1]);
  await tick();
  finish[1]?.();
  t.equal(await late, 2);
});

t.test('who waits for something is shown one list after the other until it is there', async (t) => {
  let calls = 0;
  const list = createSharedList({
    fetch: () => Promise.resolve((calls += 1)),
    intervalMs: 1000,
    clock: quickClock(),
  });
  const until = (wanted: number) =>
    list.until((number) => (number >= wanted ? `at ${number}` : undefined), { signal: never });
  t.same(await Promise.all([until(3), list.next(never), until(5), until(1)]), ['at 3', 1, 'at 5', 'at 1']);
  t.equal(calls, 5, 'nobody waits any more');
  const wrong = list.until(
    (number) => {
      if (number === 7) throw new Error('it is gone');
      return undefined;
    },
    { signal: never },
  );
  await t.rejects(wrong, { message: 'it is gone' });
  t.equal(calls, 7);
});

t.test('changes are asked for when nobody needs more', async (t) => {
  const asked: boolean[] = [];
  const list = createSharedList({
    fetch: (_, isWhole) => Promise.resolve(asked.push(isWhole)),
    intervalMs: 1000,
    clock: quickClock(),
  });
  const patient = list.until((number) => (number > 3 ? true : undefined), {
    signal: never,
    changesOnly: true,
  });
  await list.next(never);
  await patient;
  t.same(asked, [true, false, false, false]);
});

t.test('a list that fails is told to those who waited for it, and the next one is tried', async (t) => {
  let calls = 0;
  const list = createSharedList({
    fetch: () => ((calls += 1) === 1 ? Promise.reject(new Error('no')) : Promise.resolve(calls)),
    intervalMs: 0,
    clock: quickClock(),
  });
  await t.rejects(list.next(never), { message: 'no' });
  t.equal(await list.next(never), 2);
});

t.test('who waits for something waits out trouble that passes, and no other', async (t) => {
  const clock = quickClock();
  const startMs = clock.nowMs();
  const answers = ['busy', 'busy', 'fine', 'broken'];
  const list = createSharedList({
    fetch: () => {
      const answer = answers.shift() ?? '';
      return answer === 'fine' ? Promise.resolve(answer) : Promise.reject(new Error(answer));
    },
    intervalMs: 10,
    clock,
    isPassing: (error) => (error as Error).message === 'busy',
  });
  const impatient = list.next(never);
  const patient = list.until((answer) => answer, { signal: never });
  await t.rejects(impatient, { message: 'busy' });
  t.equal(await patient, 'fine');
  t.equal(clock.nowMs() - startMs, 4000, 'two seconds after each trouble');
  await t.rejects(
    list.until(() => true, { signal: never }),
    { message: 'broken' },
  );
});

t.test('waiting for a list ends with the signal, or when all ends', async (t) => {
  const list = createSharedList({
    fetch: () => new Promise<number>(() => undefined),
    intervalMs: 0,
    clock: quickClock(),
  });
  const stop = new AbortController();
  const waiting = list.next(stop.signal);
  stop.abort(new Error('stop'));
  await t.rejects(waiting, { message: 'stop' });
  await t.rejects(list.next(stop.signal), { message: 'stop' });
  list.close(new Error('closed'));
  await t.rejects(list.next(never), { message: 'closed' });
});

t.test('closing ends the call that runs, and all who wait for it', async (t) => {
  const list = createSharedList({
    fetch: (signal) =>
      new Promise<number>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      ),
    intervalMs: 0,
    clock: quickClock(),
    isPassing: () => true,
  });
  const waiting = [list.next(never), list.until(() => undefined, { signal: never })];
  await tick();
  const late = list.until(() => undefined, { signal: never });
  list.close(new Error('closed'));
  for (const each of [...waiting, late]) await t.rejects(each, { message: 'closed' });
});

t.test(
  'who has waited for long is shown lists less often, and who has come lately as often as ever',
  async (t) => {
    const clock = quickClock();
    const begun: number[] = [];
    const list = createSharedList({
      fetch: () => Promise.resolve(begun.push(clock.nowMs())),
      intervalMs: 1000,
      clock,
    });
    const sinceMs = clock.nowMs();
    await list.until(() => clock.nowMs() - sinceMs >= 600_000 || undefined, { signal: never });
    const pauses = begun.slice(1).map((ms, index) => ms - (begun[index] ?? 0));
    t.ok(
      pauses.slice(0, 20).every((ms) => ms === 1000),
      'at first once an interval',
    );
    t.same(pauses.slice(-5), [10_000, 10_000, 10_000, 10_000, 10_000]);
    t.ok(begun.length < 130, `${begun.length} lists in ten minutes`);

    const lastMs = begun.at(-1) ?? 0;
    await Promise.all([list.next(never), list.until(() => true, { signal: never, sinceMs })]);
    t.equal((begun.at(-1) ?? 0) - lastMs, 1000);
  },
);

t.test('one who asks while others wait patiently does not wait as long as they', async (t) => {
  let calls = 0;
  const list = createSharedList({
    fetch: () => Promise.resolve((calls += 1)),
    intervalMs: 10,
    clock: systemClock,
  });
  await list.next(never);
  const startedMs = systemClock.nowMs();
  const sinceMs = startedMs - HOUR_MS; // due in ten seconds
  const patient = list.until((number) => number, { signal: never, sinceMs });
  t.equal(await list.next(never), 2);
  t.equal(await patient, 2, 'the list is for all');
  t.ok(systemClock.nowMs() - startedMs < 9_000);
});

t.test('closing ends a patient wait at once', async (t) => {
  const list = createSharedList({ fetch: () => Promise.resolve(1), intervalMs: 10, clock: systemClock });
  await list.next(never);
  const patient = list.until(() => true, { signal: never, sinceMs: systemClock.nowMs() - HOUR_MS });
  list.close(new Error('closed'));
  await t.rejects(patient, { message: 'closed' });
});
