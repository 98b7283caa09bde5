import fc from 'fast-check';
import t from 'tap';
import { systemClock, type Clock } from '../../../src/clock.ts';
import { readRetryAfter } from '../../../src/openstack/http-failure.ts';
import { createPace } from '../../../src/openstack/pace.ts';
import { merge } from '../../../src/openstack/section.ts';
import { createSharedList } from '../../../src/openstack/shared-list.ts';
import { fillTemplate, templateProblem } from '../../../src/openstack/template.ts';

const never = new AbortController().signal;

/** A clock whose sleeps end at once, at the time they were to end. */
function quickClock(): Clock {
  let nowMs = 1_000_000;
  return {
    nowMs: () => nowMs,
    sleep: async (delayMs, signal) => {
      signal?.throwIfAborted();
      nowMs += delayMs;
    },
    after: () => () => undefined,
  };
}

t.test('templates are filled in as Python does', (t) => {
  const values = { a: 'x', n: 5, o: { list: ['p', null, true], deep: { key: "it's" } } };
  t.equal(fillTemplate('{a}-{n}', values), 'x-5');
  t.equal(fillTemplate('{{a}} {o.deep.key} {o.deep[key]}', values), "{a} it's it's");
  t.equal(fillTemplate('{o.list} {o.deep}', values), "['p', None, True] {'key': 'it\\'s'}");
  for (const wrong of ['{b}', '{a.length}', '{o.constructor}', '{', '}', '{a'])
    t.throws(() => fillTemplate(wrong, values), wrong);
  t.equal(
    templateProblem('{a} {b}', (name) => name === 'a'),
    '{b} in "{a} {b}"',
  );
  t.equal(
    templateProblem('{{}} {a}', (name) => name === 'a'),
    undefined,
  );
  t.end();
});

t.test('text without braces stays, and braces can be written double', (t) => {
  fc.assert(
    fc.property(
      fc.string(),
      (text) =>
        fillTemplate(
          text.replace(/[{}]/g, (brace) => brace + brace),
          {},
        ) === text,
    ),
  );
  t.end();
});

t.test('merging is recursive, the second wins, nothing is changed in place', (t) => {
  const base = { a: { b: 1, c: [1] }, d: 2 };
  t.same(merge(base, { a: { c: [2], e: 3 }, d: { f: 1 } }), { a: { b: 1, c: [2], e: 3 }, d: { f: 1 } });
  t.same(base, { a: { b: 1, c: [1] }, d: 2 });
  t.end();
});

t.test('Retry-After is seconds or a date', (t) => {
  t.equal(readRetryAfter('3'), 3000);
  t.equal(readRetryAfter('Wed, 21 Oct 2015 07:28:05 GMT', Date.parse('2015-10-21T07:28:00Z')), 5000);
  t.equal(readRetryAfter('Wed, 21 Oct 2015 07:28:00 GMT', Date.parse('2020-01-01T00:00:00Z')), 0);
  for (const nothing of ['soon', undefined, ['1']]) t.equal(readRetryAfter(nothing), undefined);
  t.end();
});

t.test('calls keep the distance of rate, in the order of asking', async (t) => {
  const clock = quickClock();
  const startMs = clock.nowMs();
  const pace = createPace(500, clock);
  const times: number[] = [];
  for (let call = 0; call < 4; call += 1) {
    await pace.turn(never);
    times.push(clock.nowMs() - startMs);
  }
  t.same(times, [0, 500, 1000, 1500]);
  const free = createPace(0, clock);
  const before = clock.nowMs();
  await Promise.all([free.turn(never), free.turn(never)]);
  t.equal(clock.nowMs(), before);
  await t.rejects(pace.turn(AbortSignal.abort(new Error('stop'))), { message: 'stop' });
});

t.test('everybody who waits gets the same list, and none that began before they asked', async (t) => {
  let begun = 0;
  const finish: (() => void)[] = [];
  const list = createSharedList(
    () => {
      begun += 1;
      const number = begun;
      return new Promise<number[]>((resolve) => finish.push(() => resolve([number])));
    },
    1000,
    quickClock(),
  );
  const tick = () => new Promise((resolve) => setImmediate(resolve));
  const first = [list.next(never), list.next(never)];
  await tick();
  t.equal(begun, 1);
  const late = list.next(never);
  await tick();
  t.equal(begun, 1, 'one call at a time');
  finish[0]?.();
  t.same(await Promise.all(first), [[1], [1]]);
  await tick();
  finish[1]?.();
  t.same(await late, [2]);
});

t.test('a list that fails is told to those who waited for it, and the next one is tried', async (t) => {
  let calls = 0;
  const list = createSharedList(
    () => ((calls += 1) === 1 ? Promise.reject(new Error('no')) : Promise.resolve([calls])),
    0,
    quickClock(),
  );
  await t.rejects(list.next(never), { message: 'no' });
  t.same(await list.next(never), [2]);
});

t.test('waiting for a list ends with the signal, or when all ends', async (t) => {
  const list = createSharedList<number>(() => new Promise(() => undefined), 0, quickClock());
  const stop = new AbortController();
  const waiting = list.next(stop.signal);
  stop.abort(new Error('stop'));
  await t.rejects(waiting, { message: 'stop' });
  await t.rejects(list.next(stop.signal), { message: 'stop' });
  list.close(new Error('closed'));
  await t.rejects(list.next(never), { message: 'closed' });
});

t.test(
  'who has waited for long is given lists less often, and who has come lately as often as ever',
  async (t) => {
    const clock = quickClock();
    const begun: number[] = [];
    const list = createSharedList<number>(
      () => (begun.push(clock.nowMs()), Promise.resolve([])),
      1000,
      clock,
    );
    const sinceMs = clock.nowMs();
    while (clock.nowMs() - sinceMs < 600_000) await list.next(never, sinceMs);
    const pauses = begun.slice(1).map((ms, index) => ms - (begun[index] ?? 0));
    t.ok(
      pauses.slice(0, 20).every((ms) => ms === 1000),
      'at first once an interval',
    );
    t.same(pauses.slice(-5), [10_000, 10_000, 10_000, 10_000, 10_000]);
    t.ok(begun.length < 130, `${begun.length} lists in ten minutes`);

    const lastMs = begun.at(-1) ?? 0;
    await Promise.all([list.next(never, clock.nowMs()), list.next(never, sinceMs)]);
    t.equal((begun.at(-1) ?? 0) - lastMs, 1000);
  },
);

t.test('one who asks while others wait patiently does not wait as long as they', async (t) => {
  let calls = 0;
  const list = createSharedList(() => Promise.resolve([(calls += 1)]), 10, systemClock);
  await list.next(never);
  const patient = list.next(never, systemClock.nowMs() - 3_600_000); // due in ten seconds
  const startedMs = systemClock.nowMs();
  t.same(await list.next(never), [2]);
  t.same(await patient, [2], 'the list is for all');
  t.ok(systemClock.nowMs() - startedMs < 9_000);
});

t.test('closing ends a patient wait at once', async (t) => {
  const list = createSharedList<number>(() => Promise.resolve([]), 10, systemClock);
  await list.next(never);
  const patient = list.next(never, systemClock.nowMs() - 3_600_000);
  list.close(new Error('closed'));
  await t.rejects(patient, { message: 'closed' });
});
