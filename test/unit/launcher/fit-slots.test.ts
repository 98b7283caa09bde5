import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { fitSlots } from '../../../src/launcher/fit-slots.ts';

t.test('gives each label a slot of its own, by moving others where needed', (t) => {
  const both = { labels: ['a', 'b'] };
  t.ok(fitSlots([], []));
  t.notOk(fitSlots(['a'], []));
  t.ok(fitSlots(['b', 'a'], [both, { labels: ['b'] }]), 'b moves on when a needs the only slot that has it');
  t.notOk(fitSlots(['a', 'a'], [both, { labels: ['b'] }]));
  t.notOk(fitSlots(['c'], [both]));
  t.end();
});

t.test('says the same as trying every way', (t) => {
  const label = fc.constantFrom('a', 'b', 'c');
  const slot = fc.record({ labels: fc.uniqueArray(label) });
  fc.assert(
    fc.property(fc.array(label, { maxLength: 4 }), fc.array(slot, { maxLength: 5 }), (labels, slots) => {
      assert.equal(fitSlots(labels, slots), tryAll(labels, slots));
    }),
  );
  t.end();
});

function tryAll([first, ...rest]: string[], slots: { labels: string[] }[]): boolean {
  if (first === undefined) return true;
  return slots.some(({ labels }, index) => labels.includes(first) && tryAll(rest, slots.toSpliced(index, 1)));
}
