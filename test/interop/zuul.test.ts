/** Zuul's own classes for node requests, of several ages, with our launcher, over TLS. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { silentLogger } from '../../src/log.ts';
import type { Store } from '../../src/store/store.ts';
import { openZooKeeperStore } from '../../src/store/zookeeper.ts';
import { fakeConfig } from '../support/fake-config.ts';
import { startLauncherProcess } from '../support/launcher-process.ts';
import { until } from '../support/poll.ts';
import { tempDir } from '../support/temp.ts';
import { startZooKeeper, zookeeperMissing } from '../support/zookeeper.ts';
import { makeCertificates } from '../support/zookeeper-certs.ts';
import { installPeers, installRelease } from './peers.ts';

t.setTimeout(0); // The suite's limit applies.

const PATIENCE_MS = 60_000;
const TSX = import.meta.resolve('tsx');
const NODEPOOL = fileURLToPath(new URL('../../src/bin/nodepool.ts', import.meta.url));
const CLIENT = fileURLToPath(new URL('zuul_client.py', import.meta.url));

/** The newest; the first with all state in ZooKeeper; the last in which the scheduler has it in memory. */
const releases = ['14.3.0', '5.0.0', '3.19.1'];

interface Zuul {
  /** Does one thing as a scheduler does it; rejects when Zuul's code fails. */
  call<T = object>(what: string, args: object): Promise<T>;
  kill(): Promise<void>;
}

interface ZuulNode {
  id: string;
  state: string;
  interface_ip: string;
  connection_port: number;
  host_keys: string[];
  provider: string;
  username: string;
}

const peers = zookeeperMissing() || (await installPeers('zuul'));

for (const [place, release] of releases.entries()) {
  const older = typeof peers !== 'string' && place > 0 ? await installRelease(peers, `zuul==${release}`) : {};
  const missing = [peers, older].find((found) => typeof found === 'string');
  t.test(`Zuul ${release}`, { skip: missing ?? false }, async (t) => {
    if (typeof peers === 'string' || typeof older === 'string') return;
    const certs = await makeCertificates();
    t.teardown(certs.remove);
    const zk = await startZooKeeper({ tls: certs.server });
    t.teardown(zk.stop);
    const server = { host: 'localhost', port: zk.servers[0].tlsPort };
    const tls = { ca: certs.ca, ...certs.client };
    const store = await openZooKeeperStore({
      zookeeper: { servers: [server], chroot: '', tls, sessionTimeoutMs: 10_000 },
      log: silentLogger,
    });
    t.teardown(() => store.close());
    const config = join(tempDir(t), 'nodepool.yaml');
    const state = { 'zookeeper-servers': [server], 'zookeeper-tls': tls };
    const pools = { main: { 'max-servers': 2, labels: ['small', 'big'] } };
    writeFileSync(
      config,
      Object.entries(state)
        .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
        .join('') + fakeConfig({ providers: { cloud: { pools } } }),
    );
    const launcher = startLauncherProcess(t, ['-f', '--no-webapp', '-c', config, '--log-file', 'none']);
    await launcher.wrote('launcher started');
    const start = () =>
      startZuul(t, peers.python, older, [`${server.host}:${server.port}`, tls.ca, tls.cert, tls.key]);
    await lifeOfRequests(t, { store, config, start });
  });
}

async function lifeOfRequests(
  t: Test,
  { store, config, start }: { store: Store; config: string; start: () => Zuul },
): Promise<void> {
  const zuul = start();
  const ask = async (labels: string[], relativePriority = 0) =>
    (await zuul.call<{ id: string }>('request', { labels, relative_priority: relativePriority })).id;
  const take = async (id: string, by = zuul) => {
    t.same(await by.call('wait', { id }), { state: 'fulfilled' });
    return (await by.call<{ nodes: ZuulNode[] }>('accept', { id })).nodes;
  };
  const stateOf = async (id: string) => (await store.nodes.get(id))?.value.state;
  const gone = (nodes: readonly ZuulNode[]) =>
    until(async () => (await Promise.all(nodes.map(({ id }) => stateOf(id)))).every((now) => !now), {
      timeoutMs: PATIENCE_MS,
      what: 'the nodes to be deleted',
    });

  const first = await ask(['small', 'big']);
  const nodes = await take(first);
  for (const node of nodes)
    t.match(node, {
      state: 'ready',
      interface_ip: /^192\.0\.2\./,
      connection_port: 22,
      host_keys: [/^ssh-ed25519 /],
      provider: 'cloud',
      username: 'zuul',
    });
  t.same(
    await Promise.all(nodes.map(async ({ id }) => (await store.nodes.get(id))?.value.type)),
    [['small'], ['big']],
    'in the order of the labels',
  );
  t.equal(await store.requests.get(first), undefined, 'an accepted request is gone');

  // Meanwhile the pool is full.
  const [second, third, cancelled] = [await ask(['small'], 5), await ask(['big'], 9), await ask(['big'], 1)];
  await zuul.call('cancel', { id: cancelled });
  await zuul.call('revise', { id: third, relative_priority: 2 });
  t.match(await store.requests.get(third), { value: { relativePriority: 2, state: 'requested' } });
  await zuul.call('use', { id: first });
  t.same(await Promise.all(nodes.map(({ id }) => stateOf(id))), ['in-use', 'in-use']);
  await zuul.call('give_back', { id: first });
  await gone(nodes);
  t.equal(await store.requests.get(cancelled), undefined);

  const [kept] = await take(third);
  if (!kept) return;
  await zuul.call('use', { id: third });
  await zuul.call('hold', { id: third, reason: 'why did it fail' });
  const list = ['list', '--detail'];
  const held = (await nodepool(config, list)).split('\n').filter((line) => line.includes('why did it fail'));
  t.equal(held.length, 1);
  for (const part of [kept.id, 'hold', kept.interface_ip, 'tenant example.org/project job .*'])
    t.match(held[0], part);
  await nodepool(config, ['delete', kept.id]);
  await gone([kept]);

  await take(second);
  await zuul.call('use', { id: second });
  const [lost] = (await store.nodes.list()).filter(({ value }) => value.state === 'in-use');
  await zuul.kill();
  await until(async () => (await store.nodes.list()).length === 0, {
    timeoutMs: PATIENCE_MS,
    what: `node ${lost?.id} of a Zuul that was killed to be deleted`,
  });
}

function startZuul(t: Test, python: string, env: Record<string, string>, args: readonly string[]): Zuul {
  const child = spawn(python, [CLIENT, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => (said = (said + part).slice(-20_000)));
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, 'close');
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  t.teardown(kill);
  return {
    kill,
    async call<T>(what: string, call: object) {
      child.stdin.write(`${JSON.stringify({ do: what, ...call })}\n`);
      const { value } = (await answers.next()) as { value: string | undefined };
      const answer = JSON.parse(value ?? '{"error":"it has ended"}') as T & { error?: string };
      if (answer.error !== undefined) throw new Error(`${what}: ${answer.error}\n${said}`);
      return answer;
    },
  };
}

async function nodepool(config: string, args: readonly string[]): Promise<string> {
  const env = { ...process.env, COLUMNS: '400' };
  const command = ['--import', TSX, NODEPOOL, '-c', config, ...args];
  return (await promisify(execFile)(process.execPath, command, { env, timeout: PATIENCE_MS })).stdout;
}
