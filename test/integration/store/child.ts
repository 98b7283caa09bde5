/** The other process of the store's tests: does what its parent tells it, one message at a time. */
import fs from 'node:fs';
import { inState, makeNode } from '../../../src/model/node.ts';
import type { Store } from '../../../src/store/store.ts';
import { openPlace, type Place } from './place.ts';

export type Order =
  | { do: 'open' }
  | { do: 'hold'; id: string }
  | { do: 'acquire'; image: string }
  | { do: 'ephemeral'; id: string }
  | { do: 'wait'; id: string }
  | { do: 'update'; id: string; times: number }
  | { do: 'create'; count: number }
  | { do: 'contend'; id: string; file: string }
  | { do: 'acknowledge' }
  | { do: 'follow' }
  | { do: 'close' };

const place = JSON.parse(process.argv[2] ?? '') as Place;
let store: Store | undefined;

async function obey(order: Order): Promise<unknown> {
  store ??= await openPlace(place);
  switch (order.do) {
    case 'open':
      return process.pid;
    case 'hold':
      return (await store.nodes.lock(order.id)) !== undefined;
    case 'acquire':
      return (await store.acquire({ kind: 'build', image: order.image })) !== undefined;
    case 'ephemeral':
      return (await store.drains.create(drain(), { id: order.id, ephemeral: true })).id;
    case 'wait':
      return (await store.nodes.lock(order.id, { waitMs: 20_000 })) !== undefined;
    case 'update':
      for (let time = 1; time <= order.times; time++) {
        await store.nodes.update(order.id, (node) => inState(node, 'ready', time));
      }
      return true;
    case 'create':
      await createMany(store, order.count);
      return true;
    case 'contend':
      return await contend(store, order.id, order.file);
    case 'acknowledge':
      return await acknowledge(store);
    case 'follow':
      await store.nodes.watch((change) =>
        send({ seen: [change.id, change.entry?.value.stateTimeS ?? null] }),
      );
      return true;
    case 'close':
      await store.close();
      process.disconnect();
      return true;
  }
}

async function createMany(own: Store, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => own.nodes.create(makeNode({}))));
}

/**
 * Takes and releases one lock for ever. Inside, a file that only one process may have is made; the file of a process that
 * was killed may be taken over, the file of one that lives means that two hold the lock.
 */
async function contend(own: Store, id: string, file: string): Promise<never> {
  for (;;) {
    const held = await own.nodes.lock(id, { waitMs: 10_000 });
    if (held === undefined) throw new Error('a wake-up was lost: no lock within 10 s');
    enterAlone(file);
    if (Math.random() < 0.3) await new Promise((resolve) => setImmediate(resolve));
    if (!held.lost.aborted && Number(fs.readFileSync(file, 'utf8')) !== process.pid)
      throw new Error('two holders');
    fs.rmSync(file);
    await held.release();
    send({ round: process.pid });
  }
}

function enterAlone(file: string): void {
  try {
    fs.writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch {
    const other = fs.readFileSync(file, 'utf8');
    if (other !== '' && isRunning(other)) throw new Error(`two holders: ${other} and ${process.pid}`);
    fs.writeFileSync(file, String(process.pid));
  }
}

function isRunning(pid: string): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Creates records for ever, and reports each id once the store says that it is kept. */
async function acknowledge(own: Store): Promise<never> {
  for (;;) {
    const three = Array.from({ length: 3 }, () => own.nodes.create(makeNode({ comment: 'kept' })));
    const entries = await Promise.all(three);
    send({ kept: entries.map((entry) => entry.id) });
  }
}

function drain() {
  return { provider: 'p', pool: null, createdTimeS: 0, unknown: {} };
}

function send(message: unknown): void {
  if (process.connected) process.send?.(message);
}

process.on('message', (order: Order) => {
  obey(order).then(
    (done) => send({ done }),
    (error: unknown) => send({ failed: String(error) }),
  );
});
