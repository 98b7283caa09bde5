import fc from 'fast-check';
import t from 'tap';
import { jsonFormat, textFormat } from '../../src/log-sink-format.ts';
import type { Fields, LogEvent } from '../../src/log.ts';

// A local time, so that the test does not depend on where it runs.
const timeMs = new Date(2026, 0, 31, 12, 0, 5, 7).getTime();
const TIME = '2026-01-31 12:00:05,007';

function event(message: string, fields: Fields = {}): LogEvent {
  return { timeMs, level: 'info', logger: 'nodepool.reaper', message, fields };
}

function text(message: string, fields?: Fields, options = { stacks: false }): string {
  return textFormat()(event(message, fields), options);
}

t.test('writes time, level, logger, message and fields on one line', async (t) => {
  const line = text('Deleted node', {
    age: 12.5,
    host: 'hv1',
    reason: 'too old',
    gone: undefined,
    list: [1, 'a'],
  });
  t.equal(
    line,
    `${TIME} INFO nodepool.reaper: Deleted node age=12.5 host=hv1 reason="too old" list=[1,"a"]\n`,
  );
});

t.test('puts event, request and node in front, in this order', async (t) => {
  const ids = { nodeId: '0000000012', requestId: '200-1', eventId: '3a' };
  t.equal(
    text('Ready', ids),
    `${TIME} INFO nodepool.reaper: [e: 3a] [node_request: 200-1] [node: 0000000012] Ready\n`,
  );
  t.equal(text('Ready', { eventId: null, requestId: undefined }), `${TIME} INFO nodepool.reaper: Ready\n`);
});

t.test('repeats the whole prefix on every line of a message, with two more blanks', async (t) => {
  const prefix = `${TIME} INFO nodepool.reaper: [node: 1] `;
  t.equal(
    text('one\n two\nthree', { nodeId: '1', a: 1 }),
    `${prefix}one\n${prefix}   two\n${prefix}  three a=1\n`,
  );
});

t.test('tells an error and what caused it, each once', async (t) => {
  const cause = new Error('connection refused');
  t.match(
    text('Failed', { error: new Error('cannot reach hv1', { cause }) }),
    / error="cannot reach hv1: connection refused"\n$/,
  );
  t.match(
    text('Failed', { error: new Error('hv1: connection refused', { cause }) }),
    / error="hv1: connection refused"\n$/,
  );
  t.match(text('Failed', { error: 'odd' }), / error=odd\n$/);
});

t.test('gives an error of several lines lines of its own', async (t) => {
  const prefix = `${TIME} INFO nodepool.reaper: `;
  t.equal(
    text('Failed', { a: 1, error: new Error('one\ntwo\n') }),
    `${prefix}Failed a=1\n${prefix}  one\n${prefix}  two\n`,
  );
});

t.test('shows where an error was made only when asked', async (t) => {
  const error = new Error('x');
  t.notMatch(text('Failed', { error }), /\bat /);
  t.match(text('Failed', { error }, { stacks: true }), /reaper: {7}at .*log-sink-format/);
  t.notMatch(jsonFormat(event('Failed', { error }), { stacks: false }), /"stack"/);
  t.match(JSON.parse(jsonFormat(event('Failed', { error }), { stacks: true })), { stack: /log-sink-format/ });
});

t.test('colours the level on request', async (t) => {
  t.match(
    textFormat({ colour: true })(event('x'), { stacks: false }),
    `${TIME} \u001b[32mINFO\u001b[0m nodepool`,
  );
});

// eslint-disable-next-line no-control-regex -- these are what must not get out
const UNSAFE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202e]/;
const nasty = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(
    '\n2026-01-31 12:00:05,007 ERROR nodepool: forged',
    '\r\u001b[2K',
    '\u2028x',
    '\u009b31m',
    '" a=1',
  ),
);
const anyFields = fc.record(
  {
    requestId: nasty,
    nodeId: nasty,
    eventId: nasty,
    value: nasty,
    nested: fc.object({ values: [nasty] }),
    error: nasty.map((m) => new Error(m)),
  },
  { requiredKeys: [] },
);

t.test('no text from outside can forge a line or reach the terminal', async () => {
  fc.assert(
    fc.property(nasty, anyFields, (message, fields) => {
      const lines = text(message, fields).split('\n');
      return (
        lines.pop() === '' &&
        lines.every((line) => line.startsWith(`${TIME} INFO nodepool.reaper: `) && !UNSAFE.test(line))
      );
    }),
  );
});

t.test('writes one JSON object a line, whatever the fields are', async () => {
  fc.assert(
    fc.property(nasty, anyFields, (message, fields) => {
      const line = jsonFormat(event(message, fields), { stacks: false });
      const parsed = JSON.parse(line) as Record<string, unknown>;
      return !UNSAFE.test(line) && line.indexOf('\n') === line.length - 1 && parsed.message === message;
    }),
  );
});

t.test('keeps the meaning of the JSON keys when fields have the same names', async (t) => {
  const circular: Record<string, unknown> = { big: 10n };
  circular.self = circular;
  const fields = { requestId: '200-1', nodeId: '1', eventId: 'e', level: 'mine', circular };
  t.same(JSON.parse(jsonFormat(event('x', fields), { stacks: false })), {
    time: new Date(timeMs).toISOString(),
    level: 'info',
    logger: 'nodepool.reaper',
    message: 'x',
    event_id: 'e',
    node_request: '200-1',
    node: '1',
    field_level: 'mine',
    circular: { big: '10', self: '(repeated)' },
  });
});
