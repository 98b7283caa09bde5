/** (c) How long `nodepool list` takes, from starting the program to its end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd } from './clean-up.ts';
import { interleave, median, timeMs } from './measure.ts';
import type { BenchOptions, Section } from './main.ts';
import { atMost, type Row } from './report.ts';
import { openRequestor } from './requestor.ts';
import { makeNodesInUse } from './seed.ts';

const SIZES = [5, 10_000];
const GOAL_MS = 150;

export async function benchCli(options: BenchOptions): Promise<Section> {
  const rounds = options.quick ? 5 : 20;
  const node: number[] = [];
  const variants = [async () => void node.push(await runNode(['-e', '0']))];
  const samples = new Map<number, number[]>();
  for (const size of SIZES) {
    options.progress(`nodepool list, making ${size} nodes`);
    const config = await makeState(size);
    const list = join(import.meta.dirname, '../dist/bin/nodepool.cjs');
    const times: number[] = [];
    samples.set(size, times);
    variants.push(async () => void times.push(await runNode([list, '-c', config, 'list'])));
  }
  options.progress('nodepool list, measuring');
  await interleave(1, variants);
  node.length = 0;
  for (const times of samples.values()) times.length = 0;
  await interleave(rounds, variants);

  const reference = { name: 'node -e 0', value: median(node) };
  const rows = [...samples].map(([size, times]): Row => ({
    section: 'cli',
    name: `nodepool list, ${size.toLocaleString('en')} nodes`,
    unit: 'ms',
    value: median(times),
    samples: times.length,
    reference,
    ...(size === SIZES[0] ? { goal: atMost(GOAL_MS) } : {}),
  }));
  return { rows, skipped: [] };
}

async function makeState(size: number): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'nodepool-bench-'));
  atEnd(directory, () => rmSync(directory, { recursive: true, force: true }));
  const config = join(directory, 'nodepool.yaml');
  writeFileSync(config, `state-dir: ${directory}/state\nlabels: []\nproviders: []\n`);
  const requestor = await openRequestor(join(directory, 'state'));
  await makeNodesInUse(requestor, size);
  await requestor.close();
  return config;
}

/** Certificates of one's own, where somebody has set them, cost each program of Node.js its time to read them. */
const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;

async function runNode(args: readonly string[]): Promise<number> {
  return await timeMs(async () => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], env });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const [code] = (await once(child, 'close')) as [number];
    if (code !== 0) throw new Error(`node ${args.join(' ')}: exit code ${code}\n${errors}`);
  });
}
