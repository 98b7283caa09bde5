import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../../support/poll.ts';
import { failureOf, makeWorld, runcMissing } from './world.ts';

const skip = runcMissing();
const signal = () => AbortSignal.timeout(60_000);

t.test('twenty containers at once get twenty ports', { skip, timeout: 60_000 }, async (t) => {
  const world = makeWorld(t);
  const opened = world.open();
  const instances = await Promise.all(Array.from({ length: 20 }, () => opened.launch()));
  const ports = new Set(instances.map(({ connectionPort }) => connectionPort));
  t.strictSame(
    [...ports].sort(),
    Array.from({ length: 20 }, (_, index) => world.ports.first + index),
    'the lowest ones',
  );
  t.equal((await opened.provider.list(signal())).length, 20);
  await Promise.all(instances.map(({ externalId }) => opened.provider.destroy(externalId, signal())));
  t.strictSame(world.leftovers(), []);
});

t.test('launchers that race on one hypervisor never share a port', { skip, timeout: 60_000 }, async (t) => {
  const world = makeWorld(t);
  const { first } = world.ports;
  const range = { 'port-range': `${first}-${first + 9}` };
  const mine = world.open({ pool: range });
  const theirs = world.open({ pool: range, providerName: 'other' });
  const instances = await Promise.all(
    [mine, theirs].flatMap((launcher) => Array.from({ length: 5 }, () => launcher.launch())),
  );
  t.equal(new Set(instances.map(({ connectionPort }) => connectionPort)).size, 10);
  await Promise.all(
    instances.map(({ externalId }, index) =>
      (index < 5 ? mine : theirs).provider.destroy(externalId, signal()),
    ),
  );
  t.strictSame(world.leftovers(), []);
});

t.test('a port that is lost to another process after it was reserved is replaced', { skip }, async (t) => {
  const world = makeWorld(t);
  const { first } = world.ports;
  // Between the agent's look and the start of sshd: a `runc` that waits there the first time.
  const bin = join(world.directory, 'bin');
  const [marker, go] = [join(bin, 'waiting'), join(bin, 'go')];
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'runc'),
    `#!/bin/sh
case $1 in run) : >${marker}; until [ -e ${go} ]; do sleep 0.01; done ;; esac
PATH=\${PATH#*:}
exec runc "$@"
`,
    { mode: 0o755 },
  );
  const thief = createServer();
  t.teardown(() => thief.close());
  const opened = world.open({
    settings: { localShell: ['env', `PATH=${bin}:${process.env['PATH']}`, 'sh'] },
  });
  await opened.connected();
  const launching = opened.launch();
  await until(() => existsSync(marker));
  thief.listen(first, '0.0.0.0');
  await once(thief, 'listening');
  writeFileSync(go, '');
  const instance = await launching;
  t.equal(instance.connectionPort, first + 1);
  t.equal((await world.ssh(instance, 'true')).code, 0);
  t.strictSame(readdirSync(join(world.base, '.ports')), [String(first + 1)], 'the lost port is not reserved');
  await opened.provider.destroy(instance.externalId, signal());
  t.strictSame(world.leftovers(), []);
});

t.test('a cancelled launch ends at once and leaves nothing', { skip }, async (t) => {
  const world = makeWorld(t);
  const opened = world.open();
  await opened.connected();
  for (const delayMs of [0, 5, 15, 30, 60, 90]) {
    const cancel = new AbortController();
    const launching = failureOf(opened.launch('debian', { signal: cancel.signal }));
    setTimeout(() => cancel.abort(new Error('no longer wanted')), delayMs);
    const outcome = await launching;
    if (outcome === 'no failure') continue;
    t.match(outcome, /launch cancelled: no longer wanted/);
    t.strictSame(world.leftovers(), [], `cancelled after ${delayMs} ms`);
  }
});

t.test(
  'when the agent is killed in the middle, the container can still be found and removed',
  { skip },
  async (t) => {
    const world = makeWorld(t);
    for (const delayMs of [0, 20, 40, 60, 80]) {
      const opened = world.open();
      await opened.connected();
      const spec = opened.spec();
      const launching = failureOf(opened.launch('debian', spec));
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      for (const name of readdirSync(join(world.base, '.agents'))) {
        const [pid] = readFileSync(join(world.base, '.agents', name), 'utf8').split(' ');
        process.kill(Number(pid), 'SIGKILL');
      }
      await launching;
      // Connects again by itself, as a restarted launcher would.
      const next = world.open();
      await next.connected();
      await next.provider.destroy(`${spec.nodeId}-debian-200-0000000017`, signal());
      await until(() => world.leftovers().length === 0, { what: `nothing left after ${delayMs} ms` });
      await Promise.all([opened.close(), next.close()]);
    }
    t.strictSame(world.leftovers(), []);
  },
);

t.test(
  'kill -9 of the whole launcher during a burst leaves nothing that is not found',
  { skip, timeout: 60_000 },
  async (t) => {
    const world = makeWorld(t);
    const opened = world.open();
    await opened.connected();
    // A launcher of its own process, with the same hypervisor.
    const program = `
    const { createRuncDriver } = await import(${JSON.stringify(new URL('../../../src/runc/driver.ts', import.meta.url).href)});
    const { systemClock } = await import(${JSON.stringify(new URL('../../../src/clock.ts', import.meta.url).href)});
    const { silentLogger } = await import(${JSON.stringify(new URL('../../../src/log.ts', import.meta.url).href)});
    const { paths, options, labelOptions, ids } = JSON.parse(process.argv[1]);
    const label = { name: 'debian', options: labelOptions };
    const pool = { name: 'here', options, labels: new Map([['debian', label]]) };
    const config = { name: 'runc-farm', pools: new Map([['here', pool]]), options: {}, bootTimeoutMs: 20000 };
    const driver = createRuncDriver({ paths, consolePort: undefined });
    const provider = driver.open(config, { log: silentLogger, clock: systemClock, onChange() {} });
    const context = { signal: new AbortController().signal, log: silentLogger, onExternalId: async () => {} };
    console.log('start');
    await Promise.all(ids.map((nodeId) =>
      provider.launch({ nodeId, requestId: '1', attempt: 1, pool, label }, context).then(() => console.log('made'))));`;
    const ids = Array.from({ length: 8 }, () => world.nodeId());
    const labelOptions = opened.pool.labels.get('debian')?.options;
    const argument = JSON.stringify({ paths: world.paths, options: opened.pool.options, labelOptions, ids });
    const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', program, argument], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const made = until(() => readdirSync(world.base).filter((name) => !name.startsWith('.')).length >= 4);
    await made;
    child.kill('SIGKILL');
    await once(child, 'exit');

    const found = await opened.provider.list(signal());
    t.ok(found.length <= ids.length);
    await Promise.all(ids.map((nodeId) => opened.provider.destroy(`${nodeId}-debian-1`, signal())));
    await until(() => world.leftovers().length === 0, { what: 'nothing left' });
    t.strictSame(world.leftovers(), []);
  },
);
