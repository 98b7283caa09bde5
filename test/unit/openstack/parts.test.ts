import fc from 'fast-check';
import t from 'tap';
import { readRetryAfter } from '../../../src/openstack/http-failure.ts';
import { createPace } from '../../../src/openstack/pace.ts';
import { merge } from '../../../src/openstack/section.ts';
import { fillTemplate, templateProblem } from '../../../src/openstack/template.ts';
import { quickClock } from '../../support/quick-clock.ts';

const never = new AbortController().signal;

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
