import fc from 'fast-check';
import t from 'tap';
import { createPortHints, parsePortRange } from '../../../src/runc/port-hints.ts';

t.test('gives the lowest port that is free, and one that was released again', (t) => {
  const ports = createPortHints({ first: 22022, last: 22024 });
  t.strictSame([ports.take('a'), ports.take('b'), ports.take('c')], [22022, 22023, 22024]);
  ports.release('b');
  ports.release('b');
  t.equal(ports.take('d'), 22023);
  ports.settle('d', 22030);
  t.equal(ports.take('e'), 22023, 'the one that d got instead is no longer held');
  t.equal(ports.take('f'), 22022, 'with none left it starts from the front: the agent has the last word');
  t.end();
});

t.test('never hints at a port in use while there is a free one', (t) => {
  const step = fc.record({
    id: fc.nat(12).map(String),
    settle: fc.option(fc.nat(15)),
    release: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const range = { first: 100, last: 107 };
      const ports = createPortHints(range);
      const held = new Map<string, number>();
      for (const { id, settle, release } of steps) {
        if (release) {
          ports.release(id);
          held.delete(id);
          continue;
        }
        ports.release(id);
        held.delete(id);
        const free = [...Array(8).keys()]
          .map((n) => 100 + n)
          .filter((port) => ![...held.values()].includes(port));
        const port = ports.take(id);
        if (port !== (free[0] ?? range.first)) return false;
        held.set(id, port);
        if (settle !== null) {
          ports.settle(id, 100 + settle);
          held.set(id, 100 + settle);
        }
      }
      return true;
    }),
  );
  t.end();
});

t.test('reads ranges as the configuration has them', (t) => {
  t.strictSame(parsePortRange('22022-65535'), { first: 22022, last: 65535 });
  for (const text of ['22022', '1-2', '30000-20000', '22022-65536', 'a-b', '22022 - 65535']) {
    t.equal(parsePortRange(text), undefined, text);
  }
  t.end();
});
