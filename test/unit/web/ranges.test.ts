import fc from 'fast-check';
import t from 'tap';
import { parseRange } from '../../../src/web/log-file.ts';

t.test('ranges of bytes as RFC 9110 has them', async (t) => {
  const cases: [header: string | undefined, expected: unknown][] = [
    [undefined, undefined],
    ['bytes=0-99', { start: 0, end: 100 }],
    ['bytes=990-', { start: 990, end: 1000 }],
    ['bytes=990-5000', { start: 990, end: 1000 }],
    ['bytes=-10', { start: 990, end: 1000 }],
    ['bytes=-5000', { start: 0, end: 1000 }],
    ['bytes=1000-', 'outside'],
    ['bytes=-0', 'outside'],
    ['bytes=9-3', undefined],
    ['bytes=-', undefined],
    ['bytes=1-2,5-6', undefined],
    ['lines=1-2', undefined],
  ];
  for (const [header, expected] of cases) t.strictSame(parseRange(header, 1000), expected, String(header));
});

t.test('a range never leaves the file', async () => {
  const header = fc.oneof(
    fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`),
    fc.nat().map((a) => `bytes=${a}-`),
    fc.nat().map((a) => `bytes=-${a}`),
    fc.string(),
  );
  fc.assert(
    fc.property(header, fc.nat({ max: 10_000 }), (text, size) => {
      const range = parseRange(text, size);
      if (range === undefined || range === 'outside') return true;
      return range.start >= 0 && range.start < range.end && range.end <= size;
    }),
  );
});
