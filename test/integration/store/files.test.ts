import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { StoreError } from '../../../src/errors.ts';
import { silentLogger } from '../../../src/log.ts';
import { makeNode } from '../../../src/model/node.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { openStore } from '../../../src/store/open.ts';
import { makeBench, until } from './contract.ts';
import { embedded } from './embedded-place.ts';
import { startChild } from './spawn.ts';

const needsRoot = process.getuid?.() === 0 ? {} : { skip: 'needs root' };
const OTHER_UID = 12345;
const OTHER_GID = 12346;

t.test('a fresh directory opened by several processes at once works for all of them', async (t) => {
  const bench = await makeBench(t, embedded);
  const children = Array.from({ length: 4 }, () => bench.child());
  await Promise.all(children.map((child) => child.tell({ do: 'create', count: 25 })));
  const store = await bench.open();
  t.equal((await store.nodes.list()).length, 100);
});

t.test('directories and files are closed to others', async (t) => {
  const { place, remove } = await embedded.prepare();
  t.teardown(remove);
  const dir = path.join(place.dir, 'a', 'b');
  const store = await openEmbeddedStore({ dir, log: silentLogger });
  await store.nodes.createLocked(makeNode({}));
  const modeOf = (file: string) => (fs.statSync(file).mode & 0o777).toString(8);
  t.equal(modeOf(path.dirname(dir)), '750');
  t.equal(modeOf(dir), '750');
  t.equal(modeOf(path.join(dir, 'sessions')), '750');
  for (const name of ['data.mdb', 'lock.mdb', 'wake']) t.equal(modeOf(path.join(dir, name)), '640', name);
  for (const name of fs.readdirSync(path.join(dir, 'sessions'))) {
    t.equal(modeOf(path.join(dir, 'sessions', name)), '660');
  }
  await store.close();
});

t.test('what root makes in the directory of another user belongs to that user', needsRoot, async (t) => {
  const { place, remove } = await embedded.prepare();
  t.teardown(remove);
  fs.chownSync(place.dir, OTHER_UID, OTHER_GID);
  const dir = path.join(place.dir, 'state');
  const store = await openEmbeddedStore({ dir, log: silentLogger });
  const held = await store.nodes.createLocked(makeNode({}));
  for (const file of fs.readdirSync(place.dir, { recursive: true, encoding: 'utf8' })) {
    const { uid, gid } = fs.statSync(path.join(place.dir, file));
    t.same([uid, gid], [OTHER_UID, OTHER_GID], file);
  }

  const child = startChild({ kind: 'embedded', dir }, { uid: OTHER_UID, gid: OTHER_GID, env: childEnv() });
  const waiting = child.tell({ do: 'wait', id: held.entry.id });
  await until(store.nodes, (nodes) => nodes.has(held.entry.id));
  await held.release();
  t.equal(await waiting, true, 'that user goes on with it, and gets the lock from root');
  await child.kill();
  await store.close();
});

t.test('a user without permission is told which path, which user and what to do', needsRoot, async (t) => {
  const { place, remove } = await embedded.prepare();
  t.teardown(remove);
  const dir = path.join(place.dir, 'state');
  await (await openEmbeddedStore({ dir, log: silentLogger })).close();
  fs.chmodSync(place.dir, 0o755);
  for (const openMode of [false, true]) {
    if (openMode) fs.chmodSync(dir, 0o755);
    const child = startChild({ kind: 'embedded', dir }, { uid: OTHER_UID, gid: OTHER_GID, env: childEnv() });
    await t.rejects(child.tell({ do: 'open' }), {
      message: new RegExp(`StoreError.*uid ${OTHER_UID}\\)? may not read and write ${dir}.*uid 0.*as root`),
    });
    await child.kill();
  }
});

t.test('a directory with a path too long for sockets is refused', async (t) => {
  const dir = path.join('/tmp', 'x'.repeat(90));
  await t.rejects(openEmbeddedStore({ dir, log: silentLogger }), {
    name: 'StoreError',
    message: /bytes too long for a state directory/,
  });
  t.notOk(fs.existsSync(dir));
});

t.test('a damaged database is refused with what to do', async (t) => {
  for (const damage of ['garbage', 'cut off', 'short']) {
    const { place, remove } = await embedded.prepare();
    t.teardown(remove);
    const store = await openEmbeddedStore({ dir: place.dir, log: silentLogger });
    await Promise.all(Array.from({ length: 200 }, () => store.nodes.create(makeNode({}))));
    await store.close();
    const data = path.join(place.dir, 'data.mdb');
    if (damage === 'garbage') fs.writeFileSync(data, Buffer.alloc(65536, 'garbage'));
    if (damage === 'cut off') fs.truncateSync(data, 3 * 4096);
    if (damage === 'short') fs.truncateSync(data, 100);
    await t.rejects(openEmbeddedStore({ dir: place.dir, log: silentLogger }), {
      name: 'StoreError',
      message: /data\.mdb is damaged.*restore it from a backup/s,
    });
  }
});

t.test('a full disk fails the write, and the store goes on when there is room', async (t) => {
  const { place, remove } = await embedded.prepare();
  t.teardown(remove);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', place.dir], { stdio: 'pipe' });
  } catch (error) {
    t.pass('a disk of one megabyte', { skip: `cannot mount a tmpfs: ${String(error)}` });
    return;
  }
  t.teardown(() => execFileSync('umount', [place.dir]));
  const store = await openEmbeddedStore({ dir: place.dir, log: silentLogger });
  t.teardown(() => store.close());
  const { id } = await store.nodes.create(makeNode({}));
  const filler = path.join(place.dir, 'filler');
  try {
    fs.writeFileSync(filler, Buffer.alloc(1024 * 1024));
  } catch {
    // As much as fits is written.
  }
  const failing = store.nodes.create(makeNode({ comment: 'x'.repeat(50_000) }));
  await t.rejects(failing, { name: 'StoreError', message: /no space left.*Free some space/ });
  t.ok(await store.nodes.get(id), 'reading goes on');
  fs.rmSync(filler);
  const later = await store.nodes.create(makeNode({}));
  t.ok(await store.nodes.get(later.id));
  t.equal((await store.nodes.list()).length, 2, 'nothing of the failed write is there');
});

t.test('a process that fell behind the change log still ends up with everything', async (t) => {
  const { place, remove } = await embedded.prepare();
  t.teardown(remove);
  const options = { dir: place.dir, log: silentLogger, logSlots: 4 };
  const [a, b] = [await openEmbeddedStore(options), await openEmbeddedStore(options)];
  const removed = await a.nodes.create(makeNode({}));
  const told: string[] = [];
  const view = await b.nodes.watch(({ id, entry }) =>
    told.push(`${id} ${entry === undefined ? 'removed' : 'there'}`),
  );
  told.length = 0;
  const ids: string[] = [];
  await a.nodes.remove(removed.id);
  // The other store shares this thread: it cannot look before all of this is written.
  const child = startChild({ ...place, kind: 'embedded', logSlots: 4 });
  const busy = child.tell({ do: 'create', count: 1 });
  await busy;
  for (let number = 0; number < 20; number++) ids.push((await a.nodes.create(makeNode({}))).id);
  await until(b.nodes, (nodes) => nodes.has(ids.at(-1) ?? ''));
  const expected = (await a.nodes.list()).map((entry) => entry.id);
  t.same([...view.entries.keys()].sort(), expected);
  t.ok(told.includes(`${removed.id} removed`));
  await child.kill();
  await a.close();
  await b.close();
});

t.test('zookeeper-servers are refused while there is no such store', async (t) => {
  const zookeeper = { servers: [{ host: 'h', port: 1 }], chroot: '', tls: undefined, sessionTimeoutMs: 1 };
  await t.rejects(openStore({ stateDir: '/nonexistent', zookeeper }, { log: silentLogger }), StoreError);
});

/** The loader keeps a cache in a directory of the user who ran it last. */
function childEnv(): NodeJS.ProcessEnv {
  return { ...process.env, TSX_DISABLE_CACHE: '1' };
}
