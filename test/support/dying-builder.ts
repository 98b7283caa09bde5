/**
 * A builder as a process that kills itself before its `argv[3]`-th write (from 0) for a request, which it makes as soon as the image has
 * its first build. `argv[2]` is nodepool.yaml, `argv[4]` the image. Prints the id of that first build, and `done` when the request is
 * answered before there were so many writes.
 */
import { loadConfig } from '../../src/config/load.ts';
import { startBuilder } from '../../src/dib/builder.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLogger } from '../../src/log.ts';
import { boundCopy } from '../../src/metrics/bound-copy.ts';
import { requestBuild } from '../../src/operator/image-actions.ts';
import { openEmbeddedStore } from '../../src/store/embedded.ts';
import type { Collection } from '../../src/store/store.ts';
import { until } from './poll.ts';

const [path = '', lastWrite = '', image = ''] = process.argv.slice(2);
const config = await loadConfig({ path, securePath: undefined, drivers: [], env: {} });
const open = () => openEmbeddedStore({ dir: config.stateDir, log: silentLogger });
const [store, operator] = [await open(), await open()];
const WRITES = ['create', 'update', 'remove', 'removeUnchanged'] as const;
const LONG = { timeoutMs: 60_000 };
let left: number | undefined;

/** The same collection, with which the process does not survive the write that is meant. */
function mortal<T>(collection: Collection<T>): Collection<T> {
  const deadly = WRITES.map((name) => {
    const write = collection[name].bind(collection) as (...given: unknown[]) => unknown;
    const writeOrDie = (...given: unknown[]) => {
      if (left !== undefined && left-- === 0) process.kill(process.pid, 'SIGKILL');
      return write(...given);
    };
    return [name, writeOrDie] as const;
  });
  return Object.assign(boundCopy(collection), Object.fromEntries(deadly));
}

await startBuilder({
  store: { ...boundCopy(store), builds: mortal(store.builds), buildRequests: mortal(store.buildRequests) },
  drivers: [],
  config,
  log: silentLogger,
  clock: systemClock,
  version: '1.2.3',
  hostname: 'one.example.net',
  env: process.env,
  buildWorkers: 1,
  uploadWorkers: 1,
});
const ready = async () => (await operator.builds.list()).filter(({ value }) => value.state === 'ready');
const { id } = await until(async () => (await ready())[0], LONG);
left = Number(lastWrite);
await requestBuild(operator, image);
process.stdout.write(`${id}\n`);
await until(async () => (await ready()).length > 1 && !(await operator.buildRequests.get(image)), LONG);
process.stdout.write('done\n');
process.kill(process.pid, 'SIGKILL');
