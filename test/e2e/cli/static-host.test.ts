/** A real launcher process, a real sshd as static host, and `nodepool` as operators and scripts use it. */
import { existsSync } from 'node:fs';
import t from 'tap';
import { silentLogger } from '../../../src/log.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { startPrograms } from '../../support/commands.ts';
import { seen } from '../../support/cli.ts';
import { sshdMissing, startSshd } from '../../support/sshd.ts';

t.setTimeout(180_000);

t.test('nodepool with a launcher and a host', { skip: sshdMissing(), timeout: 180_000 }, async (t) => {
  const sshd = await startSshd(t);
  const programs = await startPrograms(
    t,
    `labels: [{name: debian}]
providers:
  - name: lab
    driver: static
    pools:
      - name: main
        nodes:
          - {name: 127.0.0.1, connection-port: ${sshd.port}, username: root, labels: [debian], host-key: "${sshd.hostKeys[0]}", max-parallel-jobs: 2}
`,
  );
  const key = ['-i', sshd.clientKeyFile];
  const { nodepool } = programs;
  const store = await openEmbeddedStore({ dir: `${programs.dir}/state`, log: silentLogger });
  t.teardown(() => store.close());

  /** Resolves when both slots of the host are free again. */
  const comesBack = () =>
    seen(store.nodes, (nodes) => {
      const all = [...nodes.values()];
      const isFree = (node: (typeof all)[number]) =>
        node.value.state === 'ready' && !node.locked && node.value.allocatedTo === null;
      return all.length === 2 && all.every(isFree);
    });

  await t.test('runs a command, passes everything on, and the node comes back', async (t) => {
    const ran = await nodepool(['run', 'debian', ...key, '--', 'cat; echo err >&2; exit 3'], {
      input: 'in\n',
    });
    t.match(ran, { code: 3, stdout: 'in\n', stderr: /^err$/m });
    await comesBack();
  });

  await t.test('runs on two nodes at once', async (t) => {
    const { code, stdout } = await nodepool(['run', 'debian', '--nodes', '2', ...key, '--', 'echo hello']);
    t.equal(code, 0);
    t.match(stdout, /^\[\d{10}\] hello\n\[\d{10}\] hello\n$/);
    await comesBack();
  });

  await t.test('says soon that nobody has the label', async (t) => {
    const { code, stderr } = await nodepool(['run', 'debain', ...key, '--', 'true']);
    t.equal(code, 125);
    t.match(stderr, 'no pool has the label debain; the labels that can be had are: debian');
  });

  await t.test('frees the node of a command that was killed with kill -9', async (t) => {
    const running = programs.start(['run', 'debian', ...key, '--', 'echo started; sleep 100']);
    await running.wrote(/started/);
    running.child.kill('SIGKILL');
    t.equal((await running.ended).code, null);
    await comesBack();
    t.match((await nodepool(['request-list', '--format', 'json'])).stdout, /^\[\]/);
  });

  await t.test('stops at SIGTERM and frees the node', async (t) => {
    const running = programs.start(['run', 'debian', ...key, '--', 'echo started; sleep 100']);
    await running.wrote(/started/);
    running.child.kill('SIGTERM');
    t.match(await running.ended, { code: 143, stderr: /stopped by SIGTERM/ });
    await comesBack();
  });

  const noTerminal = existsSync('/usr/bin/script') ? false : 'needs script (package bsdutils)';
  await t.test(
    'opens a shell on a terminal, and frees the node after it',
    { skip: noTerminal },
    async (t) => {
      const line = `script -qec 'nodepool run debian -i ${sshd.clientKeyFile}' /dev/null`;
      const { code, stdout } = await programs.bash(line, { input: 'echo port $SSH_CONNECTION; exit 5\n' });
      t.equal(code, 5, stdout);
      t.match(stdout, new RegExp(`port 127.0.0.1 \\d+ 127.0.0.1 ${sshd.port}`));
      await comesBack();
    },
  );

  await t.test('keeps, enters and deletes a failed node', async (t) => {
    const failed = await nodepool([
      'run',
      'debian',
      '--hold-on-failure',
      '--reason',
      'see why',
      ...key,
      '--',
      'false',
    ]);
    t.equal(failed.code, 1);
    const found = await programs.bash('nodepool list --detail | grep "see why"');
    t.match(found, { code: 0, stdout: new RegExp(`hold .*ssh -p ${sshd.port} root@127.0.0.1`) });
    const [id = ''] = /\d{10}/.exec(found.stdout) ?? [];

    const entered = await nodepool(['ssh', id, ...key, '--', 'printf', '%s|', 'a b', '$HOME']);
    t.match(entered, { code: 0, stdout: 'a b|$HOME|', stderr: '' });
    t.equal((await nodepool(['ssh', id, ...key, '--', 'exit 9'])).code, 9);

    t.equal((await nodepool(['delete', id])).code, 0);
    await comesBack();
  });

  await t.test('drains the provider while a job runs', async (t) => {
    const job = programs.start(['run', 'debian', ...key, '--', 'echo started; read line; exit 0']);
    await job.wrote(/started/);
    const drain = programs.start(['drain', 'lab', '--wait']);
    await drain.wrote(/waiting for 1 in-use/);
    const waiting = programs.start(['run', 'debian', ...key, '--', 'true']);
    await waiting.wrote(/being drained/);
    job.child.stdin?.end('go\n');
    t.equal((await job.ended).code, 0, 'the job was not disturbed');
    t.equal((await drain.ended).code, 0);
    t.equal((await nodepool(['undrain', 'lab'])).code, 0);
    t.equal((await waiting.ended).code, 0, 'the request that waited is served');
  });

  await t.test('is quiet when the reader of a pipe goes away', async (t) => {
    const { code, stderr } = await programs.bash('nodepool list | head -1; exit ${PIPESTATUS[0]}');
    t.equal(code, 0);
    t.equal(stderr, '');
    const cut = await programs.bash(
      `nodepool run debian -i ${sshd.clientKeyFile} -- yes | head -1; exit \${PIPESTATUS[0]}`,
    );
    t.equal(cut.code, 141);
    await comesBack();
  });
});
