/**
 * Random schedules of kill -9, freezing, stopping and starting again. NODEPOOL_TEST_SEED repeats a run (as far as two
 * programs can be repeated), NODEPOOL_TEST_SECONDS makes it longer.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { createRandom } from '../../../src/fake/random.ts';
import { silentLogger } from '../../../src/log.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import type { Store } from '../../../src/store/store.ts';
import { openZooKeeperStore } from '../../../src/store/zookeeper.ts';
import { fakeConfig } from '../../support/fake-config.ts';
import { startLauncherProcess, type DaemonProcess } from '../../support/launcher-process.ts';
import { until } from '../../support/poll.ts';
import { tempDir } from '../../support/temp.ts';
import { startZooKeeper, zookeeperMissing } from '../../support/zookeeper.ts';
import { makeCertificates } from '../../support/zookeeper-certs.ts';
import { countInstances, runRequestor, type World } from './schedule.ts';

t.setTimeout(0); // The suite's limit applies.

const SEED = Number(process.env['NODEPOOL_TEST_SEED'] ?? Date.now() % 1_000_000);
const SECONDS = Number(process.env['NODEPOOL_TEST_SECONDS'] ?? 14);
const MAX_SERVERS = 5;
const REQUESTORS = 5;

/** Where the state is. */
interface State {
  /** What nodepool.yaml says about it. */
  yaml: string;
  openStore(): Promise<Store>;
  /** Something that happens to the state itself. */
  disturb?(): Promise<void>;
  /** Which share of all disturbances that is. */
  disturbShare?: number;
}

t.test('one launcher that is killed, frozen and stopped', (t) => {
  const state = inDirectory(t);
  return runSchedule(t, { launchers: 1, seed: SEED, state, mostFrozenMs: 1000 });
});

t.test('two launchers that share the requests and the cloud', (t) => {
  const state = inDirectory(t);
  return runSchedule(t, { launchers: 2, seed: SEED + 1, state, mostFrozenMs: 1000 });
});

t.test(
  'two launchers over ZooKeeper, frozen for longer than their sessions, and its server killed',
  { skip: zookeeperMissing() },
  async (t) => {
    const state = await inZooKeeper(t);
    await runSchedule(t, { launchers: 2, seed: SEED + 2, state, mostFrozenMs: 4000 });
  },
);

t.test(
  'two launchers over an ensemble of three whose leader is lost',
  { skip: zookeeperMissing() },
  async (t) => {
    const state = await inZooKeeper(t, 3);
    await runSchedule(t, { launchers: 2, seed: SEED + 3, state, mostFrozenMs: 1000 });
  },
);

function inDirectory(t: Test): State {
  const dir = join(tempDir(t), 'state');
  return { yaml: `state-dir: ${dir}\n`, openStore: () => openEmbeddedStore({ dir, log: silentLogger }) };
}

/** Launchers have short sessions, requestors long ones: what is wrong with a request must be the launchers' doing. */
async function inZooKeeper(t: Test, count = 1): Promise<State> {
  const certs = await makeCertificates();
  t.teardown(certs.remove);
  const zk = await startZooKeeper({ count, tls: certs.server });
  t.teardown(zk.stop);
  const servers = zk.servers.map(({ tlsPort }) => ({ host: '127.0.0.1', port: tlsPort }));
  const tls = { ca: certs.ca, ...certs.client };
  return {
    yaml: Object.entries({ 'zookeeper-servers': servers, 'zookeeper-tls': tls, 'zookeeper-timeout': 1.5 })
      .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
      .join(''),
    openStore: () =>
      openZooKeeperStore({
        zookeeper: { servers, chroot: '', tls, sessionTimeoutMs: 30_000 },
        log: silentLogger,
      }),
    disturbShare: count > 1 ? 0.5 : 0.2,
    async disturb() {
      const elected = () => zk.leader().catch(() => undefined);
      const server = count > 1 ? await until(elected, { timeoutMs: 30_000 }) : zk.servers[0];
      await server.kill();
      await server.start();
    },
  };
}

interface Schedule {
  launchers: number;
  seed: number;
  state: State;
  mostFrozenMs: number;
}

async function runSchedule(t: Test, { launchers, seed, state, mostFrozenMs }: Schedule): Promise<void> {
  t.comment(`NODEPOOL_TEST_SEED=${seed}`);
  const random = createRandom(seed);
  const dir = tempDir(t);
  const persist = join(dir, 'cloud');
  mkdirSync(persist);
  const configFile = join(dir, 'nodepool.yaml');
  writeFileSync(configFile, state.yaml + configOf(persist, launchers, seed));

  let killedMs = 0;
  const world: World = {
    openStore: () => state.openStore(),
    random,
    lastKillMs: () => killedMs,
    broken: [],
    counts: {},
    owners: new Map(),
  };
  const ending = new AbortController();
  const logs: string[] = [];
  const start = () =>
    startLauncherProcess(t, ['-d', '-c', configFile, '--log-file', 'none', '--drain-time', '1']);
  const watching = watchQuota(persist, world, ending.signal);
  const running = Array.from({ length: launchers }, start);
  const requestors = Array.from({ length: REQUESTORS }, (_, number) =>
    runRequestor(`requestor-${number}`, world, ending.signal),
  );

  const endMs = Date.now() + SECONDS * 1000;
  while (Date.now() < endMs) {
    await sleep(200 + random() * 1500);
    killedMs = Date.now();
    if (state.disturb && random() < (state.disturbShare ?? 0)) {
      world.counts['servers killed'] = (world.counts['servers killed'] ?? 0) + 1;
      await state.disturb();
      continue;
    }
    const place = Math.floor(random() * launchers);
    const victim = running[place] as DaemonProcess;
    await disturb(victim, random(), mostFrozenMs, world);
    if (victim.child.exitCode === null && victim.child.signalCode === null) continue;
    killedMs = Date.now();
    logs.push(victim.output());
    running[place] = start();
    if (random() < 0.8) await running[place].wrote('launcher started');
  }
  ending.abort();
  await Promise.all([...requestors, watching]);
  await checkEnd(t, running, { persist, world });
  t.comment(JSON.stringify(world.counts));
  t.same(world.broken, [], 'nothing went wrong');
  const output = [...logs, ...running.map((launcher) => launcher.output())].join('\n');
  t.notMatch(
    output,
    /ERROR .*(unexpected error|request handling failed|node handling failed)/,
    'no defect in the logs',
  );
  if (!t.passing()) t.comment(output);
}

function configOf(persist: string, launchers: number, seed: number): string {
  return fakeConfig({
    providers: {
      cloud: {
        persist,
        seed,
        'launch-delay': [0, 0.15],
        'delete-delay': [0, 0.1],
        'failure-rate': 0.05,
        'launch-retries': 2,
        // Two launchers cannot see each other's plans: only the cloud itself can keep them to the limit together.
        ...(launchers > 1 ? { quota: { instances: MAX_SERVERS } } : {}),
        pools: { main: { 'max-servers': MAX_SERVERS, labels: ['small', 'big'] } },
      },
    },
  });
}

async function disturb(
  launcher: DaemonProcess,
  choice: number,
  mostFrozenMs: number,
  { random, counts }: World,
): Promise<void> {
  const count = (what: string) => (counts[what] = (counts[what] ?? 0) + 1);
  if (choice < 0.5) {
    count('SIGKILL');
    launcher.kill('SIGKILL');
    await launcher.ended;
  } else if (choice < 0.75) {
    count('SIGSTOP');
    launcher.kill('SIGSTOP');
    await sleep(200 + random() * (mostFrozenMs - 200));
    launcher.kill('SIGCONT');
  } else {
    count('SIGTERM');
    launcher.kill('SIGTERM');
    await launcher.ended;
  }
}

async function watchQuota(persist: string, world: World, ending: AbortSignal): Promise<void> {
  while (!ending.aborted) {
    const instances = countInstances(persist);
    if (instances > MAX_SERVERS) world.broken.push(`${instances} instances, more than ${MAX_SERVERS}`);
    world.counts['most instances'] = Math.max(world.counts['most instances'] ?? 0, instances);
    await sleep(10);
  }
}

/** After everything has calmed down nothing is left: no request, node, instance, decision; and no component after the end. */
async function checkEnd(
  t: Test,
  running: readonly DaemonProcess[],
  { persist, world }: { persist: string; world: World },
): Promise<void> {
  const store = await world.openStore();
  const left = async () => ({
    requests: (await store.requests.list()).map(({ id, value }) => `${id} ${value.state}`),
    nodes: (await store.nodes.list())
      .filter(({ value }) => value.state !== 'ready' || value.allocatedTo !== null)
      .map(({ id, value }) => `${id} ${value.state}`),
    locked: (await store.nodes.list()).filter(({ locked }) => locked).map(({ id }) => id),
    // What a killed launcher has noted is dropped by another one in its next slow round.
    decisions: running.length > 1 ? [] : (await store.decisions.list()).map(({ id }) => id),
  });
  const nothing = { requests: [], nodes: [], locked: [], decisions: [] };
  const isCalm = async () => JSON.stringify(await left()) === JSON.stringify(nothing);
  await until(isCalm, { timeoutMs: 30_000, intervalMs: 100 }).catch(() => undefined);
  t.same(await left(), nothing, 'only free ready nodes are left');
  const nodes = await store.nodes.list();
  t.equal(countInstances(persist), nodes.length, 'an instance for each of them and no other');
  await Promise.all(running.map((launcher) => launcher.wrote('launcher started'))); // it knows the signal from then on
  for (const launcher of running) launcher.kill('SIGTERM');
  t.same(
    (await Promise.all(running.map(({ ended }) => ended))).map(({ code }) => code),
    running.map(() => 0),
    'an orderly end',
  );
  // Of several servers, the one that answers may be behind the others a little.
  const isEmpty = async () =>
    (await store.components.list()).length + (await store.pools.list()).length === 0;
  await until(isEmpty, { what: 'no registered launcher and no pool status to be left' });
  await store.close();
}
