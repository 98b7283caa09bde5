/**
 * `npx tsx bench/zookeeper-client.ts [rounds]`: pipelined reads and creates of three ZooKeeper clients on one server.
 * Medians of interleaved rounds, and the CPU time of this process for each operation. The two other clients are
 * installed into a temporary directory; one that cannot be installed is left out.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startZooKeeper, zookeeperMissing } from '../test/support/zookeeper.ts';
import { median } from './measure.ts';
import { describeMachine } from './report.ts';
import { openNative, openOurs, openPlain, type Peer } from './zookeeper-peers.ts';

/** Requests under way at once: enough to keep any client and the server busy. */
const inFlight = 256;
const reads = 10_000;
const creates = 3000;
const data = Buffer.alloc(400, 'x');

interface Sample {
  perSecond: number;
  cpuMicros: number;
}

const missing = zookeeperMissing();
if (missing) {
  console.error(`cannot measure: ${missing}`);
  process.exit(1);
}
const rounds = Number(process.argv[2] ?? 7);
const directory = await mkdtemp(join(tmpdir(), 'zookeeper-bench-'));
const zookeeper = await startZooKeeper();
try {
  await run(zookeeper.connectString);
} finally {
  await zookeeper.stop();
  await rm(directory, { recursive: true, force: true });
}
// The native client keeps threads of its own.
process.exit(0);

async function run(servers: string): Promise<void> {
  const peers = await openPeers(servers);
  const [ours] = peers as [Peer];
  await ours.create('/bench', data);
  const samples = new Map(peers.map(({ name }) => [name, { get: [] as Sample[], create: [] as Sample[] }]));
  const variant = async (peer: Peer, round: number) => {
    const get = await measure(reads, () => peer.get('/bench'));
    const create = await measure(creates, (index) => peer.create(`/bench/n${index}`, data));
    await measure(creates, (index) => peer.remove(`/bench/n${index}`));
    // The first round warms everything up.
    if (round === 0) return;
    samples.get(peer.name)?.get.push(get);
    samples.get(peer.name)?.create.push(create);
  };
  // Somebody else begins each time, since what one leaves behind (garbage of the server) meets the next.
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < peers.length; turn++)
      await variant(peers[(round + turn) % peers.length] as Peer, round);
  }
  report(samples);
  await Promise.all(peers.map((peer) => peer.close()));
}

async function openPeers(servers: string): Promise<Peer[]> {
  const peers = [await openOurs(servers)];
  for (const [name, open] of [
    ['plain', openPlain],
    ['native', openNative],
  ] as const) {
    const home = join(directory, name);
    await mkdir(home);
    try {
      peers.push(await open(servers, home));
    } catch (error) {
      console.error(`left out: ${name}: ${(error as Error).message.split('\n', 1).join()}`);
    }
  }
  return peers;
}

async function measure(count: number, call: (index: number) => Promise<unknown>): Promise<Sample> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  let next = 0;
  const lane = async () => {
    while (next < count) await call(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: count / seconds, cpuMicros: (user + system) / count };
}

function report(samples: Map<string, { get: Sample[]; create: Sample[] }>): void {
  const { cpu, cores, node, load } = describeMachine();
  console.log(
    `${cpu}, ${cores} cores, Node.js ${node}, load after ${load.join(' ')}; ${inFlight} requests in flight\n`,
  );
  console.log(
    `${''.padEnd(24)}${['getData/s', 'CPU µs', 'create/s', 'CPU µs'].map((text) => text.padStart(11)).join('')}`,
  );
  const ratios: string[] = [];
  for (const [name, { get, create }] of samples) {
    const numbers = [get, create].flatMap((of) => [
      median(of.map(({ perSecond }) => perSecond)),
      median(of.map(({ cpuMicros }) => cpuMicros)),
    ]);
    console.log(name.padEnd(24) + numbers.map((value) => value.toFixed(0).padStart(11)).join(''));
  }
  const bestOther = (of: 'get' | 'create') =>
    Math.max(
      ...[...samples].slice(1).map(([, sample]) => median(sample[of].map(({ perSecond }) => perSecond))),
    );
  for (const of of ['get', 'create'] as const) {
    const own = median([...samples.values()][0]?.[of].map(({ perSecond }) => perSecond) ?? []);
    if (samples.size > 1) ratios.push(`${of} ${(own / bestOther(of)).toFixed(2)} ×`);
  }
  if (ratios.length > 0) console.log(`\nthis client compared with the best other one: ${ratios.join(', ')}`);
}
