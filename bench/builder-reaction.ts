/** How long it takes from asking for an image until its build begins, with the state in a directory and in ZooKeeper. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { silentLogger } from '../src/log.ts';
import type { Store } from '../src/store/store.ts';
import { openZooKeeperStore } from '../src/store/zookeeper.ts';
import { startZooKeeper, zookeeperMissing } from '../test/support/zookeeper.ts';
import {
  makeDirectory,
  makeSmallImage,
  makeStandIn,
  openBuilderPlace,
  type BuilderPlace,
  type StandIn,
} from './builder-place.ts';
import { atEnd } from './clean-up.ts';
import type { BenchOptions, Section } from './main.ts';
import { median } from './measure.ts';
import { atMost, type Row } from './report.ts';

const GOAL_MS = 200;

export async function benchReactions(options: BenchOptions): Promise<Section> {
  const rows = await benchReaction('state in a directory', undefined, options);
  const missing = zookeeperMissing();
  if (missing !== false) return { rows, skipped: [`builder with ZooKeeper: ${missing}`] };
  const zk = await startZooKeeper({ isDurable: true });
  atEnd('ZooKeeper', zk.stop);
  const { port } = zk.servers[0];
  const servers = [{ host: '127.0.0.1', port }];
  const zookeeper = { servers, chroot: '', tls: undefined, sessionTimeoutMs: 30_000 };
  const store = await openZooKeeperStore({ zookeeper, log: silentLogger });
  const state = { sections: { 'zookeeper-servers': servers }, store };
  return { rows: [...rows, ...(await benchReaction('in ZooKeeper', state, options))], skipped: [] };
}

async function benchReaction(
  where: string,
  state: { sections: object; store: Store } | undefined,
  options: BenchOptions,
): Promise<Row[]> {
  const directory = makeDirectory();
  const standIn = makeStandIn(directory, 'prompt', makeSmallImage(directory));
  const place = await openBuilderPlace(
    directory,
    { diskimages: [{ name: 'prompt', formats: ['raw'], ...standIn.keys }] },
    { profileDir: options.profileDir, ...(state && { state }) },
  );
  await place.nextBuild('prompt');
  const rounds = options.quick ? 5 : 20;
  options.progress(`builder, ${rounds} times asked for an image, ${where}`);
  const stored: number[] = [];
  const typed: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    stored.push(await reaction(place, standIn, () => place.ask('prompt')));
    typed.push(await reaction(place, standIn, () => imageBuild(place)));
  }
  await place.stop();
  const row = (name: string, samples: number[]): Row => ({
    section: 'builder',
    name: `${name}, ${where}`,
    unit: 'ms',
    value: median(samples),
    samples: samples.length,
    goal: atMost(GOAL_MS),
  });
  return [
    row('request stored to build begun', stored),
    row('nodepool image-build typed to build begun', typed),
  ];
}

async function reaction(place: BuilderPlace, standIn: StandIn, ask: () => Promise<void>): Promise<number> {
  await place.settled();
  const ready = place.nextBuild('prompt');
  const askedMs = performance.timeOrigin + performance.now();
  await Promise.all([ask(), ready]);
  return standIn.startedMs() - askedMs;
}

/** As in an operator's shell, without certificates of one's own, which each program of Node.js would read first. */
async function imageBuild({ config }: BuilderPlace): Promise<void> {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const program = join(import.meta.dirname, '../dist/bin/nodepool.cjs');
  const child = spawn(process.execPath, [program, '-c', config, 'image-build', 'prompt'], {
    stdio: 'ignore',
    env,
  });
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) throw new Error(`nodepool image-build: exit code ${code}`);
}
