/** A hypervisor is taken out of the architecture. The launcher's answer is given here; on hosts, `hosts/more/life.test.ts` has a real one. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { makeSite } from '../../support/sfconfig-run.ts';

const ARCH = `inventory:
  - {name: sf, ip: 192.0.2.11, roles: [install-server, zookeeper, nodepool-launcher]}
`;
const HYPERVISOR = '  - {name: hv1, ip: 192.0.2.12, roles: [hypervisor-runc]}\n';
const POOL = 'hv1.example.org';

/** One run with the hypervisor; `nodes` is what the launcher knows, or its complaint. */
async function withHypervisor(t: Test, nodes: readonly object[] | string) {
  const site = makeSite(t);
  site.write('sfconfig.yaml', 'fqdn: example.org\n');
  site.write('arch.yaml', ARCH + HYPERVISOR);
  t.equal((await site.sfconfig('--skip-apply')).code, 0);
  const answer =
    typeof nodes === 'string' ? `echo '${nodes}' >&2; exit 1` : `echo '${JSON.stringify(nodes)}'`;
  writeFileSync(join(site.dir, 'nodepool'), `#!/bin/sh\n${answer}\n`, { mode: 0o755 });
  const file = join(site.config, 'nodepool/_local_hypervisor_runc.yaml');
  site.write('arch.yaml', ARCH);
  return { site, file, pools: () => readFileSync(file, 'utf8') };
}

const node = (id: string, state: string, pool = POOL, provider = 'managed-runc-provider') => ({
  id,
  state,
  pool,
  provider,
});

t.test(
  'is refused while its nodes are in use or on hold, with what to do, and nothing is changed',
  async (t) => {
    const { site, pools } = await withHypervisor(t, [
      node('0000000001', 'in-use'),
      node('0000000002', 'hold'),
      node('0000000003', 'ready'),
      node('0000000004', 'in-use', 'hv2.example.org'),
      node('0000000005', 'in-use', POOL, 'another-provider'),
    ]);
    for (const option of ['--skip-apply', '--check']) {
      const { code, stderr } = await site.sfconfig('--skip-apply', option);
      t.equal(code, 1);
      t.match(
        stderr,
        /arch\.yaml: inventory: expected hv1\.example\.org, .*\(0000000001 in-use, 0000000002 hold\)/,
      );
      t.match(stderr, 'nodepool drain managed-runc-provider hv1.example.org --wait');
      t.match(stderr, 'nodepool delete ID');
      t.match(stderr, 'nothing has been changed');
    }
    t.match(pools(), `name: ${POOL}`);
  },
);

t.test('goes with its spare nodes, and with those that are about to go', async (t) => {
  const nodes = ['ready', 'used', 'deleting', 'failed'].map((state, place) =>
    node(`000000000${place}`, state),
  );
  const { site, pools } = await withHypervisor(t, nodes);
  t.match(await site.sfconfig('--skip-apply'), { code: 0, stderr: '' });
  t.notMatch(pools(), POOL);
});

t.test('a launcher that cannot be asked is told, and holds nothing up', async (t) => {
  const { site, pools } = await withHypervisor(t, 'no server of ZooKeeper answers');
  const { code, stdout } = await site.sfconfig('--skip-apply');
  t.equal(code, 0);
  t.match(
    stdout,
    /note: cannot find out whether nodes of hv1\.example\.org are in use: .*no server of ZooKeeper/s,
  );
  t.notMatch(pools(), POOL);
});

t.test('a list of hypervisors that somebody has broken says what to do with it', async (t) => {
  const { site, file } = await withHypervisor(t, []);
  writeFileSync(file, 'providers: [broken');
  const { code, stdout, stderr } = await site.sfconfig('--skip-apply');
  t.equal(code, 1);
  t.match(stdout, /note: cannot find out which hypervisors were taken out: .*_local_hypervisor_runc\.yaml/);
  t.match(stderr, /has changes that are not committed:\s+M nodepool\/_local_hypervisor_runc\.yaml/);
  t.match(stderr, 'run sfconfig again');
});
