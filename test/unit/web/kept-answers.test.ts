import t from 'tap';
import type { Clock } from '../../../src/clock.ts';
import { keepAnswers } from '../../../src/web/kept-answers.ts';

function handClock() {
  const later: (() => void)[] = [];
  const time = { nowMs: 1_000_000 };
  const clock: Clock = {
    nowMs: () => time.nowMs,
    sleep: () => Promise.reject(new Error('nothing here sleeps')),
    after: (_delayMs, call) => (later.push(call), () => undefined),
  };
  return { clock, later, time };
}

t.test('an answer is given again for a second, and forgotten then', async (t) => {
  const { clock, later, time } = handClock();
  const kept = keepAnswers(1000, clock);
  let made = 0;
  const get = () => kept.get('key', () => ({ status: 200, body: `number ${(made += 1)}` })).answer.body;
  t.equal(get(), 'number 1');
  time.nowMs += 999;
  t.equal(get(), 'number 1');
  time.nowMs += 1;
  t.equal(get(), 'number 2');
  t.equal(kept.bytes, 8);
  time.nowMs -= 5_000;
  t.equal(get(), 'number 3', 'a clock that was set back keeps nothing for longer');
  time.nowMs += 60_000;
  t.equal(later.length, 1);
  later.shift()?.();
  t.equal(kept.bytes, 0, 'also where nobody asks again');
  t.equal(later.length, 0);
});

t.test('many queries, or large answers, are not all kept', async (t) => {
  const { clock } = handClock();
  const kept = keepAnswers(1000, clock);
  const large = [Buffer.alloc(5 * 2 ** 20), Buffer.alloc(5 * 2 ** 20)];
  for (let query = 0; query < 20; query += 1)
    kept.get(`large ${query}`, () => ({ status: 200, body: large }));
  t.equal(kept.bytes, 30 * 2 ** 20);
  let made = 0;
  for (let query = 0; query < 1_000; query += 1)
    kept.get(`small ${query % 500}`, () => ({ status: 200, body: String((made += 1)) }));
  t.equal(made, 903, 'ninety-seven of the small ones were found the second time');
});
