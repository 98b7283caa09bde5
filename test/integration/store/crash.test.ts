import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { makeNode } from '../../../src/model/node.ts';
import { makeBench } from './contract.ts';
import { embedded } from './embedded-place.ts';

t.setTimeout(120_000);

const PROCESSES = 3;
const KILLS = 8;
const ROUNDS = 2000;

t.test(
  'processes that are killed at random never share a lock, and the others go on',
  { timeout: 100_000 },
  async (t) => {
    const bench = await makeBench(t, embedded);
    const store = await bench.open();
    const { id } = await store.nodes.create(makeNode({}));
    const file = path.join(bench.place.dir, 'critical-section');
    let rounds = 0;
    let kills = 0;
    const failures: string[] = [];

    await new Promise<void>((resolve) => {
      let over = false;
      const end = () => {
        over = true;
        resolve();
      };
      const start = () => {
        const child = bench.child();
        // Between the 20th and the 120th time that this process held the lock, wherever it is by then.
        const last = 20 + Math.floor(Math.random() * 100);
        let own = 0;
        child.onMessage(({ round }) => {
          if (round === undefined) return;
          rounds += 1;
          own += 1;
          if (own === last && kills < KILLS) {
            kills += 1;
            child.process.kill('SIGKILL');
          }
          if (kills >= KILLS && rounds >= ROUNDS) end();
        });
        child.tell({ do: 'contend', id, file }).catch((error: unknown) => {
          if (over) return;
          if (child.process.signalCode === 'SIGKILL') return start();
          failures.push(String(error));
          end();
        });
      };
      for (let number = 0; number < PROCESSES; number++) start();
    });

    t.same(failures, []);
    t.equal(kills, KILLS);
    t.ok(rounds >= ROUNDS, `${rounds} times held`);
  },
);

t.test('a process killed while it writes leaves the others running', async (t) => {
  const bench = await makeBench(t, embedded);
  const store = await bench.open();
  for (let time = 0; time < 4; time++) {
    const child = bench.child();
    const busy = new Promise<void>((resolve) => child.onMessage(({ kept }) => kept && resolve()));
    const ended = child.tell({ do: 'acknowledge' }).catch(() => undefined);
    await busy;
    await child.kill();
    await ended;
    const { id } = await store.nodes.create(makeNode({}));
    t.ok(await store.nodes.get(id), 'still writes');
  }
});

t.test('a stopped process keeps its locks', async (t) => {
  const bench = await makeBench(t, embedded);
  const store = await bench.open();
  const { id } = await store.nodes.create(makeNode({}));
  const child = bench.child();
  await child.tell({ do: 'hold', id });
  child.process.kill('SIGSTOP');
  t.equal(await store.nodes.lock(id, { waitMs: 200 }), undefined);
  child.process.kill('SIGCONT');
  const waiting = store.nodes.lock(id, { waitMs: 20_000 });
  await child.kill();
  t.ok(await waiting);
});

t.test('a process that opens the state removes what died unnoticed', async (t) => {
  const bench = await makeBench(t, embedded);
  const child = bench.child();
  await child.tell({ do: 'ephemeral', id: 'left-behind' });
  await child.kill();
  t.equal(fs.readdirSync(path.join(bench.place.dir, 'sessions')).length, 1, 'nobody was there to notice');
  const store = await bench.open();
  t.same(await store.drains.list(), []);
  t.equal(fs.readdirSync(path.join(bench.place.dir, 'sessions')).length, 0);
});

t.test('a session that others took for dead is lost, and a new one begins', async (t) => {
  const bench = await makeBench(t, embedded);
  const store = await bench.open();
  await store.nodes.watch();
  const states: string[] = [];
  store.session.onChange((state) => states.push(state));
  const held = await store.nodes.createLocked(makeNode({}));
  const lost = new Promise((resolve) => held.lost.addEventListener('abort', resolve));
  for (const name of fs.readdirSync(path.join(bench.place.dir, 'sessions'))) {
    fs.rmSync(path.join(bench.place.dir, 'sessions', name));
  }
  const other = await bench.open();
  await lost;
  const again = await other.nodes.lock(held.entry.id);
  t.ok(again, 'the lock is free');
  await again?.release();
  t.ok(await store.nodes.lock(held.entry.id), 'and can be taken by the same store again');
  t.same(states, ['lost', 'connected']);
});
