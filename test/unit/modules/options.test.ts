import fc from 'fast-check';
import t from 'tap';
import { checkValues, type Options } from '../../../src/modules/lib/options.ts';

const options: Options = {
  name: { required: true },
  state: { choices: ['present', 'absent'], default: 'present' },
  count: { type: 'int', default: 3 },
  share: { type: 'float' },
  wanted: { type: 'bool' },
  dir: { type: 'path', default: '/srv' },
  names: { type: 'list', elements: 'str', choices: ['a', 'b'] },
  rows: { type: 'list', elements: 'dict', suboptions: { key: { required: true }, size: { type: 'int' } } },
  more: { type: 'dict' },
};

t.test('fills in defaults and converts what templates have made texts of', async (t) => {
  t.same(
    checkValues(options, { name: 7, count: '12', share: '1.5', wanted: 'yes', names: ['b'], rows: [] }),
    {
      values: {
        name: '7',
        state: 'present',
        count: 12,
        share: 1.5,
        wanted: true,
        dir: '/srv',
        names: ['b'],
        rows: [],
      },
      mistakes: [],
    },
  );
  t.same(checkValues(options, { name: 'x', wanted: 'No', more: { a: [1] } }).values.more, { a: [1] });
  t.equal(checkValues(options, { name: 'x', wanted: 0 }).values.wanted, false);
});

t.test('tells every mistake, with its place, and no value that may be a secret', async (t) => {
  const given = {
    nme: 'x',
    state: 'gone',
    count: 'many',
    share: [],
    wanted: 'perhaps',
    dir: 'srv',
    names: ['c'],
    rows: [{ key: { hunter2: 1 }, size: 'hunter2', odd: 1 }, 'hunter2'],
    more: [],
  };
  const { mistakes } = checkValues(options, given);
  t.same(mistakes, [
    'nme: no such option; there are: name, state, count, share, wanted, dir, names, rows, more',
    'name: required, but not given',
    'state: expected one of present, absent, found "gone"',
    'count: expected an integer, found a string',
    'share: expected a number, found a list',
    'wanted: expected true or false, found a string',
    'dir: expected an absolute path, found a string',
    'names[0]: expected one of a, b, found "c"',
    'rows[0].odd: no such option; there are: key, size',
    'rows[0].key: expected a text, found a mapping',
    'rows[0].size: expected an integer, found a string',
    'rows[1]: expected a mapping, found a string',
    'more: expected a mapping, found a list',
  ]);
});

t.test('takes or refuses anything, without failing itself', async () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...Object.keys(options), 'odd'), fc.anything()), (given) => {
      const { mistakes } = checkValues(options, given);
      return mistakes.every((mistake) => typeof mistake === 'string');
    }),
    { examples: [[{ count: { toString: false } }], [{ count: ['5'] }]] },
  );
});
