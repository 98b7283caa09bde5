/** Locks contended by processes of ours and by kazoo's, which Zuul and Nodepool use. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { until } from '../support/poll.ts';
import { startZooKeeper, zookeeperMissing } from '../support/zookeeper.ts';
import { openClient } from '../support/zookeeper-client.ts';
import { installPeers } from './peers.ts';

t.setTimeout(0); // The suite's limit applies.

const TURNS = 2000;
const KILLS = 8;
const PATIENCE_MS = 60_000;

const peers = zookeeperMissing() || (await installPeers('kazoo'));

t.test(
  'a lock contended from both sides, with kills, has one holder and loses no wake-up',
  { skip: typeof peers === 'string' && peers },
  async (t) => {
    if (typeof peers === 'string') return;
    const zk = await startZooKeeper();
    t.teardown(zk.stop);
    const client = await openClient(t, zk.connectString, { chroot: '/contended' });
    await client.ensurePath('/turns');
    const args = [`${zk.connectString}/contended`, '/lock', '/turns'];
    const ours = fileURLToPath(new URL('../support/zookeeper-lock-worker.ts', import.meta.url));
    const theirs = fileURLToPath(new URL('kazoo_lock_worker.py', import.meta.url));
    const running = new Set<ChildProcess>();
    t.teardown(() => running.forEach((child) => child.kill('SIGKILL')));
    const start = (isKazoo: boolean) => {
      const child = isKazoo
        ? spawn(peers.python, [theirs, ...args], { stdio: 'inherit' })
        : spawn(process.execPath, ['--import', 'tsx', ours, ...args], { stdio: 'inherit' });
      running.add(child);
      return { child, isKazoo };
    };
    const names = () => client.getChildren('/turns');
    const countOf = (all: string[], prefix: string) => all.filter((name) => name.startsWith(prefix)).length;
    const whenMoreThan = (count: number, prefix = 'turn-') =>
      until(async () => countOf(await names(), prefix) > count, {
        timeoutMs: PATIENCE_MS,
        intervalMs: 50,
        what: `more than ${count} of ${prefix}`,
      });

    const workers = [start(false), start(true), start(false), start(true)];
    await whenMoreThan(50, 'turn-kazoo-');
    for (let kill = 0; kill < KILLS; kill++) {
      const victim = workers.shift();
      if (!victim) throw new Error('there are always four');
      const ended = once(victim.child, 'exit');
      victim.child.kill('SIGKILL');
      await ended;
      workers.push(start(victim.isKazoo));
      await whenMoreThan(countOf(await names(), 'turn-') + 50);
    }
    await whenMoreThan(TURNS);
    const all = await names();
    t.equal(countOf(all, 'violation-'), 0, 'never two holders');
    const kazoos = countOf(all, 'turn-kazoo-');
    t.ok(kazoos > TURNS / 10, `${kazoos} turns of kazoo`);
    t.ok(countOf(all, 'turn-') - kazoos > TURNS / 10, 'and as many of ours');
  },
);
