/** An unmodified Zuul takes its nodes from our launcher: jobs in containers of another host, console, autohold. */
import t from 'tap';
import { assertClean, makeHypervisors } from '../e2e/runc/hypervisors.ts';
import { makePrograms } from '../e2e/runc/programs.ts';
import { installAnsible, installPeers } from '../interop/peers.ts';
import { until } from '../support/poll.ts';
import { canRunTestHosts } from '../support/testhosts.ts';
import { startZooKeeper, zookeeperMissing } from '../support/zookeeper.ts';
import { makeCertificates } from '../support/zookeeper-certs.ts';
import { programMissing, startZuul } from './site.ts';

t.setTimeout(0); // The suite's limit applies.

const REASON = 'to see why it fails';

const able = await canRunTestHosts();
const missing =
  (able !== true && able) || zookeeperMissing() || programMissing(['bwrap', 'mariadbd', 'setpriv']);
const peers = missing || (await installPeers('zuul'));
const ansible = typeof peers === 'string' ? peers : await installAnsible(peers);
const reason = typeof ansible === 'string' && ansible;

t.test('jobs of a whole Zuul run in our containers', { skip: reason }, async (t) => {
  if (typeof peers === 'string' || typeof ansible === 'string') return;
  const programs = makePrograms(t, ['10.77.24.12 h2.test']);
  const hypervisors = await makeHypervisors(t, programs, '10.77.24');
  const certs = await makeCertificates();
  t.teardown(certs.remove);
  const zk = await startZooKeeper({ tls: certs.server });
  t.teardown(zk.stop);
  const tls = { ca: certs.ca, ...certs.client };
  const server = { host: 'localhost', port: zk.servers[0].tlsPort };
  programs.configure(`zookeeper-servers: ${JSON.stringify([server])}
zookeeper-tls: ${JSON.stringify(tls)}
labels: [{name: new-container}]
providers:
  - name: default
    driver: runC
    ${hypervisors.providerLines}
    pools:
      - name: 10.77.24.11
        max-servers: 4
        labels:
          - name: new-container
            username: zuul-worker
`);
  await programs.startLauncher();
  const zuul = await startZuul(t, {
    peers,
    dir: programs.dir,
    zookeeper: `${server.host}:${server.port}`,
    tls,
    keyFile: programs.keyFile,
    ansibleRoot: ansible.ansibleRoot,
  });

  const hold = ['--tenant', 'main', '--project', 'project', '--job', 'fails', '--count', '1'];
  await zuul.client('autohold', ...hold, '--reason', REASON);
  await zuul.push('Run');
  const output = zuul.running('passes').then((uuid) => zuul.follow(uuid));
  const [passed, failed] = await Promise.all([zuul.finished('passes'), zuul.finished('fails')]);
  t.match(passed, { result: 'SUCCESS' }, passed.error_detail ?? '');
  t.match(failed, { result: 'FAILURE' }, failed.error_detail ?? '');
  const console = await output;
  t.match(console, 'zuul-worker', 'the name of the user');
  for (let line = 1; line <= 8; line++) t.match(console, `| node | line number ${line}`);

  const held = await until(
    async () => {
      const rows = await programs.list();
      return rows.length === 1 && rows[0]?.state === 'hold' ? rows[0] : undefined;
    },
    { timeoutMs: 60_000, what: 'the node of the failed job alone to be left' },
  );
  const lines = (await programs.nodepool('list', '--detail')).stdout.split('\n');
  const [line, ...more] = lines.filter((text) => text.includes(REASON));
  t.same(more, []);
  for (const part of [held.id, '10.77.24.11', String(held.connection_port), 'main git.test/project fails'])
    t.match(line, part);
  const { stdout } = await programs.ssh(held, 'pwd; ls');
  t.match(stdout, /^\/home\/zuul-worker\n(.*\n)*evidence/);
  await programs.nodepool('delete', held.id);
  await until(async () => (await programs.list()).length === 0, { timeoutMs: 60_000 });
  await assertClean(t, hypervisors.both);
});
