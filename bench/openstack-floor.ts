/**
 * The least that a program in Node.js does for a server: its calls to Nova and its writes to ZooKeeper, in their order. It decides
 * nothing, follows nothing, and survives nothing. A process of its own, started by bench/openstack.ts; prints milliseconds of CPU.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../src/clock.ts';
import { textOf } from '../src/openstack/section.ts';
import {
  createServer,
  deleteServer,
  findImages,
  listFlavors,
  listNetworks,
} from '../src/openstack/services.ts';
import { createServerReader } from '../src/openstack/server-lists.ts';
import { connect } from '../src/zookeeper/index.ts';
import { openAccount } from '../test/support/testcloud.ts';
import type { Server } from './zookeeper-place.ts';

export interface FloorTask {
  zookeeper: Server['zookeeper'];
  count: number;
}

const LIST_MS = 1000;
const { zookeeper, count } = JSON.parse(process.argv[2] ?? '') as FloorTask;
const signal = AbortSignal.timeout(30 * 60_000);
const undo: (() => unknown)[] = [];
const { session } = await openAccount({ teardown: (close: () => unknown) => void undo.push(close) });
const zk = await connect({ ...zookeeper, chroot: '/openstack-floor' });
await zk.ensureChroot();

const [flavors, networks, images] = await Promise.all([
  listFlavors(session, signal),
  listNetworks(session, signal),
  findImages(session, 'small-raw', signal),
]);
const wanted = {
  flavorRef: flavors.find(({ name }) => name === 'm1.tiny')?.id,
  imageRef: textOf(images[0]?.['id']),
  networks: [{ uuid: networks.find(({ name }) => name === 'private')?.id }],
};

const waiting = new Map<string, { isThere: boolean; done: () => void }>();
let looking = false;

/** One list a second for all. */
async function look(): Promise<void> {
  looking = true;
  const read = createServerReader(systemClock);
  while (waiting.size > 0) {
    await sleep(LIST_MS);
    const { byId, isGone } = await read(session, signal, false);
    for (const [id, { isThere, done }] of waiting) {
      if (isThere ? byId.get(id)?.['status'] !== 'ACTIVE' : !isGone(id)) continue;
      waiting.delete(id);
      done();
    }
  }
  looking = false;
}

function until(id: string, isThere: boolean): Promise<void> {
  return new Promise((done) => {
    waiting.set(id, { isThere, done });
    if (!looking) void look();
  });
}

/** As long as a node's record is. */
const record = (state: string) => JSON.stringify({ state, filler: 'x'.repeat(700) });

async function make(name: string) {
  const [request, requestLock] = [`/request-${name}`, `/request-lock-${name}`];
  const [node, nodeLock] = [`/node-${name}`, `/node-lock-${name}`];
  await zk.create(request, record('requested'));
  await zk.create(requestLock, '', { ephemeral: true });
  await zk.getData(request);
  await zk.setData(request, record('pending'));
  await zk.create(node, record('init'));
  await zk.create(nodeLock, '', { ephemeral: true });
  await zk.setData(node, record('building'));
  const id = await createServer(session, { ...wanted, name }, signal);
  await zk.setData(node, record('building'));
  await until(id, true);
  await Promise.all([
    zk.setData(node, record('ready')),
    zk.delete(nodeLock),
    zk.setData(request, record('fulfilled')),
    zk.delete(requestLock),
  ]);
  return async () => {
    await zk.getData(node);
    await zk.create(nodeLock, '', { ephemeral: true });
    await zk.setData(node, record('deleting'));
    await deleteServer(session, id, signal);
    await until(id, false);
    await Promise.all([zk.delete(nodeLock), zk.delete(node), zk.delete(request)]);
  };
}

const endFirst = await make('first'); // what is looked up once is no cost of a server
await endFirst();
const before = process.cpuUsage();
const ends = await Promise.all(Array.from({ length: count }, (_, number) => make(`floor-${number}`)));
await Promise.all(ends.map((end) => end()));
const { user, system } = process.cpuUsage(before);
process.stdout.write(`${(user + system) / 1000 / count}\n`);
await zk.close();
for (const close of undo) await close();
