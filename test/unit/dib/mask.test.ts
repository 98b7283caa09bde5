import fc from 'fast-check';
import t from 'tap';
import { createMask } from '../../../src/dib/mask.ts';

function through(secrets: readonly string[], parts: readonly string[]): string {
  const mask = createMask(secrets);
  return [...parts.map((part) => mask.push(Buffer.from(part))), mask.end()].map(String).join('');
}

t.test('hides a secret wherever a stream is cut', async (t) => {
  const text = "login with p'ss and abab, abababab; 'p'\\''ss'\n";
  const expected = "login with *** and ***, ******; '***'\n";
  for (let cut = 0; cut <= text.length; cut++) {
    t.equal(through(["p'ss", 'abab'], [text.slice(0, cut), text.slice(cut)]), expected);
  }
});

t.test('hides every line of a secret with several, and leaves yes, no and digits alone', async (t) => {
  t.equal(through(['first half\nsecond half'], ['x first half y\nsecond half z']), 'x *** y\n*** z');
  t.equal(through(['1', 'true', ''], ['1 is true']), '1 is true');
  t.equal(through([], ['as it is']), 'as it is');
});

t.test('never lets a secret through, and changes nothing else', async (t) => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'ä'), minLength: 2, maxLength: 6 });
  const noise = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'ä', ' '), maxLength: 12 });
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 3 }),
      fc.array(fc.oneof(noise, word)),
      (secrets, parts) => {
        const seen = through(secrets, parts);
        t.notOk(secrets.some((secret) => seen.includes(secret)));
        if (!secrets.some((secret) => parts.join('').includes(secret))) t.equal(seen, parts.join(''));
      },
    ),
  );
});
