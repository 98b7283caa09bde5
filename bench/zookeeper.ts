/**
 * (d) The same requests with the state in ZooKeeper, over TLS: beside what its server can write at most, and with `--peer`
 * beside the launcher of the Python Nodepool with a driver that does nothing, on the same server.
 */
import { connect } from '../src/zookeeper/index.ts';
import { installPeers } from '../test/interop/peers.ts';
import { ask, zookeeperMissing } from '../test/support/zookeeper.ts';
import { startLauncher, startPeerLauncher } from './daemon-process.ts';
import { median, quantile, timeMs } from './measure.ts';
import type { BenchOptions, Section } from './main.ts';
import { cpuMs, memoryOf } from './proc.ts';
import { atLeast, atMost, rowsIn, type Row } from './report.ts';
import type { Requestor } from './requestor.ts';
import { makeNodesInUse } from './seed.ts';
import { openPlace, startServer, type Server } from './zookeeper-place.ts';

const SIZES = [100, 10_000];
const IN_FLIGHT = 100;
/** Writes under way at once when the server alone is measured. */
const WRITERS = 512;

interface Result {
  perSecond: number;
  latencyMs: number[];
  cpuMs: number;
  memoryMB: number;
  /** What the server received, from launcher and requestor together. */
  operations: number;
  transactions: number;
}

export async function benchZooKeeper(options: BenchOptions): Promise<Section> {
  const missing = zookeeperMissing();
  if (missing !== false) return { rows: [], skipped: [`zookeeper: ${missing}`] };
  const server = await startServer();
  options.progress('zookeeper, what the server writes at most');
  const writesPerSecond = await measureServer(server, options.quick ? 1000 : 4000);

  const results: Result[] = [];
  for (const size of SIZES) {
    options.progress(`zookeeper, beside ${size} nodes`);
    results.push(await measureOurs(server, size, options));
  }
  const skipped: string[] = [];
  let peer: Result | undefined;
  if (options.peer) {
    options.progress('zookeeper, the Python Nodepool (installed first, if need be)');
    const found = await measurePeer(server, options);
    if (typeof found === 'string') skipped.push(`zookeeper: ${found}`);
    else peer = found;
  }
  return { rows: rowsOf(results, peer, writesPerSecond), skipped };
}

/** Records of the usual size, written over and over. */
async function measureServer({ zookeeper }: Server, lastsMs: number): Promise<number> {
  const client = await connect(zookeeper);
  const data = 'x'.repeat(900);
  const paths = Array.from({ length: WRITERS }, (_, number) => `/ceiling-${number}`);
  await Promise.all(paths.map((path) => client.create(path, data)));
  let written = 0;
  const write = async (path: string, untilMs: number) => {
    for (; performance.now() < untilMs; written += 1) await client.setData(path, data);
  };
  const run = (ms: number) => Promise.all(paths.map((path) => write(path, performance.now() + ms)));
  await run(lastsMs / 2); // until the server's code is compiled
  written = 0;
  const tookMs = await timeMs(() => run(lastsMs));
  await client.close();
  return (written / tookMs) * 1000;
}

async function measureOurs(server: Server, size: number, options: BenchOptions): Promise<Result> {
  const place = await openPlace(server, `ours-${size}`);
  await makeNodesInUse(place.requestor, size);
  const yaml = `${place.yaml}labels: [{name: small}, {name: large}]
providers:
  - name: bench
    driver: fake
    pools: [{name: main, max-servers: 20000, labels: [{name: small}, {name: large}]}]
`;
  const launcher = await startLauncher(place.directory, yaml, options.profileDir);
  const count = options.quick ? 500 : 3000;
  await runCrowd(place.requestor, count / 2); // until the code is compiled
  const result = await measure(server, place.requestor, launcher.pid, count);
  await launcher.stop();
  await place.requestor.close();
  return result;
}

async function measurePeer(server: Server, options: BenchOptions): Promise<Result | string> {
  const peers = await installPeers('nodepool');
  if (typeof peers === 'string') return peers;
  const place = await openPlace(server, 'peer');
  const yaml = `${place.yaml}labels: [{name: small}]
diskimages: []
providers: [{name: bench, driver: test, pools: [{name: main, labels: [small]}]}]
`;
  const launcher = startPeerLauncher(peers, place.directory, yaml);
  await runCrowd(place.requestor, IN_FLIGHT);
  const result = await measure(server, place.requestor, launcher.pid, options.quick ? 100 : 400);
  await launcher.stop();
  await place.requestor.close();
  return result;
}

async function measure(server: Server, requestor: Requestor, pid: number, count: number): Promise<Result> {
  const [cpuBefore, before] = [cpuMs(pid), await countersOf(server)];
  const { latencyMs, tookMs } = await runCrowd(requestor, count);
  const after = await countersOf(server);
  return {
    perSecond: (count / tookMs) * 1000,
    latencyMs,
    cpuMs: (cpuMs(pid) - cpuBefore) / count,
    memoryMB: memoryOf(pid).rssMB,
    operations: (after.received - before.received) / count,
    transactions: (after.zxid - before.zxid) / count,
  };
}

async function countersOf({ port }: Server): Promise<{ received: number; zxid: number }> {
  const text = await ask(port, 'srvr');
  const find = (pattern: RegExp) => Number(pattern.exec(text)?.[1]);
  return { received: find(/^Received: (\d+)/m), zxid: find(/^Zxid: (0x[0-9a-f]+)/m) };
}

/** Requests that are asked for, used and given back until the node is gone, so many at a time. */
async function runCrowd(
  requestor: Requestor,
  count: number,
): Promise<{ latencyMs: number[]; tookMs: number }> {
  const latencyMs: number[] = [];
  let left = count;
  const client = async () => {
    while (left > 0) {
      left -= 1;
      const started = performance.now();
      const fulfilled = await requestor.ask('small');
      latencyMs.push(performance.now() - started);
      await (await fulfilled.use()).finish();
      await requestor.whenGone(fulfilled.node.id);
    }
  };
  const tookMs = await timeMs(() => Promise.all(Array.from({ length: IN_FLIGHT }, client)));
  return { latencyMs, tookMs };
}

function rowsOf(results: Result[], peer: Result | undefined, writesPerSecond: number): Row[] {
  const [smallest, largest] = results as [Result, Result];
  const row = rowsIn('zookeeper');
  const beside = (pick: (result: Result) => number, goal: Row['goal']) =>
    peer && goal ? { reference: { name: 'Python Nodepool', value: pick(peer) }, goal } : {};
  const p95 = ({ latencyMs }: Result) => quantile(latencyMs, 0.95);
  return [
    row(`requests, ${IN_FLIGHT} in flight`, '/s', smallest.perSecond, {
      ...beside(({ perSecond }) => perSecond, atLeast(10, 'ratio')),
    }),
    row('fulfilled, p50', 'ms', median(smallest.latencyMs)),
    row('fulfilled, p95', 'ms', p95(smallest), beside(p95, atMost(0.1, 'ratio'))),
    row('launcher CPU a request', 'ms', smallest.cpuMs, {
      goal: atMost(2),
      ...(peer && { reference: { name: 'Python Nodepool', value: peer.cpuMs } }),
    }),
    row(
      'launcher memory',
      'MB',
      smallest.memoryMB,
      beside(({ memoryMB }) => memoryMB, atMost(1, 'ratio')),
    ),
    row(
      'operations of all clients',
      'a request',
      smallest.operations,
      beside(({ operations }) => operations, atMost(1, 'ratio')),
    ),
    row('transactions', 'a request', smallest.transactions),
    row('transactions', '/s', smallest.transactions * smallest.perSecond, {
      reference: { name: 'what the server can write', value: writesPerSecond },
    }),
    row('launcher CPU a request, beside 10,000 nodes', 'ms', largest.cpuMs, {
      reference: { name: 'beside 100', value: smallest.cpuMs },
      goal: atMost(1.3, 'ratio'),
    }),
    row('requests, beside 10,000 nodes', '/s', largest.perSecond, {
      reference: { name: 'beside 100', value: smallest.perSecond },
    }),
  ];
}
