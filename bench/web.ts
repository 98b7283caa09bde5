/** (e) What it costs to be looked at: lists, metrics, open pages, and how soon a page shows what has happened. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { chromium } from 'playwright-core';
import { makeNode } from '../src/model/node.ts';
import { freePort } from '../test/support/free-port.ts';
import { atEnd } from './clean-up.ts';
import { startLauncher } from './daemon-process.ts';
import type { BenchOptions, Section } from './main.ts';
import { interleave, mean, median, quantile, timeMs } from './measure.ts';
import { cpuMs } from './proc.ts';
import { atLeast, atMost, type Row } from './report.ts';
import { openRequestor, type Requestor } from './requestor.ts';
import { makeNodesInUse } from './seed.ts';

const NODES = 10_000;
const PAGES = 50;
const IN_FLIGHT = 100;
const CHROMIUM = '/usr/bin/chromium';

export async function benchWeb(options: BenchOptions): Promise<Section> {
  options.progress(`web, making ${NODES} nodes`);
  const directory = mkdtempSync(join(tmpdir(), 'nodepool-bench-'));
  atEnd(directory, () => rmSync(directory, { recursive: true, force: true }));
  const stateDir = join(directory, 'state');
  const requestor = await openRequestor(stateDir);
  await makeNodesInUse(requestor, NODES);
  const port = await freePort();
  const yaml = configOf(stateDir, port);
  const launcher = await startLauncher(directory, yaml, options.profileDir, { webapp: true });

  const rows = [
    ...(await benchReads(launcher.pid, port, options)),
    ...(await benchPages({ requestor, port, pid: launcher.pid }, options)),
    ...(await benchScreen(requestor, port, options)),
  ];
  await launcher.stop();
  await requestor.close();
  return { rows, skipped: existsSync(CHROMIUM) ? [] : ['event to screen: chromium is not installed'] };
}

const configOf = (stateDir: string, port: number) => `
state-dir: ${stateDir}
webapp: {port: ${port}, listen_address: 127.0.0.1}
labels: [{name: small}, {name: large}]
providers:
  - name: bench
    driver: fake
    pools: [{name: main, max-servers: 20000, labels: [{name: small}, {name: large}]}]
`;

const row = (name: string, value: number, more: Partial<Row> = {}): Row => ({
  section: 'web',
  name,
  unit: 'ms',
  value,
  ...more,
});

async function benchReads(pid: number, port: number, options: BenchOptions): Promise<Row[]> {
  const count = options.quick ? 20 : 60;
  const reads = [
    { name: 'node list as JSON, /api/v1/nodes', path: '/api/v1/nodes' },
    // Another query each time, so that no answer of the last second is given again.
    { name: 'node list as JSON, /node-list', path: '/node-list?pool=main&round=' },
    { name: 'metrics scrape', path: '/metrics' },
  ].map((read) => ({ ...read, ms: [] as number[], cpu: [] as number[] }));
  const warmUp = 5; // until the code is compiled
  await interleave(
    count + warmUp,
    reads.map(({ path, ms, cpu }) => async (round) => {
      if (round === 0) options.progress(`web, ${path}`);
      const before = cpuMs(pid);
      const took = await timeMs(() => readAll(port, path.endsWith('=') ? path + round : path));
      if (round < warmUp) return;
      ms.push(took);
      cpu.push(cpuMs(pid) - before);
    }),
  );
  return reads.flatMap(({ name, ms, cpu }) => {
    const beside = `${name}, ${NODES.toLocaleString('en')} nodes`;
    return [
      row(beside, median(ms), { samples: ms.length }),
      row(`${beside}, p95`, quantile(ms, 0.95), { goal: atMost(50) }),
      row('of it launcher CPU, mean', mean(cpu), { samples: cpu.length }),
    ];
  });
}

async function readAll(port: number, path: string): Promise<void> {
  const outgoing = httpRequest({ host: '127.0.0.1', port, path, headers: { accept: 'application/json' } });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [NodeJS.ReadableStream & { statusCode: number }];
  if (response.statusCode !== 200) throw new Error(`${path} was answered with ${response.statusCode}`);
  response.resume();
  await once(response, 'end');
}

/** The same crowd of requests with nobody looking and with fifty pages open, in turns. */
async function benchPages(
  { requestor, port, pid }: { requestor: Requestor; port: number; pid: number },
  options: BenchOptions,
): Promise<Row[]> {
  const crowd = options.quick ? 500 : 2_000;
  const rounds = options.quick ? 2 : 6;
  const alone: { perSecond: number[]; cpu: number[] } = { perSecond: [], cpu: [] };
  const watched: typeof alone = { perSecond: [], cpu: [] };
  const run = async ({ perSecond, cpu }: typeof alone) => {
    const before = cpuMs(pid);
    perSecond.push(await runCrowd(requestor, crowd));
    cpu.push((cpuMs(pid) - before) / crowd);
  };
  await runCrowd(requestor, crowd);
  await interleave(rounds, [
    async (round) => {
      options.progress(`web, open pages, round ${round + 1} of ${rounds}`);
      await run(alone);
    },
    async () => {
      const close = await openPages(port);
      await run(watched);
      await close();
    },
  ]);
  return [
    row(`requests with ${PAGES} pages open`, median(watched.perSecond), {
      unit: '/s',
      samples: rounds,
      reference: { name: 'with none', value: median(alone.perSecond) },
      goal: atLeast(0.95, 'ratio'),
    }),
    row(`launcher CPU a request with ${PAGES} pages open`, median(watched.cpu), {
      samples: rounds,
      reference: { name: 'with none', value: median(alone.cpu) },
    }),
  ];
}

/** Requests a second, 100 in flight, each from its making until its node is gone. */
async function runCrowd(requestor: Requestor, count: number): Promise<number> {
  let left = count;
  const client = async () => {
    while (left > 0) {
      left -= 1;
      const fulfilled = await requestor.ask('small');
      await (await fulfilled.use()).finish();
      await requestor.whenGone(fulfilled.node.id);
    }
  };
  return (count / (await timeMs(() => Promise.all(Array.from({ length: IN_FLIGHT }, client))))) * 1000;
}

/** Streams of changes, read by a thread of their own that does nothing with them. */
const READERS = `
const { workerData, parentPort } = require('node:worker_threads');
const { connect } = require('node:net');
let open = 0;
for (let i = 0; i < workerData.count; i += 1) {
  const socket = connect(workerData.port, '127.0.0.1');
  socket.write('GET /api/v1/events HTTP/1.1\\r\\nHost: bench\\r\\n\\r\\n');
  socket.once('data', () => (open += 1) === workerData.count && parentPort.postMessage('open'));
  socket.resume();
}
`;

async function openPages(port: number): Promise<() => Promise<void>> {
  const worker = new Worker(READERS, { eval: true, workerData: { count: PAGES, port } });
  await once(worker, 'message');
  return async () => void (await worker.terminate());
}

/** From before the write of a record until Chromium has its text on the page. */
async function benchScreen({ store }: Requestor, port: number, options: BenchOptions): Promise<Row[]> {
  if (!existsSync(CHROMIUM)) return [];
  options.progress('web, event to screen');
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
  });
  const close = atEnd('chromium', () => browser.close());
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/#/held`);
  const { id } = await store.nodes.create(makeNode({ state: 'hold', provider: 'bench', pool: 'main' }));
  const samples: number[] = [];
  for (let i = 0; i < (options.quick ? 10 : 40); i += 1) {
    const comment = `seen-${i}-`;
    const seen = page.getByText(comment).first().waitFor();
    samples.push(
      await timeMs(async () => {
        await store.nodes.update(id, (node) => ({ ...node, comment }));
        await seen;
      }),
    );
  }
  await store.nodes.remove(id);
  await close();
  const beside = `event to screen, ${NODES.toLocaleString('en')} nodes`;
  return [
    row(beside, median(samples), { samples: samples.length }),
    row(`${beside}, p95`, quantile(samples, 0.95), { goal: atMost(300) }),
  ];
}
