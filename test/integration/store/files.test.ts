import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { silentLogger } from '../../../src/log.ts';
import { makeNode } from '../../../src/model/node.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { openStore } from '../../../src/store/open.ts';
import { tempDir } from '../../support/temp.ts';
import { makeBench, until } from './contract.ts';
import { embedded } from './embedded-place.ts';
import { openPlace, type Place } from './place.ts';
import { startChild } from './spawn.ts';

t.setTimeout(90_000);

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

t.test('a directory that nobody can make is an error and not an endless try', async (t) => {
  await t.rejects(openEmbeddedStore({ dir: '/proc/nodepool/state', log: silentLogger }), {
    name: 'StoreError',
    message: /^The state directory \/proc\/nodepool\/state cannot be used: ENOENT/,
  });
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

  const child = startChild({ kind: 'embedded', dir }, { uid: OTHER_UID, gid: OTHER_GID });
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
    const child = startChild({ kind: 'embedded', dir }, { uid: OTHER_UID, gid: OTHER_GID });
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
  const small: Place = { ...place, logSlots: 4 };
  const store = await openPlace(small);
  t.teardown(() => store.close());
  const [kept, removed] = [await store.nodes.create(makeNode({})), await store.nodes.create(makeNode({}))];
  const told: string[] = [];
  const view = await store.nodes.watch(({ id, entry }) =>
    told.push(`${id} ${entry?.value.state ?? 'removed'}`),
  );
  told.length = 0;

  // While the other process writes, this one is blocked and cannot look.
  runToTheEnd(
    small,
    `await store.nodes.remove('${removed.id}')`,
    createTwentyTimes,
    `await store.nodes.update('${kept.id}', (node) => ({ ...node, state: 'ready' }))`,
  );
  await until(store.nodes, (nodes) => nodes.get(kept.id)?.value.state === 'ready');

  const expected = (await store.nodes.list()).map((entry) => entry.id);
  t.equal(expected.length, 21);
  t.same([...view.entries.keys()].sort(), expected);
  t.equal(told[0], `${removed.id} removed`);
  t.equal(told.at(-1), `${kept.id} ready`, 'in the order of the writes');
  t.equal(told.length, 22);
});

t.test('a commit whose writer was killed before it could wake anybody arrives too', async (t) => {
  const { place, remove } = await embedded.prepare();
  t.teardown(remove);
  const store = await openPlace(place);
  t.teardown(() => store.close());
  await store.nodes.watch();
  const arrived = until(store.nodes, (nodes) => nodes.has('0000000777'));
  await embedded.putRaw(place, 'nodes', '0000000777', '{}');
  await arrived;
  t.ok(await store.nodes.get('0000000777'));
});

t.test('each commit wakes whoever watches the directory', async (t) => {
  const { place, remove } = await embedded.prepare();
  t.teardown(remove);
  const store = await openPlace(place);
  t.teardown(() => store.close());
  for (let time = 0; time < 3; time++) {
    const watcher = fs.watch(path.join(place.dir, 'wake'));
    const woken = once(watcher, 'change');
    await store.nodes.create(makeNode({}));
    t.same((await woken)[0], 'change');
    watcher.close();
  }
});

t.test('a process that waits stays alive, one that does not ends', async (t) => {
  const { place, remove } = await embedded.prepare();
  t.teardown(remove);
  const store = await openPlace(place);
  t.teardown(() => store.close());
  const { entry } = await store.nodes.createLocked(makeNode({}));
  const waited = runToTheEnd(place, `console.log(await store.nodes.lock('${entry.id}', { waitMs: 300 }))`);
  t.equal(waited, 'undefined', 'the wait for a lock is not cut short');
  t.equal(runToTheEnd(place, `console.log((await store.nodes.create(makeNode({}))).locked)`), 'false');
  const idle = `await store.nodes.createLocked(makeNode({})); (await store.nodes.watch()).close(); console.log('idle')`;
  t.equal(runToTheEnd(place, idle), 'idle', 'neither a lock nor a closed view keeps it');
});

t.test('with zookeeper-servers the directory is left alone', async (t) => {
  const servers = [{ host: '127.0.0.1', port: 1 }];
  const zookeeper = { servers, chroot: '', tls: undefined, sessionTimeoutMs: 1000 };
  const stateDir = path.join(tempDir(t), 'state');
  const opening = openStore({ stateDir, zookeeper }, { log: silentLogger, patienceMs: 200 });
  await t.rejects(opening, { name: 'StoreError', message: /127\.0\.0\.1:1/ });
  t.equal(fs.existsSync(stateDir), false);
});

const createTwentyTimes =
  'for (let number = 0; number < 20; number++) await store.nodes.create(makeNode({}))';

/** Runs statements in another process, which ends by itself, while this one is blocked; gives what it printed. */
function runToTheEnd(place: Place, ...statements: string[]): string {
  const from = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
  const program = [
    `import { makeNode } from ${from('../../../src/model/node.ts')};`,
    `import { openPlace } from ${from('place.ts')};`,
    `const store = await openPlace(${JSON.stringify(place)});`,
    ...statements,
  ].join('\n');
  const args = ['--import', 'tsx', '--input-type=module', '--eval', program];
  return execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 }).trim();
}
