/**
 * (f) Many servers at once on the real OpenStack of test/support/testcloud: how many calls and how much of the launcher's CPU
 * one of them costs; with `--peer` beside the launcher of the Python Nodepool, which asks the same of the same cloud. And the
 * upload of an image beside the OpenStack SDK's.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { startTestcloud, stopTestcloud } from '../scripts/testcloud.ts';
import { installPeers, type Peers } from '../test/interop/peers.ts';
import { zookeeperMissing } from '../test/support/zookeeper.ts';
import { atEnd } from './clean-up.ts';
import { startCountingProxy, type CountingProxy } from './counting-proxy.ts';
import { startLauncher, startPeerLauncher, type DaemonProcess } from './daemon-process.ts';
import type { BenchOptions, Section } from './main.ts';
import { timeMs } from './measure.ts';
import type { FloorTask } from './openstack-floor.ts';
import { benchUpload } from './openstack-upload.ts';
import { cpuMs, memoryOf } from './proc.ts';
import { atMost, type Row } from './report.ts';
import { openPlace, startServer, type Place, type Server } from './zookeeper-place.ts';

/** With two threads for all of OpenStack, Nova makes 10 to 30 servers a minute: a hundred take each side many minutes. */
const SERVERS = 30;
const PATIENCE_MS = 30 * 60_000;

interface Cloud {
  proxy: CountingProxy;
  /** The environment in which a launcher finds it. */
  env: NodeJS.ProcessEnv;
}

interface Result {
  calls: Map<string, number>;
  cpuMs: number;
  memoryMB: number;
  fulfilledMs: number;
  goneMs: number;
}

export async function benchOpenstack(options: BenchOptions): Promise<Section> {
  const missing = zookeeperMissing();
  if (missing !== false) return { rows: [], skipped: [`openstack: ${missing}`] };
  options.progress('openstack, starting the cloud');
  if (!(await haveTestcloud()))
    return {
      rows: [],
      skipped: ['openstack: the packages of the test cloud are not installed: scripts/setup.sh cloud'],
    };
  const skipped: string[] = [];
  const peers = options.peer ? await installPeers('nodepool') : undefined;
  if (typeof peers === 'string') skipped.push(`openstack: ${peers}`);
  const peer = typeof peers === 'object' ? peers : undefined;
  await raiseQuota();
  const server = await startServer();
  const count = options.quick ? 10 : SERVERS;

  options.progress(`openstack, ${count} servers at once`);
  const ours = await measureOurs(server, count, options);
  if (peer) options.progress(`openstack, ${count} servers at once, the Python Nodepool`);
  const theirs = peer && (await measurePeer(server, count, peer));
  options.progress(`openstack, ${count} servers at once, by a program that only does what must be done`);
  const floorMs = await measureFloor(server, count);
  return {
    rows: [...rowsOf(count, ours, theirs, floorMs), ...(await benchUpload(peer, options))],
    skipped,
  };
}

/** One that runs already, as its variable says, is used as it is. */
async function haveTestcloud(): Promise<boolean> {
  if (process.env['TESTCLOUD_CLOUDS'] !== undefined) return true;
  atEnd('the test cloud', stopTestcloud);
  process.env['TESTCLOUD_CLOUDS'] = await startTestcloud();
  return process.env['TESTCLOUD_CLOUDS'] !== undefined;
}

async function raiseQuota(): Promise<void> {
  const { openAccount } = await import('../test/support/testcloud.ts'); // reads the variable when it is loaded
  const account = (cloud: string) =>
    openAccount({ teardown: (undo: () => Promise<void>) => void atEnd('account', undo) }, cloud);
  const signal = AbortSignal.timeout(60_000);
  const project = await (await account('testcloud')).session.projectId(signal);
  const { session } = await account('testcloud-admin');
  const set = (quota: { instances: number; cores: number; ram: number }) =>
    session.call({
      service: 'compute',
      method: 'PUT',
      path: `/os-quota-sets/${project}`,
      json: { quota_set: quota },
      signal: AbortSignal.timeout(60_000),
    });
  await set({ instances: -1, cores: -1, ram: -1 });
  atEnd('the quota', async () => void (await set({ instances: 10, cores: 20, ram: 51_200 })));
}

/** clouds.yaml of the test cloud through proxies; nodes are reached by their private address, as floating IPs are few. */
async function openCloud({ directory }: Place): Promise<Cloud> {
  const given = readFileSync(process.env['TESTCLOUD_CLOUDS'] ?? '', 'utf8');
  const authUrl = /auth_url: "?([^"\s]+)/.exec(given)?.[1] ?? '';
  const proxy = await startCountingProxy(authUrl);
  const file = join(directory, 'clouds.yaml');
  const text = given.replaceAll(authUrl, proxy.authUrl);
  writeFileSync(file, text.replaceAll('region_name:', 'private: true\n    region_name:'));
  return { proxy, env: { OS_CLIENT_CONFIG_FILE: file } };
}

const yamlOf = (place: Place, count: number) => `${place.yaml}labels: [{name: small}]
diskimages: []
providers:
  - name: bench
    driver: openstack
    cloud: testcloud
    rate: 0.1
    launch-timeout: 1200
    cloud-images: [{name: debian, image-name: small-raw, username: zuul}]
    pools:
      - name: main
        max-servers: ${count}
        networks: [private]
        auto-floating-ip: false
        host-key-checking: false
        labels: [{name: small, cloud-image: debian, flavor-name: m1.tiny}]
`;

async function measureOurs(server: Server, count: number, { profileDir }: BenchOptions): Promise<Result> {
  const place = await openPlace(server, 'openstack-ours', PATIENCE_MS);
  const cloud = await openCloud(place);
  const launcher = await startLauncher(place.directory, yamlOf(place, count), profileDir, { env: cloud.env });
  return measure(place, launcher, cloud, count);
}

async function measurePeer(server: Server, count: number, peer: Peers): Promise<Result> {
  const place = await openPlace(server, 'openstack-peer', PATIENCE_MS);
  const cloud = await openCloud(place);
  return measure(
    place,
    startPeerLauncher(peer, place.directory, yamlOf(place, count), cloud.env),
    cloud,
    count,
  );
}

/** Milliseconds of CPU for one server. */
async function measureFloor({ zookeeper }: Server, count: number): Promise<number> {
  const task: FloorTask = { zookeeper, count };
  const args = ['--import=tsx/esm', join(import.meta.dirname, 'openstack-floor.ts'), JSON.stringify(task)];
  const { stdout } = await execa(process.execPath, args, { timeout: PATIENCE_MS });
  return Number(stdout);
}

async function measure(
  place: Place,
  launcher: DaemonProcess,
  { proxy }: Cloud,
  count: number,
): Promise<Result> {
  await runAtOnce(place, 1); // what is looked up once, such as flavors, is no cost of a node
  proxy.take();
  const before = cpuMs(launcher.pid);
  const times = await runAtOnce(place, count);
  const result = {
    calls: proxy.take(),
    cpuMs: (cpuMs(launcher.pid) - before) / count,
    memoryMB: memoryOf(launcher.pid).rssMB,
    ...times,
  };
  await launcher.stop();
  await place.requestor.close();
  return result;
}

/** So many requests at one moment; when all have their node, all are given back at one moment. */
async function runAtOnce({ requestor }: Place, count: number) {
  let fulfilled: Awaited<ReturnType<typeof requestor.ask>>[] = [];
  const fulfilledMs = await timeMs(async () => {
    fulfilled = await Promise.all(Array.from({ length: count }, () => requestor.ask('small')));
  });
  const goneMs = await timeMs(() =>
    Promise.all(
      fulfilled.map(async ({ node, use }) => {
        await (await use()).finish();
        await requestor.whenGone(node.id);
      }),
    ),
  );
  return { fulfilledMs, goneMs };
}

function rowsOf(count: number, ours: Result, peer: Result | undefined, floorMs: number): Row[] {
  const row = (
    name: string,
    unit: Row['unit'],
    pick: (result: Result) => number,
    goal?: Row['goal'],
  ): Row => ({
    section: 'openstack',
    name,
    unit,
    value: pick(ours),
    ...(peer && pick(peer) > 0 && { reference: { name: 'Python Nodepool', value: pick(peer) } }),
    ...(peer && goal && { goal }),
  });
  const callsOf =
    (kind: string) =>
    ({ calls }: Result) =>
      (calls.get(kind) ?? 0) / count;
  const all = ({ calls }: Result) => [...calls.values()].reduce((sum, calls) => sum + calls, 0) / count;
  const kinds = [...new Set([...ours.calls.keys(), ...(peer?.calls.keys() ?? [])])].sort();
  return [
    row(`calls to the cloud, ${count} servers at once`, 'a node', all, atMost(0.5, 'ratio')),
    ...kinds.map((kind) => row(`of them ${kind}`, 'a node', callsOf(kind))),
    row('launcher CPU a node', 'ms', (result) => result.cpuMs, atMost(0.1, 'ratio')),
    {
      section: 'openstack',
      name: 'launcher CPU a node, beside the least',
      unit: 'ms',
      value: ours.cpuMs,
      reference: { name: 'the least', value: floorMs },
    },
    row('launcher memory', 'MB', ({ memoryMB }) => memoryMB),
    row(`${count} requests fulfilled`, 's', ({ fulfilledMs }) => fulfilledMs / 1000),
    row(`${count} nodes gone`, 's', ({ goneMs }) => goneMs / 1000),
  ];
}
