/** The Python Nodepool and ours on one ZooKeeper, over TLS: the commands on each other's records, the launchers side by side. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { silentLogger } from '../../src/log.ts';
import { inState, makeNode } from '../../src/model/node.ts';
import { makeRequest } from '../../src/model/request.ts';
import type { Store } from '../../src/store/store.ts';
import { openZooKeeperStore } from '../../src/store/zookeeper.ts';
import { startLauncherProcess } from '../support/launcher-process.ts';
import { until } from '../support/poll.ts';
import { tempDir } from '../support/temp.ts';
import { startZooKeeper, zookeeperMissing } from '../support/zookeeper.ts';
import { makeCertificates } from '../support/zookeeper-certs.ts';
import { installPeers } from './peers.ts';

t.setTimeout(0); // The suite's limit applies.

const PATIENCE_MS = 60_000;
const TSX = import.meta.resolve('tsx');
const NODEPOOL = fileURLToPath(new URL('../../src/bin/nodepool.ts', import.meta.url));

const peers = zookeeperMissing() || (await installPeers('nodepool'));
const certs = await makeCertificates();
t.teardown(certs.remove);

if (typeof peers === 'string') {
  t.test('the Python Nodepool beside ours', { skip: peers }, () => undefined);
} else {
  const zk = await startZooKeeper({ tls: certs.server });
  t.teardown(zk.stop);
  const servers = [{ host: 'localhost', port: zk.servers[0].tlsPort }];
  const tls = { ca: certs.ca, ...certs.client };
  let chroots = 0;

  /** A tree of its own, with a store that plays Zuul, and commands of both kinds on it. */
  const setUp = async (test: Test) => {
    const dir = tempDir(test);
    const chroot = `/interop-${(chroots += 1)}`;
    const store = await openZooKeeperStore({
      zookeeper: { servers, chroot, tls, sessionTimeoutMs: 10_000 },
      log: silentLogger,
    });
    test.teardown(() => store.close());
    const state = {
      'zookeeper-servers': servers.map((server) => ({ ...server, chroot })),
      'zookeeper-tls': tls,
    };
    const write = (name: string, config: object) => {
      const file = join(dir, name);
      const sections = Object.entries({ 'images-dir': join(dir, 'images'), ...state, ...config });
      writeFileSync(file, sections.map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`).join(''));
      return file;
    };
    mkdirSync(join(dir, 'images'));
    const plain = write('plain.yaml', { labels: [], providers: [], diskimages: [] });
    return {
      dir,
      store,
      write,
      ours: (...args: string[]) =>
        output(process.execPath, ['--import', TSX, NODEPOOL, '-c', plain, ...args]),
      theirs: (...args: string[]) => output(peers.program('nodepool'), ['-c', plain, ...args]),
    };
  };

  t.test('each command shows and changes what the other side wrote', async (t) => {
    const { store, ours, theirs } = await setUp(t);
    const node = makeNode({
      state: 'ready',
      stateTimeS: Date.now() / 1000,
      provider: 'cloud',
      pool: 'main',
      type: ['small'],
      hostname: 'node-one',
      interfaceIp: '192.0.2.7',
      publicIpv4: '192.0.2.7',
      externalId: 'instance-1',
      hostKeys: ['ssh-ed25519 AAAA'],
    });
    const { id } = await store.nodes.create(node);
    const listed = await theirs('list', '--detail');
    for (const part of [id, 'cloud', 'small', 'instance-1', '192.0.2.7', 'ready', 'unlocked'])
      t.match(listed, part, `theirs shows ${part}`);
    await theirs('hold', id);
    t.match(await store.nodes.get(id), { value: { state: 'hold' } });
    t.match(await ours('list'), 'hold');
    await ours('delete', id);
    t.match(await store.nodes.get(id), { value: { state: 'deleting' } });

    const other = await store.nodes.create({ ...node, unknown: { new_field: { kept: true } } });
    const held = await store.nodes.lock(other.id);
    t.match(await theirs('list'), / locked/, 'theirs sees our lock');
    const refused = await theirs('delete', other.id).catch(String);
    t.notMatch(await store.nodes.get(other.id), { value: { state: 'deleting' } }, refused);
    await held?.release();
    await ours('hold', other.id);
    t.match(await theirs('list'), 'hold');
    await theirs('delete', other.id);
    t.match(await store.nodes.get(other.id), { value: { state: 'deleting' } });

    const request = await store.requests.create(
      makeRequest({ nodeTypes: ['small', 'big'], requestor: 'somebody', stateTimeS: Date.now() / 1000 }),
      { prefix: '200-' },
    );
    const requests = await theirs('request-list');
    for (const part of [request.id, 'small,big', 'somebody', 'requested']) t.match(requests, part);
    t.match(await ours('request-list'), request.id);
  });

  t.test('launchers of both kinds serve one ZooKeeper', async (t) => {
    const { store, dir, write } = await setUp(t);
    const labels = ['shared', 'ours', 'theirs', 'stock'].map((name) => ({
      name,
      ...(name === 'stock' && { 'min-ready': 2 }),
    }));
    const pool = (names: string[]) => [{ name: 'main', labels: names }];
    const theirConfig = write('theirs.yaml', {
      labels,
      providers: [{ name: 'peer', driver: 'test', pools: pool(['shared', 'theirs', 'stock']) }],
    });
    const fake = ['shared', 'ours', 'stock'].map((name) => ({ name }));
    const ourConfig = write('ours.yaml', {
      labels,
      providers: [{ name: 'cloud', driver: 'fake', pools: [{ name: 'main', labels: fake }] }],
    });
    const args = ['-f', '--no-webapp', '-c', ourConfig, '--log-file', 'none'];
    const our = startLauncherProcess(t, args);
    const their = await startTheirs(t, peers.program('nodepool-launcher'), theirConfig, dir);
    await our.wrote('launcher started');
    await until(async () => (await poolsOf(store)).length === 2, {
      timeoutMs: PATIENCE_MS,
      what: `both pools in the registry; theirs says:\n${their.output()}`,
    });

    const wanted = [
      ['shared'],
      ['ours'],
      ['theirs'],
      ['shared', 'shared'],
      ['ours', 'shared'],
      ['theirs', 'shared'],
    ];
    const asked = await Promise.all(
      Array.from({ length: 5 }, () => wanted)
        .flat()
        .map((nodeTypes) => ask(store, nodeTypes)),
    );
    const nowhere = await Promise.all([ask(store, ['ours', 'theirs']), ask(store, ['unheard-of'])]);
    for (const { id, value } of asked) {
      const done = await outcome(store, id);
      t.equal(done.state, 'fulfilled', `${value.nodeTypes.join()} by either of them`);
      await useAsZuul(t, store, id, done.nodes, value.nodeTypes);
    }
    for (const { id } of nowhere) {
      const done = await outcome(store, id);
      t.equal(done.state, 'failed');
      t.equal(done.declinedBy.length, 2, 'both have declined it');
    }

    const isQuiet = async () => {
      const nodes = await store.nodes.list();
      const requests = await store.requests.list();
      return requests.length === 2 && nodes.every(({ value }) => value.state === 'ready');
    };
    await until(isQuiet, { timeoutMs: PATIENCE_MS, intervalMs: 200, what: 'used nodes to be deleted' });
    const stock = (await store.nodes.list()).filter(({ value }) => value.type.includes('stock'));
    t.ok(stock.length >= 2, `${stock.length} spare nodes`);
    our.kill('SIGTERM');
    t.match(await our.ended, { code: 0 });
    await until(async () => (await poolsOf(store)).length === 1, { timeoutMs: PATIENCE_MS });
  });
}

/** What a command prints; fails with what it says when it ends with an error. */
function output(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      program,
      args,
      { timeout: PATIENCE_MS, env: { ...process.env, COLUMNS: '300' } },
      (error, out, err) => {
        if (error) reject(new Error(`${program} ${args.join(' ')}: ${out}${err}`));
        else resolve(out);
      },
    );
  });
}

async function startTheirs(t: Test, program: string, config: string, dir: string) {
  const child = spawn(program, ['-d', '--no-webapp', '-c', config, '-p', join(dir, 'their.pid')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (text = (text + part).slice(-20_000)));
  const ended = once(child, 'close');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { output: () => text };
}

async function poolsOf(store: Store) {
  return (await store.components.list()).filter(({ value }) => value.kind === 'pool');
}

function ask(store: Store, nodeTypes: string[]) {
  const timeS = Date.now() / 1000;
  const request = makeRequest({ nodeTypes, requestor: 'zuul', stateTimeS: timeS, createdTimeS: timeS });
  return store.requests.create(request, { prefix: '200-', ephemeral: true });
}

async function outcome(store: Store, id: string) {
  const find = async () => {
    const value = (await store.requests.get(id))?.value;
    return value && ['fulfilled', 'failed'].includes(value.state) ? value : undefined;
  };
  return await until(find, { timeoutMs: PATIENCE_MS, intervalMs: 50, what: `an end of request ${id}` });
}

/** Locks the nodes, takes the request away, and gives the nodes back as used. */
async function useAsZuul(t: Test, store: Store, requestId: string, nodeIds: string[], labels: string[]) {
  const held = await Promise.all(nodeIds.map((id) => store.nodes.lock(id, { waitMs: 30_000 })));
  t.same(
    held.map((node) => [node?.entry.value.allocatedTo, node?.entry.value.state]),
    labels.map(() => [requestId, 'ready']),
  );
  for (const [place, node] of held.entries()) t.ok(node?.entry.value.type.includes(labels[place] ?? ''));
  await store.requests.remove(requestId);
  for (const node of held) {
    if (!node) continue;
    await store.nodes.update(node.entry, (value) => inState(value, 'in-use', Date.now() / 1000));
    await store.nodes.update(node.entry.id, (value) => inState(value, 'used', Date.now() / 1000));
    await node.release();
  }
}
