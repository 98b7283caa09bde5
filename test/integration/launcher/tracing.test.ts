/** A launcher as a process of its own that sends traces of its requests, or cannot. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { silentLogger } from '../../../src/log.ts';
import { parseExact } from '../../../src/model/exact-json.ts';
import { makeRequest, type NodeRequest } from '../../../src/model/request.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { fakeConfig } from '../../support/fake-config.ts';
import { freePort } from '../../support/free-port.ts';
import { startLauncherProcess } from '../../support/launcher-process.ts';
import { startOtlpReceiver, type ReceivedSpan } from '../../support/otlp-receiver.ts';
import { tempDir } from '../../support/temp.ts';

/** As Zuul stores it: 128 and 64 bits as integers. */
const SPAN_INFO =
  '{"span_info":{"name":"RequestNodes","trace_id":338770000918190491715395450129427169793,' +
  '"span_id":17216961135462248174,"trace_flags":1,"start_time":1764270000123456789,"parent":null}}';
const ZUUL_TRACE = 338770000918190491715395450129427169793n.toString(16).padStart(32, '0');
const ZUUL_SPAN = 17216961135462248174n.toString(16).padStart(16, '0');

async function start(t: Test, env: NodeJS.ProcessEnv) {
  const dir = tempDir(t);
  const config = join(dir, 'nodepool.yaml');
  const pools = { main: { 'max-servers': 5, labels: ['small', { name: 'bad', 'failure-rate': 1 }] } };
  const cloud = { 'launch-retries': 2, 'launch-delay': 0.05, pools };
  writeFileSync(config, `state-dir: ${dir}/state\n${fakeConfig({ providers: { cloud } })}`);
  const launcher = startLauncherProcess(t, ['-f', '-c', config, '--log-file', 'none'], {
    OTEL_BSP_SCHEDULE_DELAY: '100',
    ...env,
  });
  await launcher.wrote('launcher started');
  const store = await openEmbeddedStore({ dir: join(dir, 'state'), log: silentLogger });
  t.teardown(() => store.close());
  return { launcher, ...(await openZuul(store)) };
}

/** Plays the requestor. */
async function openZuul(store: Awaited<ReturnType<typeof openEmbeddedStore>>) {
  const looks = new Set<() => void>();
  const changed = () => looks.forEach((look) => look());
  const requests = await store.requests.watch(changed);
  const nodes = await store.nodes.watch(changed);
  const wait = <R>(found: () => R | undefined | false) =>
    new Promise<R>((resolve) => {
      const look = () => {
        const result = found();
        if (result === undefined || result === false) return;
        looks.delete(look);
        resolve(result);
      };
      looks.add(look);
      look();
    });
  return {
    store,
    async ask(label: string, more: Partial<NodeRequest> = {}) {
      const timeS = Date.now() / 1000;
      const given = {
        stateTimeS: timeS,
        createdTimeS: timeS,
        nodeTypes: [label],
        requestor: 'zuul',
        ...more,
      };
      const { id } = await store.requests.create(makeRequest(given), { prefix: '200-' });
      return await wait(() => {
        const entry = requests.entries.get(id);
        return entry && ['fulfilled', 'failed'].includes(entry.value.state) && entry;
      });
    },
    async giveBack({ id, value }: { id: string; value: NodeRequest }) {
      const [nodeId = ''] = value.nodes;
      const held = await store.nodes.lock(nodeId, { waitMs: 5_000 });
      await store.requests.remove(id);
      await store.nodes.update(nodeId, (node) => ({ ...node, state: 'used', stateTimeS: Date.now() / 1000 }));
      await held?.release();
      await wait(() => !nodes.entries.has(nodeId));
    },
  };
}

function childrenOf(parent: ReceivedSpan, spans: readonly ReceivedSpan[]): ReceivedSpan[] {
  return spans
    .filter(({ parentSpanId, traceId }) => parentSpanId === parent.spanId && traceId === parent.traceId)
    .sort((a, b) => a.startS - b.startS);
}

const namesOf = (spans: readonly ReceivedSpan[]) => spans.map(({ name }) => name);

t.test('a request of Zuul is a trace from its making to the end of its node', async (t) => {
  const receiver = await startOtlpReceiver(t);
  const { ask, giveBack, store } = await start(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.url}/`,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20secret',
    OTEL_SERVICE_NAME: 'nodes-of-ci',
  });
  const request = await ask('small', {
    requestorData: parseExact(SPAN_INFO),
    eventId: 'event-1',
    tenantName: 'example',
  });
  const [nodeId = ''] = request.value.nodes;
  const externalId = (await store.nodes.get(nodeId))?.value.externalId;
  await giveBack(request);
  await receiver.wait((spans) => namesOf(spans).includes('delete node'), 'the end of the node');

  const { spans } = receiver;
  t.ok(spans.every(({ serviceName }) => serviceName === 'nodes-of-ci'));
  t.ok(spans.every(({ traceId, error }) => traceId === ZUUL_TRACE && error === undefined));
  t.equal(receiver.headers[0]?.authorization, 'Bearer secret');
  const root = spans.find(({ name }) => name === 'node request') as ReceivedSpan;
  t.equal(root.parentSpanId, ZUUL_SPAN);
  t.match(root.attributes, {
    'nodepool.request.id': request.id,
    'nodepool.request.labels': ['small'],
    'nodepool.request.requestor': 'zuul',
    'nodepool.request.event_id': 'event-1',
    'nodepool.request.state': 'fulfilled',
    'nodepool.tenant': 'example',
    'nodepool.nodes': [nodeId],
  });
  t.ok(Math.abs(root.startS - (request.value.createdTimeS ?? 0)) < 0.001, 'from its making');
  t.ok(Math.abs(root.endS - request.value.stateTimeS) < 0.001, 'until it was fulfilled');

  const below = childrenOf(root, spans);
  t.strictSame(namesOf(below), ['waiting', 'launch node']);
  const node = below[1] as ReceivedSpan;
  t.match(node.attributes, {
    'nodepool.node.id': nodeId,
    'nodepool.provider': 'cloud',
    'nodepool.pool': 'main',
    'nodepool.external_id': externalId,
  });
  const [attempt, deletion] = childrenOf(node, spans);
  t.match(attempt, {
    name: 'launch attempt',
    attributes: { 'nodepool.driver': 'fake', 'nodepool.attempt': 1, 'nodepool.external_id': externalId },
  });
  t.strictSame(namesOf(childrenOf(attempt as ReceivedSpan, spans)), ['create instance', 'wait for start']);
  t.match(deletion, { name: 'delete node', attributes: { 'nodepool.node.id': nodeId } });
  t.strictSame(namesOf(childrenOf(deletion as ReceivedSpan, spans)), ['remove instance']);
});

t.test('a request that fails shows each attempt with its error, in a trace of its own', async (t) => {
  const receiver = await startOtlpReceiver(t);
  const { ask } = await start(t, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/v1/traces` });
  const request = await ask('bad');
  t.equal(request.value.state, 'failed');
  const root = await receiver.wait(
    (spans) => spans.find(({ name }) => name === 'node request'),
    'the request',
  );
  t.match(root, { parentSpanId: '', error: 'every pool has declined it', serviceName: 'nodepool-launcher' });
  const node = childrenOf(root, receiver.spans).find(({ name }) => name === 'launch node') as ReceivedSpan;
  t.equal(node.error, 'the node became failed');
  const attempts = childrenOf(node, receiver.spans).filter(({ name }) => name === 'launch attempt');
  t.match(attempts, [
    { error: /failed on purpose/, attributes: { 'nodepool.attempt': 1, 'error.type': 'create' } },
    { error: /failed on purpose/, attributes: { 'nodepool.attempt': 2, 'error.type': 'create' } },
  ]);
});

t.test('a receiver that is away or hangs changes nothing for requests, nor at the end', async (t) => {
  const hanging = await startOtlpReceiver(t, { isHanging: true });
  const away = `http://127.0.0.1:${await freePort()}`;
  for (const url of [away, hanging.url]) {
    const { ask, giveBack, launcher } = await start(t, {
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_TIMEOUT: url === away ? '100' : '60000',
    });
    for (let i = 0; i < 3; i += 1) {
      const request = await ask('small');
      t.equal(request.value.state, 'fulfilled');
      await giveBack(request);
    }
    if (url === away) await launcher.wrote('traces cannot be sent');
    else await hanging.wait((spans) => spans.length > 0, 'spans that are not answered');
    launcher.kill('SIGTERM');
    t.match(await launcher.ended, { code: 0 });
    t.match(launcher.output(), 'launcher stopped');
  }
});

t.test('what is left is sent at the end', async (t) => {
  const receiver = await startOtlpReceiver(t);
  const { ask, launcher } = await start(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_BSP_SCHEDULE_DELAY: '3600000',
  });
  await ask('small');
  t.equal(receiver.spans.length, 0);
  launcher.kill('SIGTERM');
  await launcher.ended;
  t.ok(namesOf(receiver.spans).includes('node request'));
});

t.test('a mistake in the environment is told, and costs the traces only', async (t) => {
  const { ask, launcher } = await start(t, { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' });
  t.match(launcher.output(), 'no traces are sent');
  t.match(
    launcher.output(),
    /OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL such as http:\/\/localhost:4318, found .{1,2}collector:4318/,
  );
  t.equal((await ask('small')).value.state, 'fulfilled');
});
