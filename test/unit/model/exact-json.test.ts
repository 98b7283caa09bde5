import fc from 'fast-check';
import t from 'tap';
import { ExactInteger, parseExact, stringifyExact } from '../../../src/model/exact-json.ts';
import { requestCodec } from '../../../src/model/request.ts';

t.test('a request of Zuul keeps the ids of its trace to the last digit', async (t) => {
  const span =
    '{"name":"RequestNodes","trace_id":338770000918190491715395450129427169793,' +
    '"span_id":17216961135462248174,"trace_flags":1,"start_time":1764270000123456789,"parent":null}';
  const text = `{"state":"requested","requestor_data":{"job_uuid":"12345678901234567890","span_info":${span}}}`;
  const request = requestCodec.decode(text);
  const written = requestCodec.encode({ ...request, state: 'pending' });
  t.match(written, span);
  t.match(written, '"job_uuid":"12345678901234567890"');
  t.match(
    JSON.stringify(request.requestorData),
    /"trace_id":3\.38770000918190\d+e\+38/,
    'a number to all others',
  );
});

t.test('so does a key that nobody here knows', async (t) => {
  const text = requestCodec.encode(
    requestCodec.decode('{"new":-123456789012345678901,"list":[18446744073709551615]}'),
  );
  t.match(text, '"new":-123456789012345678901,"list":[18446744073709551615]');
});

t.test('only integers that would be rounded become exact ones', async (t) => {
  const cases: [text: string, value: unknown][] = [
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', new ExactInteger('9007199254740993')],
    ['-9007199254740993', new ExactInteger('-9007199254740993')],
    ['-2434824291486683600', -2434824291486683600],
    ['0.1234567890123456789', Number('0.1234567890123456789')],
    ['1234567890123456789e2', Number('1234567890123456789e2')],
    ['12345678901234567.5', Number('12345678901234567.5')],
    ['"12345678901234567890"', '12345678901234567890'],
    ['"a \\" 12345678901234567890"', 'a " 12345678901234567890'],
    ['{"12345678901234567890":1}', { '12345678901234567890': 1 }],
  ];
  for (const [text, value] of cases) t.strictSame(parseExact(text), value, text);
  t.throws(() => parseExact('{"a":12345678901234567890'), SyntaxError);
  t.throws(() => parseExact('012345678901234567890'), SyntaxError);
});

t.test('any JSON is the same text again', async (t) => {
  const integers = fc.bigInt({ min: -(2n ** 130n), max: 2n ** 130n });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: 'binary' }), integers, fc.jsonValue())), (parts) => {
      const members = parts.map(
        ([key, integer, value]) => `[${JSON.stringify(key)},${integer},${JSON.stringify(value)}]`,
      );
      const text = `[${members.join(',')}]`;
      return stringifyExact(parseExact(text)) === text;
    }),
  );
  t.pass('all texts came back');
});
