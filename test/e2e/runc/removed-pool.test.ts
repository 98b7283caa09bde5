import t from 'tap';
import { until } from '../../support/poll.ts';
import { canRunTestHosts, type TestHost } from '../../support/testhosts.ts';
import { assertClean, leftoversOn, makeHypervisors, poolOf, type Hypervisors } from './hypervisors.ts';
import { makePrograms, type Programs } from './programs.ts';

const able = await canRunTestHosts();

t.test('a pool taken out by hand while its nodes are in use', { skip: able !== true && able }, async (t) => {
  const programs = makePrograms(t);
  const hypervisors = await makeHypervisors(t, programs, '10.77.57');
  const { first, second, both } = hypervisors;

  await t.test('its containers are removed by a launcher that never had it', async (t) => {
    const { nodeId, release } = await takeOut(programs, hypervisors, second);
    const launcher = await programs.startLauncher();
    await release();
    await until(async () => !(await programs.list()).some(({ id }) => id === nodeId), {
      what: 'the record to go',
      timeoutMs: 60_000,
    });
    await assertClean(t, [second]);
    t.equal(await launcher.stop(), 0);
  });

  await t.test('a host that is off keeps the record, until the pool is back', async (t) => {
    const { nodeId, release } = await takeOut(programs, hypervisors, second);
    await second.kill();
    const from = programs.log().length;
    let launcher = await programs.startLauncher();
    await release();
    const line = await programs.logged(/node not deleted/, from, 60_000);
    t.match(line, /the pool 10\.77\.57\.12 is not configured any more/);
    t.match(line, /put the pool back.*nodepool erase farm 10\.77\.57\.12/, 'says what to do');
    t.match(await programs.list(), [{ id: nodeId, state: 'deleting' }]);
    t.equal(await launcher.stop(), 0);

    await second.boot();
    t.ok((await leftoversOn(second)).length > 0, 'its directory is still there');
    programs.configure(configuration(hypervisors, both));
    launcher = await programs.startLauncher();
    await until(async () => (await programs.list()).length === 0, { what: 'no node', timeoutMs: 60_000 });
    await assertClean(t, both);
    t.equal(await launcher.stop(), 0);
  });

  await t.test('the whole provider taken out: nothing is touched, and people are told', async (t) => {
    const { nodeId, release } = await takeOut(programs, hypervisors, first, second);
    const from = programs.log().length;
    let launcher = await programs.startLauncher();
    await release();
    await programs.logged(/no running launcher has the provider/, from);
    const { stderr } = await programs.nodepool('list');
    t.match(stderr, /no running launcher has the provider farm: its node stays .*nodepool erase farm/);
    t.match(await programs.list(), [{ id: nodeId }]);
    t.equal(await launcher.stop(), 0);

    programs.configure(configuration(hypervisors, both));
    launcher = await programs.startLauncher();
    await until(async () => (await programs.list()).length === 0, { what: 'no node', timeoutMs: 60_000 });
    await assertClean(t, both);
    t.equal(await launcher.stop(), 0);
  });
});

/** A node of the last host is in use when the launcher stops and the hosts leave the configuration. */
async function takeOut(
  programs: Programs,
  hypervisors: Hypervisors,
  ...hosts: TestHost[]
): Promise<{ nodeId: string; release(): Promise<void> }> {
  programs.configure(configuration(hypervisors, hypervisors.both));
  const launcher = await programs.startLauncher();
  const { id, nodes } = await programs.request(`on-${hosts.at(-1)?.name}`);
  await launcher.stop();
  const kept = hypervisors.both.filter((host) => !hosts.includes(host));
  programs.configure(configuration(hypervisors, kept));
  return {
    nodeId: nodes[0]?.id ?? '',
    async release() {
      const { exitCode, stderr } = await programs.nodepool('release', id);
      if (exitCode !== 0) throw new Error(stderr);
    },
  };
}

function configuration({ providerLines }: Hypervisors, hosts: readonly TestHost[]): string {
  if (hosts.length === 0) return 'labels: []\nproviders: []\n';
  return `
labels:
  - name: on-h1
  - name: on-h2
providers:
  - name: farm
    driver: runC
    ${providerLines}
    pools:${hosts.map(poolOf).join('')}
`;
}
