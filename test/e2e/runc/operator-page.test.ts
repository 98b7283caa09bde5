import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { makeKey } from '../../support/ssh-keys.ts';
import { canRunTestHosts } from '../../support/testhosts.ts';
import { until } from '../../support/poll.ts';
import { assertClean, BUNDLES, makeHypervisors, type Hypervisors } from './hypervisors.ts';
import { makePrograms, type Launcher, type Programs } from './programs.ts';

const OTHER = `          - name: other-container
            username: zuul-worker
            path: /srv/other
`;

const able = await canRunTestHosts();

t.test(
  'what the operator page promises, on two hosts set up by hand',
  { skip: able !== true && able },
  async (t) => {
    const programs = makePrograms(t, ['10.77.21.12 h2.test']);
    const hypervisors = await makeHypervisors(t, programs, '10.77.21');
    const { first, second, both } = hypervisors;
    programs.configure(configuration(hypervisors));
    for (const spelling of ['runc', 'runC']) {
      programs.configure(configuration(hypervisors).replace('runC', spelling));
      t.equal((await programs.nodepool('config-validate')).exitCode, 0, `driver: ${spelling}`);
    }
    let launcher = await programs.startLauncher();

    await t.test('a label without min-ready gives no node until one is requested', async (t) => {
      await programs.logged(/hypervisor connected.*host=10\.77\.21\.11/);
      await programs.logged(/hypervisor connected.*host=h2\.test/);
      t.strictSame(await programs.list(), []);
    });

    await t.test('both hosts give nodes that are entered with the printed connection', async (t) => {
      const requests = await Promise.all(Array.from({ length: 6 }, () => programs.request('new-container')));
      const rows = requests.flatMap(({ nodes }) => nodes);
      t.equal(rows.length, 6, 'more than one host may have');
      t.strictSame([...new Set(rows.map(({ pool }) => pool))].sort(), ['10.77.21.11', 'h2.test']);
      for (const row of rows) {
        t.ok(row.connection_port >= 22022 && row.connection_port <= 65535, `port ${row.connection_port}`);
        t.equal(row.username, 'zuul-worker');
        const { stdout, stderr } = await programs.ssh(
          row,
          'hostname; id -un; touch src/written && echo writable',
        );
        t.equal(stdout, `${row.server_id}\nzuul-worker\nwritable`, stderr);
      }
      const places = rows.map(({ interface_ip, connection_port }) => `${interface_ip}:${connection_port}`);
      t.equal(new Set(places).size, 6, 'no two nodes on one port');
      const detail = (await programs.nodepool('list', '--detail')).stdout;
      t.match(detail, rows[0]!.connection, 'list --detail shows the same connection');
      t.match(detail, rows[0]!.interface_ip);
      await Promise.all(requests.map(({ id }) => programs.release(id)));
      await assertClean(t, both);
    });

    await t.test('what is installed on the host is available inside', async (t) => {
      await first.ssh(
        'printf "#!/bin/sh\\necho from the host\\n" >/usr/local/bin/tool && chmod 755 /usr/local/bin/tool',
      );
      const { stdout } = await programs.nodepool('run', 'on-h1', '--', 'tool');
      t.equal(stdout, 'from the host');
    });

    await t.test('runc list, exec and run --bundle work on the host as documented', async (t) => {
      const { id, nodes } = await programs.request('on-h1');
      const serverId = nodes[0]!.server_id;
      t.match(
        await first.ssh('runc list'),
        new RegExp(`^${serverId} +\\d+ +running +${BUNDLES}/${serverId} `, 'm'),
      );
      t.equal(await first.ssh(`runc exec ${serverId} bash -c 'id -u; cat /proc/1/comm'`), '0\nsshd');
      const config = JSON.parse(await first.ssh(`cat ${BUNDLES}/${serverId}/config.json`)) as {
        process: { args: string[] };
      };
      t.equal(config.process.args.at(-1), String(nodes[0]!.connection_port));
      const debug = await first.ssh(
        `timeout 10 runc run --bundle ${BUNDLES}/${serverId} debug-run 2>&1 || echo exit $?`,
      );
      t.match(debug, /Bind to port \d+ .*failed: Address already in use/, 'sshd says what is wrong');
      t.equal((await programs.ssh(nodes[0]!, 'echo unharmed')).stdout, 'unharmed');
      await programs.release(id);
      await assertClean(t, [first]);
    });

    await t.test('a held node outlives the launcher, takes another key, and goes by delete', async (t) => {
      launcher = await holdAndShare(t, programs, launcher);
      await assertClean(t, both);
    });

    await t.test(
      'a label with a path of its own has other files, users and keys than its neighbour',
      async (t) => {
        await makeRootfs(first);
        const other = makeKey();
        const otherFile = join(programs.dir, 'other_key');
        writeFileSync(otherFile, other.private, { mode: 0o600 });
        await first.ssh(
          'chroot /srv/other mkdir /home/zuul-worker/.ssh && ' +
            `echo '${other.public}' >/srv/other/home/zuul-worker/.ssh/authorized_keys`,
        );
        const from = programs.log().length;
        programs.configure(configuration(hypervisors, OTHER));
        await programs.logged(/hypervisor connected.*host=10\.77\.21\.11/, from);
        const { id, nodes } = await programs.request('other-container', 'on-h1');
        const [custom, plain] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
        t.equal(
          (await programs.ssh(custom, 'grep ^PRETTY /etc/os-release', otherFile)).stdout,
          'PRETTY_NAME="Other"',
        );
        t.match((await programs.ssh(plain, 'grep ^PRETTY /etc/os-release')).stdout, /Debian/);
        t.match(
          (await programs.ssh(custom, 'true')).stderr,
          /Permission denied/,
          "the host's key does not open it",
        );
        t.match((await programs.ssh(plain, 'true', otherFile)).stderr, /Permission denied/);
        t.equal((await programs.ssh(custom, 'touch src/mine && ls src', otherFile)).stdout, 'mine');
        const again = await programs.request('other-container');
        t.equal(
          (await programs.ssh(again.nodes[0]!, 'ls src', otherFile)).stdout,
          '',
          'another node does not see it',
        );
        await Promise.all([programs.release(id), programs.release(again.id)]);
        await assertClean(t, [first]);
      },
    );

    await t.test(
      'a drained host gets no new node, its nodes finish, and undrain brings it back',
      async (t) => {
        const { id } = await programs.request('on-h1');
        t.equal((await programs.nodepool('drain', 'new-provider', '10.77.21.11')).exitCode, 0);
        const wait = programs.nodepool('drain', 'new-provider', '10.77.21.11', '--wait');
        const requests = await Promise.all([1, 2, 3].map(() => programs.request('new-container')));
        t.strictSame(
          requests.flatMap(({ nodes }) => nodes.map(({ pool }) => pool)),
          ['h2.test', 'h2.test', 'h2.test'],
        );
        await programs.release(id);
        t.equal((await wait).exitCode, 0, 'drain --wait ends with the last node');
        await assertClean(t, [first]);
        t.equal((await programs.nodepool('undrain', 'new-provider', '10.77.21.11')).exitCode, 0);
        t.equal((await programs.nodepool('run', 'on-h1', '--timeout', '30', '--', 'true')).exitCode, 0);
        await Promise.all(requests.map(({ id }) => programs.release(id)));
        await assertClean(t, both);
      },
    );

    await t.test(
      'twenty requests at once are all served, never more than max-servers on a host',
      async (t) => {
        const requested = await Promise.all(
          Array.from({ length: 20 }, () => programs.nodepool('request', 'new-container')),
        );
        for (const { exitCode, stderr } of requested) t.equal(exitCode, 0, String(stderr));
        const ids = requested.map(({ stdout }) => String(stdout));
        const waiting = new Set(ids);
        let most = 0;
        while (waiting.size > 0) {
          const rows = await programs.list();
          const live = rows.filter(({ pool, state }) => pool === 'h2.test' && state !== 'init');
          most = Math.max(most, live.length);
          const places = rows.filter(({ state }) => state === 'ready').map(({ connection }) => connection);
          t.equal(new Set(places).size, places.length, 'no two nodes share a place');
          const ready = rows.filter(
            ({ state, allocated_to: id }) => state === 'ready' && id !== null && waiting.has(id),
          );
          await Promise.all(
            ready.map(async ({ allocated_to: id }) => {
              waiting.delete(id!);
              await programs.nodepool('release', id!);
            }),
          );
        }
        t.ok(most <= 4, `at most 4 on a host, seen ${most}`);
        await until(async () => (await programs.list()).length === 0, { timeoutMs: 30_000 });
        await assertClean(t, both);
      },
    );

    t.equal(await launcher.stop(), 0);
    await assertClean(t, both);
    for (const host of both)
      t.equal(await host.ssh('grep -c " /srv/host-rootfs " /proc/mounts || true'), '0');
    t.equal(await second.ssh('ls /var/lib/nodepool/runc'), '');
  },
);

function configuration({ first, providerLines }: Hypervisors, moreLabels = ''): string {
  // One host by its address, one by a name.
  return `
labels:
  - name: new-container
  - name: on-h1
${moreLabels === '' ? '' : '  - name: other-container\n'}providers:
  - name: new-provider
    driver: runC
    ${providerLines}
    pools:
      - name: ${first.address}
        max-servers: 4
        labels:
          - name: new-container
            username: zuul-worker
          - name: on-h1
            username: zuul-worker
${moreLabels}      - name: h2.test
        max-servers: 4
        labels:
          - name: new-container
            username: zuul-worker
`;
}

/** As after a failed job: kept with a reason, shared with a second key, deleted by hand. */
async function holdAndShare(t: Test, programs: Programs, launcher: Launcher): Promise<Launcher> {
  const { nodes } = await programs.request('new-container');
  const { id } = nodes[0]!;
  t.equal((await programs.nodepool('hold', id, '--reason', 'flaky test 17')).exitCode, 0);
  t.equal(await launcher.stop(), 0);
  const next = await programs.startLauncher();
  const found = (await programs.nodepool('list', '--detail')).stdout.split('\n');
  const line = found.find((text) => text.includes('flaky test 17')) ?? '';
  t.match(line, nodes[0]!.interface_ip, 'the line with the reason has the address');
  t.match(line, nodes[0]!.connection, 'and the connection');
  t.match(line, ' hold ');

  const extra = makeKey();
  const extraFile = join(programs.dir, 'extra_key');
  writeFileSync(extraFile, extra.private, { mode: 0o600 });
  t.match((await programs.ssh(nodes[0]!, 'true', extraFile)).stderr, /Permission denied/, 'not yet');
  const add = await programs.ssh(nodes[0]!, `echo '${extra.public}' >>.ssh/authorized_keys`);
  t.equal(add.exitCode, 0, add.stderr);
  t.equal((await programs.ssh(nodes[0]!, 'echo shared', extraFile)).stdout, 'shared');

  t.equal((await programs.nodepool('delete', id)).exitCode, 0);
  await until(async () => (await programs.list()).length === 0, { timeoutMs: 30_000 });
  t.equal((await programs.nodepool('delete', id)).exitCode, 1, 'an id that is not there is an error');
  return next;
}

/** A second root file system, made as for a real one: extracted, then changed with chroot. */
async function makeRootfs(host: Hypervisors['first']): Promise<void> {
  const leaveOut = [
    'proc',
    'sys',
    'dev',
    'run',
    'tmp',
    'srv',
    'home',
    'var/lib/nodepool',
    'var/cache',
    'var/lib/apt',
  ]
    .map((path) => `--exclude=./${path}`)
    .join(' ');
  await host.ssh(
    `mkdir /srv/other && tar -C / --one-file-system ${leaveOut} -cf - . | tar -C /srv/other -xf -`,
  );
  await host.ssh('cd /srv/other && mkdir -p proc sys dev run tmp home var/cache && chmod 1777 tmp');
  await host.ssh(`echo 'PRETTY_NAME="Other"' >/srv/other/etc/os-release`);
  await host.ssh('chroot /srv/other userdel zuul-worker; chroot /srv/other useradd -m -u 4242 zuul-worker');
}
