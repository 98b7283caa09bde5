/**
 * What every store must do. Runs over each implementation; a test gets its own empty state.
 */
import type { Test } from 'tap';
import { LockLostError, NotFoundError, StoreError } from '../../../src/errors.ts';
import { makeComponent } from '../../../src/model/component.ts';
import { inState, makeNode, type Node } from '../../../src/model/node.ts';
import { makeRequest } from '../../../src/model/request.ts';
import type { Collection, Entry, Held, Store, View } from '../../../src/store/store.ts';
import { openPlace, type Place } from './place.ts';
import { startChild, type Child } from './spawn.ts';

export interface StoreUnderTest<P extends Place = Place> {
  name: string;
  /** An empty state of its own, and how to remove it. */
  prepare(): Promise<{ place: P; remove(): Promise<void> }>;
  /** Writes a record's text as another program would. */
  putRaw(place: Place, collection: string, id: string, text: string): Promise<void>;
  getRaw(place: Place, collection: string, id: string): Promise<string | undefined>;
}

export interface Bench<P extends Place = Place> {
  place: P;
  open(): Promise<Store>;
  child(): Child;
}

/** Opens what a test asks for and closes all of it in the end. */
export async function makeBench<P extends Place>(
  t: Test,
  subject: Pick<StoreUnderTest<P>, 'prepare'>,
): Promise<Bench<P>> {
  const { place, remove } = await subject.prepare();
  const stores: Store[] = [];
  const children: Child[] = [];
  t.teardown(async () => {
    await Promise.all(children.map((child) => child.kill()));
    await Promise.all(stores.map((store) => store.close()));
    await remove();
  });
  return {
    place,
    open: async () => {
      const store = await openPlace(place);
      stores.push(store);
      return store;
    },
    child: () => {
      const child = startChild(place);
      children.push(child);
      return child;
    },
  };
}

/** Resolves when the view satisfies the condition. */
export async function until<T>(
  collection: Pick<Collection<T>, 'watch'>,
  condition: (view: ReadonlyMap<string, Entry<T>>) => boolean,
): Promise<void> {
  let check: () => void = () => undefined;
  const view = await collection.watch(() => check());
  await new Promise<void>((resolve) => {
    check = () => {
      if (condition(view.entries)) resolve();
    };
    check();
  });
  view.close();
}

export function testStore(t: Test, subject: StoreUnderTest): void {
  const test: Define = (title, body) => {
    void t.test(`${subject.name}: ${title}`, async (t) => body(t, await makeBench(t, subject)));
  };

  records(test, subject);
  orders(test);
  locks(test);
  views(test);
  crashes(test);
}

type Define = (title: string, body: (t: Test, bench: Bench) => Promise<void>) => void;

function records(test: Define, subject: StoreUnderTest): void {
  test('a record is created, read, changed and removed', async (t, bench) => {
    const store = await bench.open();
    const created = await store.nodes.create(makeNode({ state: 'building', provider: 'p' }));
    t.match(created.id, /^\d{10}$/);
    t.equal(created.value.provider, 'p');
    t.equal(created.locked, false);

    const updated = await store.nodes.update(created, (node) => inState(node, 'ready', 12.5));
    t.ok(updated.version > created.version, 'the version grows');
    t.equal(updated.createdMs, created.createdMs);
    t.ok(updated.modifiedMs >= created.modifiedMs);

    const other = await bench.open();
    const read = await other.nodes.get(created.id);
    t.same(read, updated, 'another store reads what was written');
    t.same(await other.nodes.list(), [read]);

    await other.nodes.remove(created.id);
    await other.nodes.remove(created.id);
    t.equal(await store.nodes.get(created.id), undefined);
    t.same(await store.nodes.list(), []);
  });

  test('a change that returns nothing leaves the record as it is', async (t, bench) => {
    const store = await bench.open();
    const created = await store.nodes.create(makeNode({}));
    const same = await store.nodes.update(created.id, () => undefined);
    t.equal(same.version, created.version);
  });

  test('an error thrown by a change reaches the caller and changes nothing', async (t, bench) => {
    const store = await bench.open();
    const { id, version } = await store.nodes.create(makeNode({}));
    const failing = store.nodes.update(id, () => {
      throw new RangeError('no');
    });
    await t.rejects(failing, RangeError);
    t.equal((await store.nodes.get(id))?.version, version);
  });

  test('what does not exist is not found', async (t, bench) => {
    const store = await bench.open();
    t.equal(await store.nodes.get('0000000099'), undefined);
    t.equal(await store.nodes.get(''), undefined);
    await t.rejects(
      store.nodes.update('0000000099', (node) => node),
      NotFoundError,
    );
    await t.rejects(store.nodes.lock('0000000099'), NotFoundError);
    await t.rejects(store.nodes.lock('0000000099', { waitMs: 1000 }), NotFoundError);
    t.same(await store.nodes.list(), [], 'the attempts leave no trace');
    t.same((await store.nodes.listAll()).unreadable, []);
  });

  test('ids are numbered, prefixed, chosen, and never used twice', async (t, bench) => {
    const store = await bench.open();
    const first = await store.requests.create(makeRequest({}), { prefix: '200-' });
    const second = await store.requests.create(makeRequest({}), { prefix: '100-' });
    t.match(first.id, /^200-\d{10}$/);
    t.ok(second.id.slice(4) > first.id.slice(4), 'one counter for all prefixes');
    await store.requests.remove(second.id);
    const third = await store.requests.create(makeRequest({}), { prefix: '100-' });
    t.ok(third.id > second.id);
    await store.drains.create({ provider: 'p', pool: null, createdTimeS: 0, unknown: {} }, { id: 'p' });
    await t.rejects(
      store.drains.create({ provider: 'p', pool: null, createdTimeS: 0, unknown: {} }, { id: 'p' }),
      StoreError,
    );
    await t.rejects(store.nodes.create(makeNode({}), { id: 'a/b' }), StoreError);
    await store.close();
    const later = await bench.open();
    const fourth = await later.requests.create(makeRequest({}), { prefix: '100-' });
    t.ok(fourth.id > third.id, 'also after a restart');
  });

  test('unknown fields survive a rewrite', async (t, bench) => {
    const store = await bench.open();
    await subject.putRaw(
      bench.place,
      'nodes',
      '0000000500',
      '{"state":"ready","state_time":3,"new_field":{"a":[1]}}',
    );
    await store.nodes.update('0000000500', (node) => inState(node, 'used', 4));
    const text = await subject.getRaw(bench.place, 'nodes', '0000000500');
    t.match(JSON.parse(text ?? '') as unknown, {
      state: 'used',
      state_time: 4,
      new_field: { a: [1] },
      ssh_port: 22,
    });
  });

  test('records that cannot be read are listed apart and can be removed', async (t, bench) => {
    const store = await bench.open();
    const { id } = await store.nodes.create(makeNode({}));
    await subject.putRaw(bench.place, 'nodes', '0000000600', '');
    await subject.putRaw(bench.place, 'nodes', '0000000601', 'not json');
    t.same(
      (await store.nodes.list()).map((entry) => entry.id),
      [id],
    );
    const unreadable = (await store.nodes.listAll()).unreadable;
    t.same(
      unreadable.map((record) => record.id),
      ['0000000600', '0000000601'],
    );
    t.ok(unreadable.every((record) => record.reason.length > 0 && !record.locked));
    t.equal(await store.nodes.get('0000000600'), undefined);
    const view = await store.nodes.watch();
    t.same([...view.entries.keys()], [id]);
    for (const record of unreadable) await store.nodes.remove(record.id);
    t.same((await store.nodes.listAll()).unreadable, []);
  });

  test('thousands of records are listed in the order of their ids', async (t, bench) => {
    const store = await bench.open();
    const entries = await Promise.all(
      Array.from({ length: 3000 }, (_, number) => store.nodes.create(makeNode({ slot: number }))),
    );
    const ids = entries.map((entry) => entry.id);
    t.same(ids, [...ids].sort(), 'numbered in the order of the calls');
    const listed = await store.nodes.list();
    t.same(
      listed.map((entry) => [entry.id, entry.value.slot]),
      ids.map((id, number) => [id, number]),
    );
  });

  test('a closed store refuses work and may be closed twice', async (t, bench) => {
    const store = await bench.open();
    const last = store.nodes.create(makeNode({}));
    await Promise.all([store.close(), store.close()]);
    await store.close();
    const { id } = await last;
    await t.rejects(store.nodes.get(id), StoreError);
    await t.rejects(store.nodes.create(makeNode({})), StoreError);
    await t.rejects(store.nodes.watch(), StoreError);
    const other = await bench.open();
    t.ok(await other.nodes.get(id), 'work in flight was finished');
  });
}

function orders(test: Define): void {
  test('operations apply in the order of their calls', async (t, bench) => {
    const store = await bench.open();
    const { id } = await store.nodes.create(makeNode({}));
    const results: Promise<unknown>[] = [];
    const missing = store.nodes.update('0000000099', (node) => node).catch((error: unknown) => error);
    for (let time = 1; time <= 50; time++) {
      results.push(
        store.nodes.update(id, (node) => {
          t.equal(node.stateTimeS, time - 1);
          return inState(node, 'ready', time);
        }),
      );
    }
    const read = store.nodes.get(id);
    const removed = store.nodes.remove(id);
    const gone = store.nodes.get(id);
    t.equal((await read)?.value.stateTimeS, 50, 'a read does not overtake the writes before it');
    await removed;
    t.equal(await gone, undefined);
    t.type(await missing, NotFoundError, 'one that fails does not hold up the others');
    await Promise.all(results);
  });

  test('own writes are in every open view when they resolve', async (t, bench) => {
    const store = await bench.open();
    const view = await store.nodes.watch();
    const { id } = await store.nodes.create(makeNode({}));
    t.equal(view.entries.get(id)?.value.state, 'init');
    await store.nodes.update(id, (node) => inState(node, 'ready', 1));
    t.equal(view.entries.get(id)?.value.state, 'ready');
    const held = await store.nodes.lock(id);
    t.equal(view.entries.get(id)?.locked, true);
    await held?.release();
    t.equal(view.entries.get(id)?.locked, false);
    await store.nodes.remove(id);
    t.equal(view.entries.has(id), false);
  });
}

function locks(test: Define): void {
  test('one holds, the others do not, until it is released', async (t, bench) => {
    const [a, b] = [await bench.open(), await bench.open()];
    const { id } = await a.nodes.create(makeNode({}));
    const held = await a.nodes.lock(id);
    t.ok(held);
    t.equal(held?.entry.locked, true);
    t.equal(await a.nodes.lock(id), undefined, 'not even the same store');
    t.equal(await b.nodes.lock(id), undefined);
    t.equal(await b.nodes.lock(id, { waitMs: 30 }), undefined, 'the wait ends');
    t.equal((await b.nodes.get(id))?.locked, true);
    await Promise.all([held?.release(), held?.release()]);
    await held?.release();
    t.equal((await b.nodes.get(id))?.locked, false, 'the one that gave up left no trace');
    const next = await b.nodes.lock(id);
    t.ok(next);
    t.equal(held?.lost.aborted, false, 'released is not lost');
  });

  test('a record is born locked', async (t, bench) => {
    const [a, b] = [await bench.open(), await bench.open()];
    const held = await a.nodes.createLocked(makeNode({}));
    t.equal(held.entry.locked, true);
    t.equal(await b.nodes.lock(held.entry.id), undefined);
    t.equal((await b.nodes.get(held.entry.id))?.locked, true);
    await held.release();
    await until(b.nodes, (nodes) => nodes.get(held.entry.id)?.locked === false);
  });

  test('the record is read again under the lock', async (t, bench) => {
    const [a, b] = [await bench.open(), await bench.open()];
    const first = await a.nodes.createLocked(makeNode({}));
    const waiting = b.nodes.lock(first.entry.id, { waitMs: 20_000 });
    await a.nodes.update(first.entry.id, (node) => inState(node, 'ready', 7));
    await first.release();
    t.equal((await waiting)?.entry.value.stateTimeS, 7);
  });

  test('waiting ones get the lock in the order of their arrival', async (t, bench) => {
    const [a, b] = [await bench.open(), await bench.open()];
    const first = await a.nodes.createLocked(makeNode({}));
    const { id } = first.entry;
    const order: number[] = [];
    const waiters: Promise<void>[] = [];
    for (const [number, store] of [a, b, a, b, b].entries()) {
      const lock = store.nodes.lock(id, { waitMs: 20_000 });
      waiters.push(
        lock.then(async (held) => {
          order.push(number);
          await held?.release();
        }),
      );
      await store.nodes.get(id);
    }
    await first.release();
    await Promise.all(waiters);
    t.same(order, [0, 1, 2, 3, 4]);
  });

  test('a wait ends with its signal, and leaves no trace', async (t, bench) => {
    const [a, b] = [await bench.open(), await bench.open()];
    const held = await a.nodes.createLocked(makeNode({}));
    const { id } = held.entry;
    const controller = new AbortController();
    const waiting = b.nodes.lock(id, { waitMs: Infinity, signal: controller.signal });
    const behind = a.nodes.lock(id, { waitMs: 20_000 });
    await b.nodes.get(id);
    const ended = t.rejects(waiting, { message: 'enough' });
    controller.abort(new Error('enough'));
    await ended;
    await held.release();
    const next = await behind;
    t.ok(next, 'the one behind is not held up');
    await next?.release();
    t.equal((await a.nodes.get(id))?.locked, false);
    await t.rejects(b.nodes.lock(id, { signal: AbortSignal.abort(new Error('before')) }), {
      message: 'before',
    });
  });

  test('removing a record ends its lock and its waiters', async (t, bench) => {
    const [a, b] = [await bench.open(), await bench.open()];
    const held = await a.nodes.createLocked(makeNode({}));
    const { id } = held.entry;
    const waiting = b.nodes.lock(id, { waitMs: 20_000 });
    await b.nodes.get(id);
    const ended = t.rejects(waiting, NotFoundError);
    await a.nodes.remove(id);
    await ended;
    await held.release();
    t.equal(held.lost.aborted, false, 'its own doing');
    const again = await a.nodes.create(makeNode({}), { id });
    t.equal(again.locked, false);
  });

  test('a holder hears when its lock is taken away', async (t, bench) => {
    const [a, b] = [await bench.open(), await bench.open()];
    await a.nodes.watch();
    const held = await a.nodes.createLocked(makeNode({}));
    const lost = new Promise((resolve) => held.lost.addEventListener('abort', resolve));
    await b.nodes.remove(held.entry.id);
    await lost;
    t.type(held.lost.reason, LockLostError);
    await held.release();
  });

  test('closing gives back locks and ephemeral records', async (t, bench) => {
    const [a, b] = [await bench.open(), await bench.open()];
    const { entry } = await a.nodes.createLocked(makeNode({}));
    const component = await a.components.create(makeComponent({ kind: 'launcher', hostname: 'h' }), {
      prefix: 'launcher/h',
      ephemeral: true,
    });
    const waiting = b.nodes.lock(entry.id, { waitMs: 20_000 });
    t.ok(await b.components.get(component.id));
    const unfinished = a.nodes.lock(entry.id, { waitMs: 20_000 }).catch((error: unknown) => error);
    await a.nodes.get(entry.id);
    await a.close();
    t.type(await unfinished, StoreError, 'a wait of the closed store ends');
    t.ok(await waiting, 'the lock moves on');
    t.equal(await b.components.get(component.id), undefined);
    t.ok(await b.nodes.get(entry.id), 'other records stay');
  });
}

function views(test: Define): void {
  test('a view begins complete and follows the other process', async (t, bench) => {
    const store = await bench.open();
    const first = await store.nodes.create(makeNode({ stateTimeS: 0 }));
    const child = bench.child();
    await child.tell({ do: 'open' });
    const times: (number | undefined)[] = [];
    const previous: (number | undefined)[] = [];
    const shown: boolean[] = [];
    const view: View<Node> = await store.nodes.watch((change) => {
      times.push(change.entry?.value.stateTimeS);
      previous.push(change.previous?.value.stateTimeS);
      if (times.length > 1) shown.push(view.entries.get(change.id) === change.entry);
    });
    t.same([times, previous], [[0], [undefined]], 'it is told what it begins with');
    await child.tell({ do: 'update', id: first.id, times: 40 });
    await until(store.nodes, (nodes) => nodes.get(first.id)?.value.stateTimeS === 40);
    const ascending = times.every((time, index) => index === 0 || Number(time) > Number(times[index - 1]));
    t.ok(ascending, 'in order');
    t.same(previous.slice(1), times.slice(0, -1), 'previous is what was told before');
    t.equal(times.at(-1), 40);
    t.ok(shown.length > 0 && shown.every(Boolean), 'the entries show a change before it is told');
  });

  test('changes of several records arrive in the order of the writes', async (t, bench) => {
    const [a, b] = [await bench.open(), await bench.open()];
    const seen: string[] = [];
    const arrived = new Promise<void>((resolve) => {
      void b.nodes.watch(({ id, entry, previous }) => {
        seen.push(`${id} ${entry?.value.state ?? 'removed'} after ${previous?.value.state ?? 'nothing'}`);
        if (id === 'z') resolve();
      });
    });
    await b.nodes.list();
    await a.nodes.create(makeNode({}), { id: 'y' });
    await a.nodes.create(makeNode({}), { id: 'x' });
    await a.nodes.update('y', (node) => inState(node, 'ready', 1));
    await a.nodes.remove('x');
    await a.nodes.create(makeNode({}), { id: 'z' });
    await arrived;
    const of = (id: string) => seen.filter((line) => line.startsWith(id)).at(-1);
    t.match(of('y'), /^y ready/);
    t.equal(seen.at(-1), 'z init after nothing');
    t.ok(of('x') === undefined || of('x') === 'x removed after init');
  });

  test('a closed view is told nothing more', async (t, bench) => {
    const store = await bench.open();
    let told = 0;
    const closed = await store.nodes.watch(() => (told += 1));
    const open = await store.nodes.watch();
    closed.close();
    closed.close();
    const { id } = await store.nodes.create(makeNode({}));
    t.equal(told, 0);
    t.ok(open.entries.has(id));
  });

  test('a listener that throws harms nobody', async (t, bench) => {
    const store = await bench.open();
    await store.nodes.watch(() => {
      throw new Error('a mistake');
    });
    const view = await store.nodes.watch();
    const { id } = await store.nodes.create(makeNode({}));
    t.ok(view.entries.has(id));
  });
}

function crashes(test: Define): void {
  test('the lock of a killed process passes to the one that waits', async (t, bench) => {
    const store = await bench.open();
    const { id } = await store.nodes.create(makeNode({}));
    const child = bench.child();
    t.equal(await child.tell({ do: 'hold', id }), true);
    t.equal(await store.nodes.lock(id), undefined);
    const waiting: Promise<Held<Node> | undefined> = store.nodes.lock(id, { waitMs: 20_000 });
    await child.kill();
    t.ok(await waiting);
  });

  test('the ephemeral records of a killed process vanish', async (t, bench) => {
    const store = await bench.open();
    const child = bench.child();
    await child.tell({ do: 'ephemeral', id: 'gone' });
    const vanished = until(store.drains, (drains) => !drains.has('gone'));
    t.ok(await store.drains.get('gone'));
    await child.kill();
    await vanished;
    t.equal(await store.drains.get('gone'), undefined);
  });

  test('what a process was told to be kept survives its death', async (t, bench) => {
    const child = bench.child();
    const kept: string[] = [];
    const enough = new Promise<void>((resolve) => {
      child.onMessage((message) => {
        kept.push(...(message.kept ?? []));
        if (kept.length > 300) resolve();
      });
    });
    const ended = child.tell({ do: 'acknowledge' }).catch(() => undefined);
    await enough;
    await child.kill();
    await ended;
    const store = await bench.open();
    const there = new Set((await store.nodes.list()).map((entry) => entry.id));
    t.same(
      kept.filter((id) => !there.has(id)),
      [],
    );
  });
}
