import fc from 'fast-check';
import t from 'tap';
import { parse } from '../../../src/config/document.ts';
import { makeSource } from '../../../src/config/source.ts';

function valueOf(text: string): unknown {
  const document = parse(makeSource('f.yaml', text, {}));
  t.same(document.problems, []);
  return document.value;
}

// What PyYAML 6 answers for the same texts.
const SCALARS: [text: string, value: unknown][] = [
  ['yes', true],
  ['Off', false],
  ['y', 'y'],
  ['N', 'N'],
  ['0755', 493],
  ['08', '08'],
  ['0o17', '0o17'],
  ['0x1F', 31],
  ['-0b11', -3],
  ['1_000', 1000],
  ['12:30', 750],
  ['00:30', '00:30'],
  ['1.50', 1.5],
  ['1e3', '1e3'],
  ['1.0e+3', 1000],
  ['.5', 0.5],
  ['~', null],
  ['', null],
  ['2026-01-31', '2026-01-31'],
  ['"0755"', '0755'],
  ["'yes'", 'yes'],
  ['!!str 0755', '0755'],
  ['10.0.0.1', '10.0.0.1'],
];

t.test('reads plain values as YAML 1.1 has them', async (t) => {
  for (const [text, value] of SCALARS) t.same(valueOf(`key: ${text}\n`), { key: value }, text);
});

t.test('keeps keys as they are written', async (t) => {
  t.same(valueOf('on: 1\n8005: 2\n"a b": 3\n'), { on: 1, 8005: 2, 'a b': 3 });
  const hostile = valueOf('__proto__: {polluted: true}\nconstructor: 1\n') as object;
  t.same(Object.keys(hostile), ['__proto__', 'constructor']);
  t.notOk('polluted' in {});
});

t.test('merges: own keys first, then earlier mappings', async (t) => {
  const text = 'a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  z: 3\n  <<: [*a, *b]\n';
  t.same((valueOf(text) as { c: unknown }).c, { z: 3, x: 1, y: 1 });
});

t.test('ends with a complaint where aliases multiply without end', async (t) => {
  const rows = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 9; i++)
    rows.push(
      `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    );
  const { problems } = parse(makeSource('f.yaml', rows.join('\n'), {}));
  t.match(problems, [{ found: 'aliases that multiply' }]);
});

t.test('tells a mistake once, however often aliases repeat it', async (t) => {
  const rows = ['a0: &a0 [*nothing, *nothing]'];
  for (let i = 1; i < 6; i++)
    rows.push(
      `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    );
  const { problems, broken } = parse(makeSource('f.yaml', rows.join('\n'), {}));
  t.match(problems, [{ path: 'a0[0]' }, { path: 'a0[1]' }]);
  t.equal(problems.length, 2);
  t.ok(broken.has('a1[8][1]'), 'no further complaints where it is repeated');
});

t.test('survives nesting deeper than any stack', async (t) => {
  const { problems } = parse(makeSource('f.yaml', '['.repeat(100_000), {}));
  t.equal(problems.length, 1);
});

t.test('knows the line of every key, however long the inserted variables are', async () => {
  const value = fc
    .array(fc.constantFrom('a', '\n  ', '\n\n    ', ' b'), { maxLength: 6 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 6 }), (values) => {
      const env = Object.fromEntries(values.map((text, index) => [`NODEPOOL_${index}`, text]));
      const lines = values.map((_, index) => `k${index}: "%(NODEPOOL_${index})"`);
      const document = parse(makeSource('f.yaml', lines.join('\n'), env));
      return values.every((_, index) => document.lineOf([`k${index}`]) === index + 1);
    }),
  );
});

t.test('substitutes only variables that start with NODEPOOL_ and are set', async (t) => {
  const text = 'a: "%(NODEPOOL_A)%(NODEPOOL_A)"\nb: "%(HOME)"\nc: "%(NODEPOOL_B)"\n';
  const source = makeSource('f.yaml', text, { NODEPOOL_A: '1', HOME: '/root' });
  t.same(parse(source).value, { a: '11', b: '%(HOME)', c: '%(NODEPOOL_B)' });
});
