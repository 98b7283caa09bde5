/** (a) From a request to the first SSH command answered, against bare `runc run` of the same kind of bundle. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { atEnd } from './clean-up.ts';
import { missing } from './command.ts';
import { startLauncher } from './daemon-process.ts';
import type { BenchOptions, Section } from './main.ts';
import { interleave, median, timeMs } from './measure.ts';
import { cpuMs, memoryOf } from './proc.ts';
import { atLeast, atMost, type Row } from './report.ts';
import { openRequestor, type InUse, type Requestor } from './requestor.ts';
import { openEmbeddedStore } from '../src/store/embedded.ts';
import type { Store } from '../src/store/store.ts';
import { silentLogger } from '../src/log.ts';
import { createBareContainers, type Container } from './runc-bare.ts';
import { createPodmanContainers } from './runc-podman.ts';
import { answer } from './ssh-client.ts';
import { makeWorkerAccount, type WorkerAccount } from './worker-account.ts';

const BASE = '/var/lib/nodepool/runc';
/** Of the launcher's containers; the floor's and podman's come behind. Below those that outgoing connections get. */
const PORTS = { first: 30_000, last: 30_999 };
const BURSTS = [20, 50];

export async function benchRunc(options: BenchOptions): Promise<Section> {
  const why = await whyNot();
  if (why !== undefined) return { rows: [], skipped: [`runc: ${why}`] };
  const account = makeWorkerAccount();
  const ours = await createLaunched(account, options);
  const bare = createBareContainers(account, PORTS.last);
  const podman = await createPodmanContainers(account, PORTS.last + 1_000);

  const rows = await measureOneByOne({ ours: ours.make, bare, podman: podman.make, options });
  for (const size of BURSTS) rows.push(...(await measureBurst(size, ours.make, bare, options)));
  rows.push(ours.cpuRow(), ours.memoryRow());
  return { rows, skipped: podman.why === undefined ? [] : [podman.why] };
}

async function whyNot(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'needs root to run containers';
  return (await missing('runc', '--version')) ?? (await missing('ssh', '-V'));
}

interface Variants {
  ours: () => Container;
  bare: () => Container;
  podman: (() => Container) | undefined;
  options: BenchOptions;
}

async function measureOneByOne({ ours, bare, podman, options }: Variants): Promise<Row[]> {
  const rounds = options.quick ? 5 : 25;
  const variants = { ours, bare, ...(podman ? { podman } : {}) };
  const started: Record<string, number[]> = {};
  const removed: Record<string, number[]> = {};
  await interleave(
    rounds,
    Object.entries(variants).map(([name, make]) => async (round: number) => {
      options.progress(`runc, one at a time, round ${round + 1} of ${rounds}, ${name}`);
      const container = make();
      (started[name] ??= []).push(await timeMs(() => container.start()));
      (removed[name] ??= []).push(await timeMs(() => container.remove()));
    }),
  );
  const of = (times: number[] | undefined) => median(times ?? []);
  const row = (name: string, value: number, reference: Row['reference'], limit: number): Row => ({
    section: 'runc',
    name,
    unit: 'ms',
    value,
    samples: rounds,
    ...(reference ? { reference } : {}),
    goal: atMost(limit, 'ratio'),
  });
  const start = of(started['ours']);
  return [
    row('request to first SSH answer', start, { name: 'runc run', value: of(started['bare']) }, 1.3),
    ...(podman
      ? [row('request to first SSH answer', start, { name: 'podman run', value: of(started['podman']) }, 1)]
      : []),
    row('delete', of(removed['ours']), { name: 'runc delete --force', value: of(removed['bare']) }, 1.5),
  ];
}

async function measureBurst(
  size: number,
  ours: () => Container,
  bare: () => Container,
  options: BenchOptions,
): Promise<Row[]> {
  const rounds = options.quick ? 1 : 3;
  const perSecond: Record<string, number[]> = {};
  const slowestMs: Record<string, number[]> = {};
  const removeMs: Record<string, number[]> = {};
  await interleave(
    rounds,
    Object.entries({ bare, ours }).map(([name, make]) => async (round: number) => {
      options.progress(`runc, ${size} at once, round ${round + 1} of ${rounds}, ${name}`);
      const containers = Array.from({ length: size }, make);
      const tookMs = await timeMs(() => Promise.all(containers.map((container) => container.start())));
      (perSecond[name] ??= []).push((size / tookMs) * 1000);
      (slowestMs[name] ??= []).push(tookMs);
      (removeMs[name] ??= []).push(
        await timeMs(() => Promise.all(containers.map((container) => container.remove()))),
      );
    }),
  );
  const of = (values: number[] | undefined) => median(values ?? []);
  return [
    {
      section: 'runc',
      name: `${size} at once`,
      unit: '/s',
      value: of(perSecond['ours']),
      samples: rounds,
      reference: { name: `${size} runc run at once`, value: of(perSecond['bare']) },
      goal: atLeast(0.8, 'ratio'),
    },
    {
      section: 'runc',
      name: `${size} at once, all answered`,
      unit: 'ms',
      value: of(slowestMs['ours']),
      samples: rounds,
      reference: { name: `${size} runc run at once`, value: of(slowestMs['bare']) },
    },
    {
      section: 'runc',
      name: `${size} deleted at once`,
      unit: 'ms',
      value: of(removeMs['ours']),
      samples: rounds,
      reference: { name: `${size} runc delete at once`, value: of(removeMs['bare']) },
    },
  ];
}

interface Launched {
  make(): Container;
  cpuRow(): Row;
  memoryRow(): Row;
}

/** Containers by way of the launcher: asked for, locked, used and given back. */
async function createLaunched(account: WorkerAccount, options: BenchOptions): Promise<Launched> {
  removeBaseAtEnd();
  const stateDir = join(account.directory, 'state');
  const launcher = await startLauncher(account.directory, configOf(stateDir, account), options.profileDir);
  const requestor = await openRequestor(stateDir);
  atEnd('containers of the launcher', () => removeNodes(requestor, stateDir));
  let made = 0;
  const make = (): Container => {
    made += 1;
    return launchedContainer(requestor, account);
  };

  const first = make();
  await first.start();
  await first.remove();
  made = 0;
  const cpuBefore = cpuMs(launcher.pid);
  return {
    make,
    cpuRow: () => ({
      section: 'runc',
      name: 'launcher CPU a container',
      unit: 'ms',
      value: (cpuMs(launcher.pid) - cpuBefore) / made,
      goal: atMost(50),
    }),
    memoryRow: () => ({
      section: 'runc',
      name: 'launcher memory',
      unit: 'MB',
      value: memoryOf(launcher.pid).rssMB,
    }),
  };
}

const configOf = (stateDir: string, { user }: WorkerAccount) => `
state-dir: ${stateDir}
labels: [{name: bench}]
providers:
  - name: bench-${process.pid}
    driver: runC
    pools:
      - name: localhost
        connection: local
        port-range: ${PORTS.first}-${PORTS.last}
        max-servers: 1000
        labels: [{name: bench, username: ${user}}]
`;

function launchedContainer(requestor: Requestor, account: WorkerAccount): Container {
  let nodeId = '';
  let inUse: InUse | undefined;
  return {
    async start() {
      const fulfilled = await requestor.ask('bench');
      nodeId = fulfilled.node.id;
      inUse = await fulfilled.use();
      const port = Number(fulfilled.node.value.connectionPort);
      await answer({ port, user: account.user, keyFile: account.keyFile });
    },
    async remove() {
      await inUse?.finish();
      await requestor.whenGone(nodeId);
    },
  };
}

const REMOVE_MS = 60_000;

/** After Ctrl-C: everything that is there is given back, as if the requestor had died, and the launcher removes it. */
async function removeNodes({ store: old }: Requestor, stateDir: string): Promise<void> {
  await old.close();
  const store = await openEmbeddedStore({ dir: stateDir, log: silentLogger });
  try {
    for (const { id } of await store.requests.list()) await store.requests.remove(id);
    const deadline = performance.now() + REMOVE_MS;
    while ((await store.nodes.list()).length > 0) {
      for (const { id, value } of await store.nodes.list())
        if (value.state === 'ready') await markUsed(store, id);
      if (performance.now() > deadline) throw new Error('the launcher does not delete its nodes');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  } finally {
    await store.close();
  }
}

async function markUsed(store: Store, nodeId: string): Promise<void> {
  await store.nodes.update(nodeId, (node) => ({ ...node, state: 'used' })).catch(() => undefined);
}

/** What the agent leaves for the next time, where there was nothing before and nobody has containers by now. */
function removeBaseAtEnd(): void {
  if (existsSync(BASE)) return;
  atEnd(BASE, () => {
    if (!existsSync(BASE) || readdirSync(BASE).some((name) => !name.startsWith('.'))) return;
    rmSync(BASE, { recursive: true });
  });
}
