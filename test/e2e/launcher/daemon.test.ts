/** The program itself: how it starts, logs, reloads and ends. */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { silentLogger } from '../../../src/log.ts';
import { makeRequest } from '../../../src/model/request.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { fakeConfig } from '../../support/fake-config.ts';
import { startLauncherProcess, textOf } from '../../support/launcher-process.ts';
import { until } from '../../support/poll.ts';
import { tempDir } from '../../support/temp.ts';

t.setTimeout(0); // The suite's limit applies.

const yaml = (labels: string[], provider = {}) =>
  fakeConfig({ providers: { cloud: { ...provider, pools: { main: { labels } } } } });

function prepare(t: Test, text = yaml(['small'])) {
  const dir = tempDir(t);
  const config = join(dir, 'nodepool.yaml');
  const log = join(dir, 'log', 'launcher.log');
  mkdirSync(join(dir, 'log'));
  const write = (content: string) => writeFileSync(config, `state-dir: ${dir}/state\n${content}`);
  write(text);
  const openStore = async () => {
    const store = await openEmbeddedStore({ dir: join(dir, 'state'), log: silentLogger });
    t.teardown(() => store.close());
    return store;
  };
  return { dir, config, log, write, openStore, args: ['-f', '-c', config, '--log-file', log] };
}

const ask = (labels: string[]) => makeRequest({ nodeTypes: labels, stateTimeS: Date.now() / 1000 });

t.test('a configuration that is not there is named', async (t) => {
  const missing = join(tempDir(t), 'nowhere.yaml');
  const launcher = startLauncherProcess(t, ['-f', '-c', missing, '--log-file', 'none']);
  t.match(await launcher.ended, { code: 1 });
  t.match(launcher.output(), missing);
  t.notMatch(launcher.output(), /\n\s+at /, 'no stack trace');
});

t.test('a damaged configuration is answered with all its mistakes', async (t) => {
  const { args } = prepare(t, 'max-hold-age: soon\nlabels: 7\nproviders:\n  - name: x\n    driver: warp\n');
  const launcher = startLauncherProcess(t, args);
  t.match(await launcher.ended, { code: 1 });
  for (const path of ['max-hold-age', 'labels', 'warp']) t.match(launcher.output(), path);
});

t.test('options that cannot be meant are usage errors', async (t) => {
  for (const args of [['--drain-time', 'soon'], ['--no-such-option']]) {
    const launcher = startLauncherProcess(t, ['-f', ...args]);
    t.match(await launcher.ended, { code: 2 });
    t.match(launcher.output(), args[0]);
  }
});

t.test('a log file that cannot be written is named', async (t) => {
  const { config, dir } = prepare(t);
  const log = join(dir, 'nodepool.yaml', 'launcher.log');
  const launcher = startLauncherProcess(t, ['-f', '-c', config, '--log-file', log]);
  t.match(await launcher.ended, { code: 1 });
  t.match(launcher.output(), log);
});

t.test('the log file is opened again after rotation, and on SIGHUP', async (t) => {
  const { args, log, write } = prepare(t);
  const launcher = startLauncherProcess(t, args);
  await launcher.wrote('launcher started');
  t.match(readFileSync(log, 'utf8'), /launcher started/);
  renameSync(log, `${log}.1`);
  launcher.kill('SIGHUP');
  write(yaml(['small', 'big']));
  await until(() => textOf(log).includes('configuration loaded'));
  renameSync(log, `${log}.2`);
  const logMore = () => {
    launcher.kill('SIGUSR2');
    return textOf(log).includes('state of the process');
  };
  await until(logMore, { intervalMs: 100, what: 'a new file without a signal' });
  t.notMatch(readFileSync(`${log}.1`, 'utf8'), /configuration loaded/);
});

t.test('a change takes effect while running, a bad one does not', async (t) => {
  const { args, write, openStore } = prepare(t);
  const launcher = startLauncherProcess(t, args);
  await launcher.wrote('launcher started');
  write('providers: [');
  await launcher.wrote('the new configuration is not used');
  const store = await openStore();
  const stateOf = async (id: string) => (await store.requests.get(id))?.value.state;
  const small = await store.requests.create(ask(['small']), { prefix: '200-' });
  await until(async () => (await stateOf(small.id)) === 'fulfilled');
  write(yaml(['small', 'big']));
  await launcher.wrote('configuration loaded');
  const big = await store.requests.create(ask(['big']), { prefix: '200-' });
  await until(async () => (await stateOf(big.id)) === 'fulfilled');
  launcher.kill('SIGTERM');
  t.match(await launcher.ended, { code: 0 });
  t.same(await store.components.list(), []);
});

t.test('SIGTERM finishes what runs and takes nothing new', async (t) => {
  const { args, openStore } = prepare(t, yaml(['small'], { 'launch-delay': 1 }));
  const launcher = startLauncherProcess(t, args);
  await launcher.wrote('launcher started');
  const store = await openStore();
  const running = await store.requests.create(ask(['small']), { prefix: '200-' });
  await until(async () => (await store.requests.get(running.id))?.value.state === 'pending');
  launcher.kill('SIGTERM');
  await launcher.wrote('launcher is stopping');
  const late = await store.requests.create(ask(['small']), { prefix: '200-' });
  t.match(await launcher.ended, { code: 0 });
  t.equal((await store.requests.get(running.id))?.value.state, 'fulfilled');
  t.equal((await store.requests.get(late.id))?.value.state, 'requested');
});

t.test('a second SIGTERM gives back what runs', async (t) => {
  const { args, openStore } = prepare(t, yaml(['small'], { 'launch-delay': 600 }));
  const launcher = startLauncherProcess(t, args);
  await launcher.wrote('launcher started');
  const store = await openStore();
  const running = await store.requests.create(ask(['small']), { prefix: '200-' });
  await until(async () => (await store.nodes.list()).some(({ value }) => value.state === 'building'));
  launcher.kill('SIGTERM');
  await launcher.wrote('launcher is stopping');
  launcher.kill('SIGTERM');
  t.match(await launcher.ended, { code: 0 });
  t.match(await store.requests.get(running.id), { value: { state: 'requested' }, locked: false });
});

t.test('in the background it writes its process id and ends on SIGTERM', async (t) => {
  const { config, log, dir } = prepare(t);
  const pidFile = join(dir, 'run', 'nodepool.pid');
  const args = ['-c', config, '--log-file', log, '--pid-file', pidFile];
  const parent = startLauncherProcess(t, args);
  t.match(await parent.ended, { code: 0 });
  const pid = await until(() => Number(textOf(pidFile)) || undefined, { timeoutMs: 20_000 });
  t.teardown(() => killQuietly(pid));
  await until(() => textOf(log).includes('launcher started'), { timeoutMs: 20_000 });
  const second = startLauncherProcess(t, args);
  await second.ended;
  await until(() => textOf(log).includes('already running'), { timeoutMs: 20_000 });
  await until(() => countProcesses(pidFile) === 1, { what: 'only one is left' });
  t.equal(Number(textOf(pidFile)), pid, 'the first one keeps its file');
  process.kill(pid, 'SIGTERM');
  await until(() => textOf(pidFile) === '', { what: 'the file is removed', timeoutMs: 20_000 });
});

/** Running programs that name this file on their command line. */
function countProcesses(pidFile: string): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => textOf(`/proc/${pid}/cmdline`).includes(pidFile)).length;
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

t.test('told to stop while it waits for ZooKeeper, it ends in order', async (t) => {
  const config = join(tempDir(t), 'nodepool.yaml');
  writeFileSync(config, `zookeeper-servers: [{host: 127.0.0.1, port: 1}]\nlabels: []\nproviders: []\n`);
  const launcher = startLauncherProcess(t, ['-f', '--no-webapp', '-c', config, '--log-file', 'none']);
  await launcher.wrote('ZooKeeper cannot be reached');
  t.match(launcher.output(), '127.0.0.1:1');
  launcher.kill('SIGTERM');
  t.match(await launcher.ended, { code: 0 });
  t.notMatch(launcher.output(), /\n\s+at /, 'no stack trace');
});
