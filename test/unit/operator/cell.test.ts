import fc from 'fast-check';
import t from 'tap';
import {
  cellText,
  clip,
  displayWidth,
  escapeText,
  formatAge,
  formatSpan,
} from '../../../src/operator/cell.ts';

t.test('makes terminal escapes and line breaks of foreign text visible', async (t) => {
  t.equal(escapeText('a\nb\tc\x1b[31mred'), 'a\\nb\\tc\\x1b[31mred');
  t.equal(escapeText('abc\u202edef\u200b'), 'abc\\u{202e}def\\u{200b}');
  t.equal(escapeText('\x9b2J\x7f'), '\\x9b2J\\x7f');
  t.equal(escapeText('Käse, 日本, 🙂'), 'Käse, 日本, 🙂');
});

t.test('never lets a control character through', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(cellText(text))),
  );
});

t.test('shows values as PrettyTable did', async (t) => {
  t.equal(cellText(null), '');
  t.equal(cellText(undefined), '');
  t.equal(cellText(['a', 'b']), 'a,b');
  t.equal(cellText(true), 'True');
  t.equal(cellText(22), '22');
  t.equal(cellText({ a: 1 }), '{"a":1}');
});

t.test('prints ages as DD:HH:MM:SS, fractions cut', async (t) => {
  t.equal(formatAge(0, 0.9), '00:00:00:00');
  t.equal(formatAge(1000, 1061.9), '00:00:01:01');
  t.equal(formatAge(0, 86_400 * 123 + 3600 * 4 + 60 * 5 + 6), '123:04:05:06');
  t.equal(formatAge(100, 50), '00:00:00:00', 'a clock that is ahead');
});

t.test('prints spans for sentences', async (t) => {
  t.equal(formatSpan(42.7), '42 s');
  t.equal(formatSpan(7 * 60), '7 min');
  t.equal(formatSpan(3 * 3600 + 20 * 60), '3 h 20 min');
  t.equal(formatSpan(52 * 3600), '2 d 4 h');
});

t.test('cuts by columns, not by characters', async (t) => {
  t.equal(displayWidth('日本'), 4);
  t.equal(displayWidth('e\u0301'), 1);
  t.equal(clip('日本語', 5), '日本…');
  t.equal(clip('abc', 3), 'abc');
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.integer({ min: 1, max: 20 }),
      (text, width) => displayWidth(clip(text, width)) <= width,
    ),
  );
});
