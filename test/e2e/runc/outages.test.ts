import { execa } from 'execa';
import t from 'tap';
import { until } from '../../support/poll.ts';
import { canRunTestHosts, type TestHost } from '../../support/testhosts.ts';
import {
  assertClean,
  BUNDLES,
  makeHypervisors,
  makeRuncWait,
  poolOf,
  type Hypervisors,
} from './hypervisors.ts';
import { makePrograms, type Programs } from './programs.ts';

const able = await canRunTestHosts();

t.test('hypervisors and launchers that fail, and come back', { skip: able !== true && able }, async (t) => {
  const programs = makePrograms(t);
  const hypervisors = await makeHypervisors(t, programs, '10.77.22');
  const { first, second, both, knownHosts } = hypervisors;
  programs.configure(configuration(hypervisors));
  let launcher = await programs.startLauncher();
  await bothConnected(programs);

  await t.test(
    'the launcher killed in the middle of a launch leaves nothing, and serves it after',
    async (t) => {
      const slow = await makeRuncWait(first);
      const requestId = (await programs.nodepool('request', 'on-h1')).stdout;
      await slow.reached();
      await launcher.kill9();
      await slow.goOn();
      const before = (await programs.list()).map(({ id }) => id);
      t.equal(before.length, 1);

      launcher = await programs.startLauncher();
      const [row] = await until(
        async () => {
          const rows = await programs.list();
          return rows.length === 1 && rows[0]?.state === 'ready' ? rows : undefined;
        },
        { timeoutMs: 60_000, what: 'one ready node' },
      );
      t.not(row?.id, before[0], 'another node');
      t.equal((await programs.ssh(row!, 'echo served')).stdout, 'served');
      t.equal(
        await first.ssh(`ls ${BUNDLES}; runc list -q`),
        `${row!.server_id}\n${row!.server_id}`,
        'only this one',
      );
      await programs.release(requestId);
      await assertClean(t, both);
    },
  );

  await t.test(
    'a network cut in the middle of a launch is named, and cleaned up after it is mended',
    async (t) => {
      const from = programs.log().length;
      const slow = await makeRuncWait(first);
      const requestId = (await programs.nodepool('request', 'on-h1')).stdout;
      await slow.reached();
      await first.cut();
      t.equal((await programs.nodepool('run', 'on-h2', '--', 'true')).exitCode, 0, 'the other host serves');
      const line = await programs.logged(/ERROR nodepool\.driver\.runc.*10\.77\.22\.11/, from, 60_000);
      t.match(line, /does not answer/, 'grep nodepool.driver.runc shows the cause');
      t.match((await programs.nodepool('info', 'farm')).stdout, /10\.77\.22\.11/);
      t.equal((await programs.nodepool('run', 'on-h2', '--', 'true')).exitCode, 0, 'and still does');

      await first.mend();
      await slow.goOn();
      await programs.logged(/hypervisor connected.*10\.77\.22\.11/, from, 60_000);
      t.equal((await programs.nodepool('release', requestId)).exitCode, 0);
      await deleteKept(programs);
      await assertClean(t, both);
      t.equal((await programs.nodepool('run', 'on-h1', '--timeout', '30', '--', 'true')).exitCode, 0);
    },
  );

  await t.test('ready nodes of a host that lost its power are replaced before a job gets them', async (t) => {
    programs.configure(configuration(hypervisors, 2));
    const ready = await until(() => readyNodes(programs, first, 2), { timeoutMs: 30_000 });
    const from = programs.log().length;
    await first.kill();
    await first.boot();
    // As a job that comes in the worst moment: the nodes are still listed as ready.
    const { stdout, stderr, exitCode } = await programs.nodepool(
      'run',
      'on-h1',
      '--timeout',
      '90',
      '--',
      'hostname',
    );
    t.equal(exitCode, 0, stderr);
    t.notOk(
      ready.some(({ server_id: id }) => id === stdout),
      'the job got a new node',
    );
    const now = await until(() => readyNodes(programs, first, 2), { timeoutMs: 60_000 });
    t.notOk(
      now.some(({ id }) => ready.some((old) => old.id === id)),
      'both are replaced',
    );
    for (const row of now) t.equal((await programs.ssh(row, 'echo alive')).stdout, 'alive');
    t.match(programs.log().slice(from), /nodepool\.driver\.runc.*10\.77\.22\.11/);
    const before = programs.log().length;
    programs.configure(configuration(hypervisors));
    await programs.logged(/configuration loaded/, before); // or the nodes would be replaced once more
    for (const { id } of now) await programs.nodepool('delete', id);
    await until(async () => (await programs.list()).length === 0, { timeoutMs: 30_000 });
    await assertClean(t, both);
  });

  await t.test('without its root key the provider says so, and recovers when the key is back', async (t) => {
    const from = programs.log().length;
    await first.ssh(
      'cp /root/.ssh/authorized_keys /root/saved && sed -i /nodepool/d /root/.ssh/authorized_keys',
    );
    await disconnect(first);
    const line = await programs.logged(/ERROR nodepool\.driver\.runc.*hypervisor not usable/, from);
    await programs.logged(/nodepool\.driver\.runc.*(authori|refuse|key)/i, from);
    t.match(line, /10\.77\.22\.11/);
    const request = (await programs.nodepool('request', 'on-h1')).stdout;
    t.match((await programs.nodepool('explain', request)).stdout, /10\.77\.22\.11/);
    t.equal((await programs.nodepool('run', 'on-h2', '--', 'true')).exitCode, 0, 'the other host serves');
    const mended = programs.log().length;
    await first.ssh('mv /root/saved /root/.ssh/authorized_keys');
    await programs.logged(/hypervisor connected.*10\.77\.22\.11/, mended, 60_000);
    t.equal((await programs.nodepool('run', 'on-h1', '--timeout', '30', '--', 'true')).exitCode, 0);
    await programs.nodepool('release', request);
    await until(async () => (await programs.list()).length === 0, { timeoutMs: 30_000 });
    await assertClean(t, both);
  });

  await t.test('a host whose key has changed is refused until the operator agrees', async (t) => {
    const from = programs.log().length;
    await second.ssh('rm /etc/ssh/ssh_host_* && ssh-keygen -A >/dev/null && systemctl restart ssh');
    await disconnect(second);
    const line = await programs.logged(/the host key of 10\.77\.22\.12 has changed/, from);
    const [command = ''] = /ssh-keygen -R '[^']+' -f \S+(?=`)/.exec(line) ?? [];
    t.match(command, knownHosts, 'the message has the command that helps');
    t.equal((await programs.nodepool('run', 'on-h1', '--', 'true')).exitCode, 0, 'the other host serves');
    const agreed = programs.log().length;
    t.equal(await runLocally(command), 0);
    await programs.logged(/hypervisor connected.*10\.77\.22\.12/, agreed, 60_000);
    t.equal((await programs.nodepool('run', 'on-h2', '--timeout', '30', '--', 'true')).exitCode, 0);
    await assertClean(t, both);
  });

  await t.test('a host that reboots serves again', async (t) => {
    const from = programs.log().length;
    await second.ssh('systemctl reboot').catch(() => undefined);
    // A test host goes off instead of starting again, and takes a moment for it.
    const off = () =>
      second.ssh('true', { timeoutMs: 5000 }).then(
        () => false,
        () => true,
      );
    await until(off, { timeoutMs: 30_000 });
    const boot = () =>
      second.boot().then(
        () => true,
        () => false,
      );
    await until(boot, { timeoutMs: 60_000, intervalMs: 500 });
    await programs.logged(/hypervisor not usable.*10\.77\.22\.12/, from, 60_000);
    await programs.logged(/hypervisor connected.*10\.77\.22\.12/, from, 90_000);
    t.equal((await programs.nodepool('run', 'on-h2', '--timeout', '60', '--', 'true')).exitCode, 0);
    await assertClean(t, both);
  });

  t.equal(await launcher.stop(), 0);
  t.strictSame(await programs.list(), []);
});

async function bothConnected(programs: Programs): Promise<void> {
  for (const address of ['10.77.22.11', '10.77.22.12'])
    await programs.logged(new RegExp(`hypervisor connected.*${address}`));
}

/** Ends the launcher's connection, so that it has to make a new one. */
async function disconnect(host: TestHost): Promise<void> {
  await host.ssh(`cut -d ' ' -f 1 ${BUNDLES}/.agents/* | xargs kill -9`);
}

async function readyNodes(programs: Programs, host: TestHost, count: number) {
  const rows = await programs.list();
  const ready = rows.filter(
    ({ pool, state, allocated_to: id }) => pool === host.address && state === 'ready' && !id,
  );
  return ready.length === count ? ready : undefined;
}

/** Until there is no node. One that was ready in the moment in which its request went is kept for the next request. */
async function deleteKept(programs: Programs): Promise<void> {
  const kept = await until(
    async () => {
      const rows = await programs.list();
      return rows.every(({ state, allocated_to: id }) => state === 'ready' && !id) ? rows : undefined;
    },
    { what: 'no node but those that are kept', timeoutMs: 60_000 },
  );
  for (const { id } of kept) await programs.nodepool('delete', id);
  await until(async () => (await programs.list()).length === 0, { what: 'no node', timeoutMs: 60_000 });
}

async function runLocally(command: string): Promise<number | undefined> {
  return (await execa('sh', ['-c', command], { reject: false })).exitCode;
}

function configuration({ both, providerLines }: Hypervisors, spares = 0): string {
  return `
labels:
  - name: on-h1
    min-ready: ${spares}
  - name: on-h2
providers:
  - name: farm
    driver: runC
    ${providerLines}
    pools:${both.map(poolOf).join('')}
`;
}
