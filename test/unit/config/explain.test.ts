import t from 'tap';
import type { Schema } from '../../../src/config/schema.ts';
import { validate } from '../../../src/config/validate.ts';
import { formatPath, parsePath } from '../../../src/config/words.ts';

const imageOrCloud: Schema = {
  type: 'object',
  oneOf: [{ required: ['diskimage'] }, { required: ['cloud-image'] }],
  properties: { diskimage: { type: 'string' }, 'cloud-image': { type: 'string' } },
};

// What a driver's schema may say, a value that breaks it, and the words for it.
const CASES: [schema: Schema, value: unknown, expected: string, found?: string][] = [
  [{ type: 'string' }, 1, 'a string'],
  [{ type: ['string', 'null'] }, 1, 'a string or nothing'],
  [{ type: 'integer', minimum: 1 }, 0, 'an integer of at least 1'],
  [{ type: 'integer', minimum: 1, maximum: 9 }, 10, 'an integer from 1 to 9'],
  [{ type: 'number', exclusiveMinimum: 0 }, 0, 'a number above 0'],
  [{ type: 'number', maximum: 1 }, 2, 'a number of at most 1'],
  [{ type: 'number' }, Infinity, 'a number'],
  [{ enum: ['ssh', 'local'] }, 'telnet', 'one of "ssh", "local"'],
  [{ const: 'x' }, 'y', '"x"'],
  [{ type: 'string', pattern: '^a' }, 'b', 'a string that matches ^a'],
  [{ type: 'string', pattern: '^a', expected: 'something with a' }, 'b', 'something with a'],
  [{ type: 'array', items: {}, minItems: 1 }, [], 'at least 1 entry', 'no entries'],
  [{ type: 'array', items: {}, maxItems: 1 }, [1, 2], 'at most 1 entry', '2 entries'],
  [{ type: 'array', items: {}, uniqueItems: true }, [1, 2, 1], 'each entry once', 'the same as entry 1'],
  [{ type: 'object', required: ['a'], properties: { a: {} } }, {}, 'the key "a"', 'no such key'],
  [
    { type: 'object', properties: { size: {} }, additionalProperties: false },
    { sizes: 1 },
    'one of the known keys: size',
    'the unknown key "sizes" (did you mean "size"?)',
  ],
  [
    { type: 'object', propertyNames: { type: 'string', pattern: '^[a-z]+$', expected: 'lower case' } },
    { A: 1 },
    'a key that is lower case',
    '"A"',
  ],
  [{ type: 'object', dependencies: { a: ['b'] } }, { a: 1 }, 'the key "b"', 'no such key'],
  [{ anyOf: [{ type: 'string' }, { type: 'integer' }] }, [], 'a string or an integer'],
  [imageOrCloud, {}, 'the key "diskimage" or the key "cloud-image"'],
  [
    imageOrCloud,
    { diskimage: 'a', 'cloud-image': 'b' },
    'only the key "diskimage" or the key "cloud-image"',
    'both',
  ],
];

t.test('puts every kind of mistake into one complaint in plain words', async (t) => {
  for (const [schema, value, expected, found] of CASES) {
    const complaints = await validate({ type: 'object', properties: { key: schema } }, { key: value });
    t.equal(complaints.length, 1, JSON.stringify(complaints));
    t.match(complaints, [{ path: ['key'], expected, found }]);
  }
});

t.test('blames the bad entry of a list, not the choice between one and many', async (t) => {
  const schema = { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] };
  t.same(await validate(schema, ['a', 1]), [{ path: [1], expected: 'a string' }]);
});

t.test('writes paths that can be read back', async (t) => {
  const path = ['providers', 0, 'node-attributes', 'a.b "c"', 'x[1]', 12];
  t.equal(formatPath(path), 'providers[0].node-attributes["a.b \\"c\\""]["x[1]"][12]');
  t.same(parsePath(formatPath(path)), path);
  t.same(parsePath('pools[0].labels[1].path'), ['pools', 0, 'labels', 1, 'path']);
});
