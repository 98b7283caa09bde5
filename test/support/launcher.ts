import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Test } from 'tap';
import { createDrivers } from '../../src/bin/drivers.ts';
import { systemClock } from '../../src/clock.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Driver } from '../../src/driver/driver.ts';
import { startLauncher, type Launcher, type Rounds } from '../../src/launcher/launcher.ts';
import { createLogger, type Logger, type LogEvent } from '../../src/log.ts';
import { makeRequest, type NodeRequest } from '../../src/model/request.ts';
import type { DecisionRecord } from '../../src/model/decision.ts';
import type { Node, NodeState } from '../../src/model/node.ts';
import type { PoolStatus } from '../../src/model/pool-status.ts';
import { openEmbeddedStore } from '../../src/store/embedded.ts';
import type { Entry, Store, View } from '../../src/store/store.ts';
import { openZooKeeperStore } from '../../src/store/zookeeper.ts';
import { tempDir } from './temp.ts';

/** A launcher in this process on a store of its own, with a second store object that plays Zuul. */
export interface TestLauncher {
  launcher: Launcher;
  /** The requestor's side. */
  zuul: Store;
  nodes: View<Node>;
  requests: View<NodeRequest>;
  decisions: View<DecisionRecord>;
  pools: View<PoolStatus>;
  logged: LogEvent[];
  dir: string;
  reload(yaml: string): Promise<void>;
  /** Resolves with the first thing that `found` answers about a change, or about how things are now. */
  wait<R>(found: () => R | undefined | false | null, what?: string): Promise<R>;
  request(labels: string[], more?: Partial<NodeRequest>, prefix?: string): Promise<Entry<NodeRequest>>;
  /** Nodes in this state now. */
  inState(state: NodeState): Entry<Node>[];
  /** Asks and resolves when the request is fulfilled; rejects when it has failed. */
  fulfilled(labels: string[], more?: Partial<NodeRequest>): Promise<Entry<NodeRequest>>;
  /** Resolves when the request is fulfilled or failed. */
  outcome(requestId: string): Promise<Entry<NodeRequest>>;
  /** Does with a fulfilled request's nodes what Zuul does: lock, in-use, request removed. */
  use(
    requestId: string,
  ): Promise<{ finish(state?: 'used' | 'hold' | 'in-use'): Promise<void>; nodes: Entry<Node>[] }>;
  stop(): Promise<void>;
}

const NO_ROUNDS: Rounds = { sweepMs: 3_600_000, cleanMs: 3_600_000 };
export const FAST_ROUNDS: Rounds = { sweepMs: 100, cleanMs: 200 };

export interface TestLauncherOptions {
  /** Default: none, so that a test shows what events alone bring about. */
  rounds?: Rounds;
  drivers?: Driver[];
  /** Another test launcher's, to share its state. */
  dir?: string;
  /** How long to wait for anything; default 8 s, which a real cloud may not keep. */
  waitMs?: number;
  /** Puts something between the launcher and its store. */
  wrapStore?: (store: Store) => Store;
}

const WAIT_MS = 8_000;

/** Opens the state that belongs to a directory: in it, or in the ZooKeeper server that TEST_ZOOKEEPER (a port) names. */
export function openTestStore(dir: string, log: Logger): Promise<Store> {
  const port = process.env['TEST_ZOOKEEPER'];
  if (port === undefined) return openEmbeddedStore({ dir: join(dir, 'state'), log });
  const servers = [{ host: '127.0.0.1', port: Number(port) }];
  const chroot = `/${basename(dir)}`;
  return openZooKeeperStore({
    zookeeper: { servers, chroot, tls: undefined, sessionTimeoutMs: 10_000 },
    log,
  });
}

let filesMade = 0;

export async function startTestLauncher(
  t: Test,
  yaml: string,
  options: TestLauncherOptions = {},
): Promise<TestLauncher> {
  const dir = options.dir ?? tempDir(t);
  const file = join(dir, `nodepool-${(filesMade += 1)}.yaml`);
  const drivers = options.drivers ?? createDrivers();
  const load = async (text: string): Promise<Config> => {
    writeFileSync(file, `state-dir: ${dir}/state\n${text}`);
    return await loadConfig({ path: file, drivers, env: {} });
  };
  const config = await load(yaml);
  const { log, logged } = recordingLogger();
  const { wrapStore = (store) => store, waitMs = WAIT_MS } = options;
  const store = wrapStore(await openTestStore(dir, log));
  const zuul = await openTestStore(dir, log);
  const waiting = new Set<() => void>();
  const changed = () => waiting.forEach((look) => look());
  const nodes = await zuul.nodes.watch(changed);
  const requests = await zuul.requests.watch(changed);
  const decisions = await zuul.decisions.watch(changed);
  const pools = await zuul.pools.watch(changed);
  const launcher = await startLauncher({
    store,
    drivers,
    config,
    log,
    clock: systemClock,
    version: 'test',
    rounds: options.rounds ?? NO_ROUNDS,
  });
  let stopped: Promise<void> | undefined;
  const stop = () =>
    (stopped ??= launcher
      .stop(AbortSignal.timeout(5_000))
      .then(() => store.close())
      .then(() => zuul.close()));
  t.teardown(stop);

  const wait = <R>(found: () => R | undefined | false | null, what = found.toString()): Promise<R> =>
    new Promise((resolve, reject) => {
      const look = () => {
        const result = found();
        if (result === undefined || result === false || result === null) return;
        waiting.delete(look);
        clearTimeout(timer);
        resolve(result);
      };
      const timer = setTimeout(() => {
        waiting.delete(look);
        reject(new Error(`waited ${waitMs} ms in vain for: ${what}`));
      }, waitMs);
      waiting.add(look);
      look();
    });
  const outcome = (id: string) =>
    wait(() => {
      const entry = requests.entries.get(id);
      return entry && ['fulfilled', 'failed'].includes(entry.value.state) ? entry : undefined;
    }, `request ${id} fulfilled or failed`);

  const test: TestLauncher = {
    launcher,
    zuul,
    nodes,
    requests,
    decisions,
    pools,
    logged,
    dir,
    inState: (state) => [...nodes.entries.values()].filter(({ value }) => value.state === state),
    fulfilled: async (labels, more) => {
      const { id } = await test.request(labels, more);
      const entry = await outcome(id);
      if (entry.value.state !== 'fulfilled')
        throw new Error(`request ${id} is ${entry.value.state}:\n${troubles(logged).join('\n')}`);
      return entry;
    },
    async reload(text) {
      launcher.reload(await load(text));
    },
    wait,
    request: (labels, more = {}, prefix = '200-') => {
      const timeS = Date.now() / 1000;
      const request = makeRequest({
        stateTimeS: timeS,
        createdTimeS: timeS,
        nodeTypes: labels,
        requestor: 'test',
        ...more,
      });
      return zuul.requests.create(request, { prefix });
    },
    outcome,
    async use(requestId) {
      const fulfilled = await outcome(requestId);
      const held = await Promise.all(
        fulfilled.value.nodes.map(async (id) => {
          const node = await zuul.nodes.lock(id, { waitMs: 5_000 });
          if (!node) throw new Error(`node ${id} is locked`);
          return node;
        }),
      );
      await zuul.requests.remove(requestId);
      const setState = async (state: 'in-use' | 'used' | 'hold') => {
        const timeS = Date.now() / 1000;
        await Promise.all(
          held.map((node) =>
            zuul.nodes.update(node.entry.id, (value) => ({ ...value, state, stateTimeS: timeS })),
          ),
        );
      };
      await setState('in-use');
      return {
        nodes: held.map((node) => node.entry),
        async finish(state: 'used' | 'hold' | 'in-use' = 'used') {
          await setState(state);
          await Promise.all(held.map((node) => node.release()));
        },
      };
    },
    stop,
  };
  return test;
}

/** What went wrong so far, for whoever looks at a failed test. */
function troubles(logged: readonly LogEvent[]): string[] {
  return logged
    .filter(({ level }) => level === 'warning' || level === 'error')
    .map(({ level, message, fields }) => `${level}: ${message} ${JSON.stringify(fields)}`);
}

/** Keeps what is logged; prints it too when NODEPOOL_TEST_LOG is set. */
export function recordingLogger(): { log: Logger; logged: LogEvent[] } {
  const logged: LogEvent[] = [];
  const print = process.env['NODEPOOL_TEST_LOG'] !== undefined;
  const log = createLogger({
    enabled: () => true,
    write(event) {
      logged.push(event);
      if (print)
        process.stderr.write(
          `${event.level} ${event.logger}: ${event.message} ${JSON.stringify(event.fields)}\n`,
        );
    },
  });
  return { log, logged };
}
