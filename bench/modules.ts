/** How soon modules answer on a host, started as Ansible does it: the file itself, with the path of its arguments. */
import { PACKAGES, type Site } from '../test/support/site.ts';
import type { TestHost } from '../test/support/testhosts.ts';
import { median } from './measure.ts';
import { atMost, rowsIn, type Row } from './report.ts';

const row = rowsIn('sfconfig');
const GOAL_MS = 150;
const SAMPLES = 20;

/** On the host with the launcher, and on a hypervisor with its spare containers. */
export async function benchModules(site: Site): Promise<Row[]> {
  const [hypervisor] = site.hypervisors as readonly [TestHost];
  await installNode(site, hypervisor);
  const calls = [
    ['runc_info', hypervisor, '{}'],
    ['sshd_port', hypervisor, '{"name": "bench"}'],
    ['nodepool_info', site.server, '{}'],
  ] as const;
  const rows: Row[] = [];
  for (const [name, host, values] of calls) {
    const { module, node } = await measureModule(host, name, values);
    rows.push(
      row(`module ${name}`, 'ms', median(module), {
        samples: module.length,
        reference: { name: 'node -e 0', value: median(node) },
        goal: atMost(GOAL_MS),
      }),
    );
  }
  return rows;
}

const ACCEPT = '-o StrictHostKeyChecking=accept-new';

/** Hypervisors need nothing of ours, but the modules need a Node.js, and take that of the package. */
async function installNode({ run }: Site, { address }: TestHost): Promise<void> {
  const login = `root@${address}`;
  const { code, output } = await run(
    `scp -q ${ACCEPT} ${PACKAGES}/*.deb ${login}:/root/nodepool.deb && ` +
      `ssh ${ACCEPT} ${login} DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends /root/nodepool.deb`,
  );
  if (code !== 0) throw new Error(`cannot install the package on ${address}:\n${output}`);
}

/** In milliseconds. */
interface Samples {
  module: number[];
  /** Node.js alone, in turns with the module. */
  node: number[];
}

/** Measured on the host itself; a port that was reserved is given back in between. */
async function measureModule(host: TestHost, name: string, values: string): Promise<Samples> {
  const answer = await host.ssh(`cat >/root/bench.sh <<'END'
set -e
module=$(find /usr -name ${name}.cjs)
cd "$(mktemp -d)"
echo '${values}' >arguments
for _ in {0..${SAMPLES}}; do
  before=$EPOCHREALTIME
  $module arguments >answer
  between=$EPOCHREALTIME
  /usr/lib/nodepool/bin/node -e 0
  after=$EPOCHREALTIME
  echo $((\${between/./} - \${before/./})) $((\${after/./} - \${between/./}))
  if [ ${name} = sshd_port ]; then
    grep -q '"changed":true' answer
    echo '{"name": "bench", "state": "absent"}' >back
    $module back >/dev/null
  fi
done
END
bash /root/bench.sh`);
  // The first ones read everything from the disk.
  const rounds = answer.split('\n').slice(1);
  const column = (place: number) => rounds.map((round) => Number(round.split(' ')[place]) / 1000);
  return { module: column(0), node: column(1) };
}
