/** From clean hosts by one run to a shell in a container, and what an operator does then. */
import t from 'tap';
import { until } from '../../support/poll.ts';
import {
  FQDN,
  LABEL,
  makePackage,
  makeSite,
  pidOf,
  PLAYBOOKS,
  skipSites,
  type Site,
} from '../../support/site.ts';

const skip = await skipSites();

t.test('three clean hosts become a working Nodepool', { skip }, async (t) => {
  const deb = await makePackage(t, '1.0.0');
  const site = await makeSite(t, { hypervisors: 2, network: '10.77.31', deb });
  const { server, hypervisors } = site;
  const nodepoolYaml = () =>
    server.ssh('stat -c "%Y %i" /etc/nodepool/nodepool.yaml; cat /etc/nodepool/nodepool.yaml');

  await t.test('hypervisor-runc beside another role is refused, unless somebody insists', async (t) => {
    const [first] = hypervisors;
    await site.write('/etc/software-factory/arch.yaml', mixedArch(site));
    const refused = await site.sfconfig();
    t.equal(refused.code, 1);
    t.match(
      refused.output,
      new RegExp(`hypervisor-runc to be the only role of h2\\.${FQDN}.*--enable-insecure-slaves`),
    );
    t.match(refused.output, 'arch.yaml:3: ');
    t.equal(
      await server.ssh(`ls -d ${PLAYBOOKS} /root/config 2>/dev/null || true`),
      '',
      'nothing is written',
    );
    t.equal(await first?.ssh('ls /usr/sbin/runc 2>/dev/null || true'), '', 'no host is touched');

    t.equal(
      (await site.sfconfig('--skip-apply', '--enable-insecure-slaves')).code,
      0,
      'the option allows it',
    );
    t.equal((await site.sfconfig('--skip-apply')).code, 1, 'for that run only');
    await site.write('/etc/software-factory/custom-vars.yaml', 'enable_insecure_slaves: true\n');
    t.equal((await site.sfconfig('--skip-apply')).code, 0, 'the variable allows it');
    await site.write('/etc/software-factory/custom-vars.yaml', 'enable_insecure_slaves: "true"\n');
    t.equal((await site.sfconfig('--skip-apply')).code, 1, 'text is not true');
    await server.ssh('rm /etc/software-factory/custom-vars.yaml');
    await site.setHypervisors(2);
  });

  await t.test('one run, and there is a shell in a container', async (t) => {
    const { code, output, times } = await site.sfconfig();
    t.equal(code, 0, output);
    t.comment('seconds of the first run', times);
    const shell = await site.run(
      `printf 'echo "$(id -un) in $(cat /proc/1/comm)"\\nexit\\n' | script -qec 'nodepool run ${LABEL}' /dev/null`,
    );
    t.equal(shell.code, 0, shell.output);
    t.match(shell.output, 'zuul-worker in sshd');
  });

  await t.test('another run changes nothing', async (t) => {
    const look = async () => [
      await nodepoolYaml(),
      await pidOf(server, 'nodepool-launcher'),
      await pidOf(server, 'zookeeper'),
      await server.ssh('git -C /root/config log --oneline'),
    ];
    const before = await look();
    const { code, output, hosts, times } = await site.sfconfig();
    t.equal(code, 0, output);
    t.comment('seconds of a run without changes', times);
    t.same(hosts, { [`h1.${FQDN}`]: 'unchanged', [`h2.${FQDN}`]: 'unchanged', [`h3.${FQDN}`]: 'unchanged' });
    t.same(await look(), before, 'no restart, no commit, no file written');
  });

  await t.test('the restart playbook works as printed, and no job notices', async (t) => {
    const before = await pidOf(server, 'nodepool-launcher');
    const wait = 'while [ ! -e /tmp/go-on ]; do sleep 0.2; done; echo done';
    const busy = [1, 2].map(() => site.run(`nodepool run ${LABEL} -- sh -c '${wait}'`));
    const used = async () =>
      (await server.ssh('nodepool --format json list')).match(/"state": ?"in-use"/g)?.length === 2;
    await until(used, { timeoutMs: 60_000, intervalMs: 500, what: 'two nodes in use' });
    // Jobs come and go while the launcher is restarted.
    const jobs = site.run(`for job in 1 2 3 4 5 6; do nodepool run ${LABEL} -- true || exit 1; done`);
    const restart = await site.run(`cd /tmp && ansible-playbook ${PLAYBOOKS}/nodepool_restart.yml`);
    t.equal(restart.code, 0, restart.output);
    t.not(await pidOf(server, 'nodepool-launcher'), before, 'another process serves');
    t.equal((await jobs).code, 0, (await jobs).output);
    const goOn = 'for dir in /var/lib/nodepool/runc/*/; do touch "$dir/tmp/go-on"; done';
    await Promise.all(hypervisors.map((host) => host.ssh(goOn).catch(() => undefined)));
    for (const job of busy) {
      const { code, output } = await job;
      t.equal(code, 0, output);
      t.match(output, 'done');
    }
  });

  await t.test('a push to the config repository is applied, or refused as a whole', async (t) => {
    await server.ssh(
      'git clone --quiet /var/lib/software-factory/git/config.git /root/change && cd /root/change && ' +
        'git config user.name operator && git config user.email operator@example.org',
    );
    const commit = async (text: string) => {
      await site.write('/root/change/nodepool/other.yaml', text);
      await server.ssh('cd /root/change && git add --all && git commit --quiet --message Change');
    };
    await commit(provider('pushed-label'));
    const pushed = await site.run('cd /root/change && git push origin HEAD:master');
    t.equal(pushed.code, 0, pushed.output);
    const { code, output } = await site.run('nodepool run pushed-label -- id -un');
    t.equal(code, 0, output);
    t.match(output, 'zuul-worker');

    const before = await nodepoolYaml();
    await commit(provider('pushed-label').replace('max-servers: 1', 'max-servers: some'));
    const refused = await site.run('cd /root/change && git push origin HEAD:master');
    t.not(refused.code, 0, 'a mistake is refused');
    t.match(refused.output, /nodepool\/other\.yaml:\d+: .*max-servers/);
    t.equal(await nodepoolYaml(), before, 'the live file is as it was, byte by byte');

    // As where somebody else merges, and calls the playbook after it.
    const merge = 'git -C /var/lib/software-factory/git/config.git fetch --quiet /root/change +HEAD:master';
    const update = `ansible-playbook ${PLAYBOOKS}/sf_configrepo_update.yml`;
    const broken = await site.run(`${merge} && ${update}`);
    t.not(broken.code, 0, 'what came in all the same is refused by the hosts');
    t.match(broken.output, /other\.yaml:\d+: .*max-servers/);
    t.equal(await nodepoolYaml(), before, 'the live file is as it was');
    await commit(provider('merged-label'));
    const merged = await site.run(`${merge} && ${update}`);
    t.equal(merged.code, 0, merged.output);
    t.match(await nodepoolYaml(), 'name: merged-label');
  });
});

function mixedArch({ server, hypervisors: [first] }: Site): string {
  return `inventory:
  - {name: h1, ip: ${server.address}, roles: [install-server, zookeeper]}
  - {name: h2, ip: ${first?.address}, roles: [hypervisor-runc, nodepool-launcher]}
`;
}

/** One that gives its own label on the first hypervisor. */
function provider(label: string): string {
  return `labels:
  - name: ${label}
providers:
  - name: other
    driver: runC
    pools:
      - name: h2.${FQDN}
        max-servers: 1
        labels:
          - name: ${label}
            username: zuul-worker
`;
}
