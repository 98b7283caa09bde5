/** Runs `nodepool` commands inside the test process, over a real embedded store in a temporary directory. */
import { PassThrough, Writable } from 'node:stream';
import type { Test } from 'tap';
import type { LoadedConfig } from '../../src/config/load.ts';
import { main } from '../../src/cli/main.ts';
import { systemClock, type Clock } from '../../src/clock.ts';
import type { Driver } from '../../src/driver/driver.ts';
import { ConfigError } from '../../src/errors.ts';
import { silentLogger } from '../../src/log.ts';
import { makeNode, type Node } from '../../src/model/node.ts';
import { inRequestState } from '../../src/model/request.ts';
import { openEmbeddedStore } from '../../src/store/embedded.ts';
import type { Entry, Store } from '../../src/store/store.ts';
import { tempDir } from './temp.ts';

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  stdin?: string;
  /** Width of the terminal; without it the output is a pipe. */
  terminal?: number;
  env?: Record<string, string>;
  signal?: AbortSignal;
  /** Called with everything written so far, at every write to stdout or stderr. */
  onOutput?: (text: string) => void;
}

export interface Cli {
  /** Somebody else's view of the same state: another session than the commands have. */
  store: Store;
  dir: string;
  run(argv: readonly string[], options?: RunOptions): Promise<Ran>;
}

export interface CliOptions {
  /** In place of the one in the directory. */
  openStore?: (over: AbortSignal) => Promise<Store>;
  config?: LoadedConfig;
  drivers?: readonly Driver[];
  clock?: Clock;
}

export async function openCli(
  t: Test,
  { config, drivers = [], clock = systemClock, openStore }: CliOptions = {},
): Promise<Cli> {
  const dir = tempDir(t);
  const open = () => openEmbeddedStore({ dir, log: silentLogger });
  const store = await open();
  t.teardown(() => store.close());

  return {
    store,
    dir,
    async run(
      argv,
      { stdin = '', terminal, env = {}, signal = new AbortController().signal, onOutput } = {},
    ) {
      const written = { stdout: '', stderr: '', all: '' };
      const input = Object.assign(new PassThrough(), { isTTY: false });
      input.end(stdin);
      const output = (name: 'stdout' | 'stderr') => {
        const stream = new Writable({
          write(chunk: Buffer, _, done) {
            written[name] += chunk.toString();
            written.all += chunk.toString();
            onOutput?.(written.all);
            done();
          },
        });
        return terminal === undefined ? stream : Object.assign(stream, { isTTY: true, columns: terminal });
      };
      const code = await main(argv, {
        io: { stdin: input, stdout: output('stdout'), stderr: output('stderr'), env },
        version: '1.2.3',
        clock,
        who: 'tester@here',
        signal,
        createLog: () => silentLogger,
        openStore: (_globals, _log, over) => openStore?.(over) ?? open(),
        loadConfig: () => (config ? Promise.resolve(config) : Promise.reject(new ConfigError([]))),
        drivers: () => Promise.resolve(drivers),
      });
      return { code, stdout: written.stdout, stderr: written.stderr };
    },
  };
}

/** Answers every request with ready nodes like the given one, as a launcher would. Ends with the test. */
export async function answerRequests(t: Test, store: Store, node: Partial<Node>): Promise<void> {
  const view = await store.requests.watch(({ id, entry }) => {
    if (entry?.value.state === 'requested') void fulfil(store, id, node);
  });
  t.teardown(() => view.close());
}

export async function fulfil(store: Store, requestId: string, like: Partial<Node>): Promise<string[]> {
  const now = Date.now() / 1000;
  const held = await store.requests.lock(requestId);
  if (held?.entry.value.state !== 'requested') {
    await held?.release();
    return [];
  }
  const nodes: Entry<Node>[] = [];
  for (const label of held.entry.value.nodeTypes) {
    const node = makeNode({
      state: 'ready',
      type: [label],
      stateTimeS: now,
      allocatedTo: requestId,
      ...like,
    });
    nodes.push(await store.nodes.create(node));
  }
  const ids = nodes.map(({ id }) => id);
  await store.requests.update(requestId, (request) => ({
    ...inRequestState(request, 'fulfilled', now),
    nodes: ids,
  }));
  await held.release();
  return ids;
}

/** Resolves when a record is as wanted. */
export async function seen<T>(
  collection: {
    watch(onChange: () => void): Promise<{ entries: ReadonlyMap<string, Entry<T>>; close(): void }>;
  },
  wanted: (entries: ReadonlyMap<string, Entry<T>>) => boolean,
): Promise<ReadonlyMap<string, Entry<T>>> {
  let check = () => {};
  const found = new Promise<void>((resolve) => (check = () => wanted(view.entries) && resolve()));
  // eslint-disable-next-line prefer-const -- `check` looks at the view that is opened with it
  let view: { entries: ReadonlyMap<string, Entry<T>>; close(): void };
  view = await collection.watch(() => view && check());
  check();
  await found;
  view.close();
  return view.entries;
}
