import t from 'tap';
import { startOtlpReceiver, type ReceivedSpan } from '../../support/otlp-receiver.ts';
import { canRunTestHosts, type TestHost } from '../../support/testhosts.ts';
import { assertClean, makeHypervisors } from './hypervisors.ts';
import { makePrograms } from './programs.ts';

const able = await canRunTestHosts();

t.test(
  'the trace of a node that is a container, from its launch to its end',
  { skip: able !== true && able },
  async (t) => {
    const receiver = await startOtlpReceiver(t);
    const programs = makePrograms(t);
    const { first, both, providerLines } = await makeHypervisors(t, programs, '10.77.56');
    programs.configure(`
labels: [{name: container}]
providers:
  - name: farm
    driver: runC
    ${providerLines}
    launch-retries: 2
    pools: [{name: ${first.address}, labels: [{name: container, username: zuul-worker}]}]
`);
    const launcher = await programs.startLauncher({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_BSP_SCHEDULE_DELAY: '100',
    });

    /** The spans of one node, which is given back. */
    const traceOne = async () => {
      const { id, nodes } = await programs.request('container');
      await programs.release(id);
      const [node] = nodes;
      await receiver.wait(
        (spans) => spans.some((span) => span.name === 'delete node' && isOf(span, node?.id)),
        'the end of the node',
      );
      const root = receiver.spans.find(
        (span) => span.name === 'node request' && span.attributes['nodepool.request.id'] === id,
      ) as ReceivedSpan;
      return { node, root, spans: receiver.spans.filter(({ traceId }) => traceId === root.traceId) };
    };

    await t.test('each step is in its attempt, one after the other', async (t) => {
      const { node, root, spans } = await traceOne();
      t.strictSame(treeOf(root, spans), [
        'node request',
        '  waiting',
        '  launch node',
        '    launch attempt',
        '      prepare',
        '      create instance',
        '      read host keys',
        '    delete node',
        '      remove instance',
      ]);
      t.ok(spans.every(({ error }) => error === undefined));
      const attempt = spans.find(({ name }) => name === 'launch attempt') as ReceivedSpan;
      t.match(attempt.attributes, {
        'nodepool.driver': 'runc',
        'nodepool.provider': 'farm',
        'nodepool.pool': first.address,
        'nodepool.label': 'container',
        'nodepool.attempt': 1,
        'nodepool.external_id': node?.server_id,
      });
      const steps = childrenOf(attempt, spans);
      for (const [place, step] of steps.entries())
        t.equal(
          step.endS,
          steps[place + 1]?.startS ?? attempt.endS,
          `${step.name} ends where the next begins`,
        );
      t.match(spans.find(({ name }) => name === 'remove instance')?.attributes, {
        'nodepool.external_id': node?.server_id,
      });
    });

    await t.test('what fails is in the step that failed, and in its attempt', async (t) => {
      await failOnce(first);
      const problem = `${first.address}: runc run failed: no luck`;
      const { root, spans } = await traceOne();
      t.strictSame(treeOf(root, spans), [
        'node request',
        '  waiting',
        '  launch node',
        `    launch attempt: ${problem}`,
        '      prepare',
        `      create instance: ${problem}`,
        '    launch attempt',
        '      prepare',
        '      create instance',
        '      read host keys',
        '    delete node',
        '      remove instance',
      ]);
    });

    await assertClean(t, both);
    t.equal(await launcher.stop(), 0);
  },
);

/** The next `runc run` fails there. */
async function failOnce(host: TestHost): Promise<void> {
  const lines = [
    '#!/bin/sh',
    'case $1 in run) mv -f /usr/sbin/runc.real /usr/sbin/runc; echo no luck >&2; exit 1 ;; esac',
    'exec /usr/sbin/runc.real "$@"',
  ];
  const file = lines.map((line) => `'${line}'`).join(' ');
  await host.ssh(
    `mv /usr/sbin/runc /usr/sbin/runc.real; printf '%s\\n' ${file} >/usr/sbin/runc; chmod 755 /usr/sbin/runc`,
  );
}

const isOf = ({ attributes }: ReceivedSpan, nodeId: string | undefined) =>
  attributes['nodepool.node.id'] === nodeId;

function childrenOf(parent: ReceivedSpan, spans: readonly ReceivedSpan[]): ReceivedSpan[] {
  return spans
    .filter(({ parentSpanId }) => parentSpanId === parent.spanId)
    .sort((a, b) => a.startS - b.startS);
}

/** A line for each span, indented below its parent. */
function treeOf(root: ReceivedSpan, spans: readonly ReceivedSpan[], indent = ''): string[] {
  const below = childrenOf(root, spans).flatMap((child) => treeOf(child, spans, `${indent}  `));
  return [`${indent}${root.name}${root.error === undefined ? '' : `: ${root.error}`}`, ...below];
}
