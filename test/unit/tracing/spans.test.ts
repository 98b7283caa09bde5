/** The tree of spans for what does not go straight from a request to its nodes. */
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  BasicTracerProvider,
} from '@opentelemetry/sdk-trace-base';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import t from 'tap';
import { systemClock } from '../../../src/clock.ts';
import { parseExact } from '../../../src/model/exact-json.ts';
import { inState, makeNode } from '../../../src/model/node.ts';
import { inRequestState, makeRequest } from '../../../src/model/request.ts';
import { BoundedMap } from '../../../src/tracing/bounded-map.ts';
import { createNodeSpans } from '../../../src/tracing/node-spans.ts';
import { remoteParentOf } from '../../../src/tracing/remote-parent.ts';
import { createRequestSpans } from '../../../src/tracing/request-spans.ts';
import { NOWHERE } from '../../../src/tracing/spans.ts';

function start() {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const tracer = provider.getTracer('test');
  const requests = createRequestSpans(tracer, systemClock);
  const nodes = createNodeSpans(tracer, requests, systemClock);
  /** `name <- parent: error`, in the order of their ends. */
  const ended = () => {
    const spans = exporter.getFinishedSpans();
    const nameOf = (id: string | undefined) => spans.find((span) => span.spanContext().spanId === id)?.name;
    return spans.map(({ name, parentSpanContext, status }) =>
      [name, nameOf(parentSpanContext?.spanId), status.message]
        .filter((part) => part !== undefined)
        .join(' | '),
    );
  };
  return { requests, nodes, ended, spans: () => exporter.getFinishedSpans() };
}

const request = makeRequest({ createdTimeS: 1_000.25, stateTimeS: 1_000.25, nodeTypes: ['small'] });
const node = makeNode({ createdTimeS: 1_002, stateTimeS: 1_002, type: ['small'], allocatedTo: '200-1' });

t.test('a request that is only looked at, or declined while others may serve it, is no span', async (t) => {
  const { requests, ended } = start();
  requests.locked('200-1', request);
  requests.written('200-1', request, { ...request, declinedBy: ['a'] });
  requests.lost('200-1');
  t.strictSame(ended(), []);
});

t.test('times are those of the records', async (t) => {
  const { requests, spans } = start();
  const pending = inRequestState(request, 'pending', 1_001.5);
  requests.locked('200-1', request);
  requests.written('200-1', request, pending);
  requests.written('200-1', pending, inRequestState(pending, 'fulfilled', 1_003.123456));
  t.strictSame(
    spans().map(({ name, startTime, endTime }) => [name, startTime, endTime]),
    [
      ['waiting', [1_000, 250_000_000], [1_001, 500_000_000]],
      ['node request', [1_000, 250_000_000], [1_003, 123_456_000]],
    ],
  );
});

t.test('a request given back, cancelled, or declined by the last pool has an end', async (t) => {
  const given = start();
  const pending = inRequestState(request, 'pending', 1_001);
  given.requests.locked('200-1', request);
  given.requests.written('200-1', request, pending);
  given.requests.written('200-1', pending, inRequestState(pending, 'requested', 1_002));
  t.strictSame(given.ended(), ['waiting | node request', 'node request']);

  const cancelled = start();
  cancelled.requests.locked('200-1', request);
  cancelled.requests.written('200-1', request, pending);
  cancelled.requests.lost('200-1');
  cancelled.requests.removed('200-1');
  t.match(cancelled.ended(), ['waiting | node request', /^node request \| cancelled/]);

  const declined = start();
  declined.requests.locked('200-1', request);
  declined.requests.written('200-1', request, inRequestState(request, 'failed', 1_002));
  t.strictSame(declined.ended(), ['waiting | node request', 'node request | every pool has declined it']);
});

t.test('nodes belong to their request also where its own change is stored later', async (t) => {
  const { requests, nodes, ended } = start();
  requests.locked('200-1', request);
  nodes.created('1', node);
  const ready = inState({ ...node, externalId: 'x' }, 'ready', 1_004);
  nodes.written('1', node, ready);
  const pending = inRequestState(request, 'pending', 1_001);
  requests.written('200-1', request, pending);
  requests.written('200-1', pending, inRequestState(pending, 'fulfilled', 1_005));
  t.equal(nodes.deletionOf('x'), undefined);
  nodes.written('1', ready, inState(ready, 'deleting', 1_009));
  t.ok(nodes.deletionOf('x'));
  nodes.removed('1');
  t.strictSame(ended(), [
    'launch node | node request',
    'waiting | node request',
    'node request',
    'delete node | launch node',
  ]);
  t.equal(nodes.contextOf('1'), undefined, 'nothing is remembered of a node that is gone');
  t.equal(nodes.deletionOf('x'), undefined);
});

t.test('a node that is removed while it is made, and one of an earlier process', async (t) => {
  const { nodes, ended } = start();
  nodes.created('1', node);
  nodes.lost('1');
  nodes.removed('1');
  nodes.locked('2', inState({ ...node, externalId: 'y' }, 'deleting', 1_009));
  nodes.removed('2');
  t.strictSame(ended(), ['launch node | the node was removed', 'delete node']);
});

t.test('only a context that makes sense is continued', async (t) => {
  const parse = (text: string) => remoteParentOf(parseExact(text));
  t.strictSame(
    parse('{"span_info":{"trace_id":340282366920938463463374607431768211455,"span_id":1,"trace_flags":1}}'),
    {
      traceId: 'f'.repeat(32),
      spanId: '0000000000000001',
      traceFlags: 1,
      isRemote: true,
    },
  );
  t.equal(parse('{"span_info":{"trace_id":1,"span_id":1,"trace_flags":0}}')?.traceFlags, 0);
  for (const text of [
    'null',
    '"text"',
    '{}',
    '{"span_info":null}',
    '{"span_info":{"trace_id":0,"span_id":1}}',
    '{"span_info":{"trace_id":1,"span_id":-1}}',
    '{"span_info":{"trace_id":1,"span_id":18446744073709551616}}',
    '{"span_info":{"trace_id":340282366920938463463374607431768211456,"span_id":1}}',
    '{"span_info":{"trace_id":"1","span_id":1}}',
    '{"span_info":{"trace_id":3.3e38,"span_id":1}}',
  ])
    t.equal(parse(text), undefined, text);
});

t.test('what is remembered has a bound, and nothing is active by itself', async (t) => {
  const map = new BoundedMap<number, string>(2);
  map.set(1, 'a').set(2, 'b').set(1, 'c').set(3, 'd');
  t.strictSame(
    [...map],
    [
      [1, 'c'],
      [3, 'd'],
    ],
  );
  t.equal(NOWHERE, ROOT_CONTEXT);
});
