/** (b) How fast requests go round, and at what cost, beside 100, 1,000 and 10,000 nodes that are in use. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd } from './clean-up.ts';
import { startLauncher, type DaemonProcess } from './daemon-process.ts';
import { interleave, median, quantile, timeMs } from './measure.ts';
import type { BenchOptions, Section } from './main.ts';
import { cpuMs, memoryOf, type Memory } from './proc.ts';
import { atLeast, atMost, type Row } from './report.ts';
import { openRequestor, type Requestor } from './requestor.ts';
import { makeNodesInUse } from './seed.ts';

const SIZES = [100, 1_000, 10_000];
const IN_FLIGHT = 100;

interface Place {
  size: number;
  launcher: DaemonProcess;
  requestor: Requestor;
  idle: Memory;
  busy: Memory[];
  loneMs: number[];
  crowdMs: number[];
  perSecond: number[];
  cpuMs: number[];
}

export async function benchScheduling(options: BenchOptions): Promise<Section> {
  const rounds = options.quick ? 2 : 5;
  const lone = options.quick ? 20 : 50;
  const crowd = options.quick ? 500 : 2_000;
  const places: Place[] = [];
  for (const size of SIZES) places.push(await openPlace(size, options));

  for (const place of places) await runCrowd(place, crowd / 2); // until the code is compiled
  for (const place of places) Object.assign(place, { crowdMs: [], perSecond: [], cpuMs: [], busy: [] });
  await interleave(
    rounds,
    places.flatMap((place) => [
      async (round) => {
        options.progress(`scheduling, round ${round + 1} of ${rounds}, ${place.size} nodes`);
        for (let i = 0; i < lone; i += 1) place.loneMs.push(await goRound(place));
      },
      () => runCrowd(place, crowd),
    ]),
  );
  const writeMs = await measureWrites((places[0] as Place).requestor);
  for (const { launcher, requestor } of places) {
    await launcher.stop();
    await requestor.close();
  }
  return { rows: places.flatMap((place) => rowsOf(place, places[0] as Place, writeMs)), skipped: [] };
}

async function openPlace(size: number, options: BenchOptions): Promise<Place> {
  options.progress(`scheduling, making ${size} nodes`);
  const directory = mkdtempSync(join(tmpdir(), 'nodepool-bench-'));
  atEnd(directory, () => rmSync(directory, { recursive: true, force: true }));
  const stateDir = join(directory, 'state');
  const requestor = await openRequestor(stateDir);
  await makeNodesInUse(requestor, size);
  const launcher = await startLauncher(directory, configOf(stateDir), options.profileDir);
  await new Promise((resolve) => setTimeout(resolve, 1_000)); // idle is what it is when nothing starts any more
  const idle = memoryOf(launcher.pid);
  return {
    size,
    launcher,
    requestor,
    idle,
    busy: [],
    loneMs: [],
    crowdMs: [],
    perSecond: [],
    cpuMs: [],
  };
}

const configOf = (stateDir: string) => `
state-dir: ${stateDir}
labels: [{name: small}, {name: large}]
providers:
  - name: bench
    driver: fake
    pools: [{name: main, max-servers: 20000, labels: [{name: small}, {name: large}]}]
`;

/** One request from beginning to end; gives the time until it was fulfilled. */
async function goRound({ requestor }: Place): Promise<number> {
  const started = performance.now();
  const fulfilled = await requestor.ask('small');
  const tookMs = performance.now() - started;
  const inUse = await fulfilled.use();
  await inUse.finish();
  await requestor.whenGone(fulfilled.node.id);
  return tookMs;
}

async function runCrowd(place: Place, count: number): Promise<void> {
  const { pid } = place.launcher;
  let left = count;
  const client = async () => {
    while (left > 0) {
      left -= 1;
      place.crowdMs.push(await goRound(place));
    }
  };
  const cpuBefore = cpuMs(pid);
  const tookMs = await timeMs(() => Promise.all(Array.from({ length: IN_FLIGHT }, client)));
  place.cpuMs.push((cpuMs(pid) - cpuBefore) / count);
  place.perSecond.push((count / tookMs) * 1000);
  place.busy.push(memoryOf(pid));
}

/** One durable write by itself: what the disk alone takes. */
async function measureWrites({ store }: Requestor): Promise<number> {
  const entry = await store.decisions.create({ pools: {}, unknown: {} });
  const samples: number[] = [];
  for (let i = 0; i < 50; i += 1) {
    samples.push(await timeMs(() => store.decisions.update(entry, (record) => ({ ...record }))));
  }
  await store.decisions.remove(entry.id);
  return median(samples);
}

function rowsOf(place: Place, smallest: Place, writeMs: number): Row[] {
  const { size, loneMs, crowdMs, perSecond, idle, busy } = place;
  const beside = `beside ${size.toLocaleString('en')} nodes`;
  const row = (name: string, unit: Row['unit'], value: number, more: Partial<Row> = {}): Row => ({
    section: 'scheduling',
    name: `${name}, ${beside}`,
    unit,
    value,
    ...more,
  });
  const largest = Math.max(...SIZES);
  const cost = median(place.cpuMs);
  return [
    row('lone request fulfilled', 'ms', median(loneMs), {
      samples: loneMs.length,
      reference: { name: 'one durable write', value: writeMs },
      goal: atMost(20),
    }),
    row('lone request, p95', 'ms', quantile(loneMs, 0.95)),
    row(`requests, ${IN_FLIGHT} in flight`, '/s', median(perSecond), {
      samples: perSecond.length,
      goal: atLeast(500),
    }),
    row('fulfilled, p50', 'ms', median(crowdMs), { samples: crowdMs.length }),
    row('fulfilled, p95', 'ms', quantile(crowdMs, 0.95), { samples: crowdMs.length, goal: atMost(100) }),
    row('fulfilled, p99', 'ms', quantile(crowdMs, 0.99), { samples: crowdMs.length }),
    row('launcher CPU a request', 'ms', cost, {
      samples: place.cpuMs.length,
      ...(place === smallest
        ? {}
        : {
            reference: { name: `beside ${smallest.size}`, value: median(smallest.cpuMs) },
            goal: atMost(1.3, 'ratio'),
          }),
    }),
    row('launcher memory, idle', 'MB', idle.rssMB, { goal: atMost(size === largest ? 200 : 120) }),
    row('of it without mapped files', 'MB', idle.anonymousMB),
    row('launcher memory, after load', 'MB', most(busy, 'rssMB'), { goal: atMost(200) }),
    row('of it without mapped files', 'MB', most(busy, 'anonymousMB')),
  ];
}

function most(seen: readonly Memory[], which: keyof Memory): number {
  return Math.max(...seen.map((memory) => memory[which]));
}
