/** What becomes of an installation over the years: another hypervisor, another password, an upgrade, a lost machine, the end. */
import { join } from 'node:path';
import t from 'tap';
import { until } from '../../support/poll.ts';
import {
  containersOn,
  FQDN,
  LABEL,
  makePackage,
  makeSite,
  pidOf,
  PLAYBOOKS,
  skipSites,
} from '../../support/site.ts';
import { tempDir } from '../../support/temp.ts';

t.setTimeout(0); // The suite's limit applies.

const ROOT = '/var/lib/software-factory';
const KEY = `${ROOT}/bootstrap-data/ssh_keys/zuul_rsa`;
/** What a job does until somebody lets all jobs of the host go on. */
const WAIT = 'while [ ! -e /tmp/go-on ]; do sleep 0.2; done';
const GO_ON = 'for dir in /var/lib/nodepool/runc/*/; do touch "$dir/tmp/go-on"; done';
const patience = (what: string) => ({ timeoutMs: 180_000, intervalMs: 1000, what });

interface Listed {
  id: string;
  state: string;
  hostname: string;
  connection_port: number;
}

t.test('the life of an installation', { skip: await skipSites() }, async (t) => {
  const [older, newer] = [await makePackage(t, '0.9.0'), await makePackage(t, '1.0.0')];
  const site = await makeSite(t, { hypervisors: 2, network: '10.77.32', deb: older });
  const { server, hypervisors, sfconfig } = site;
  const [h2, h3] = hypervisors as [(typeof hypervisors)[0], (typeof hypervisors)[0]];
  const nodes = async () => JSON.parse(await server.ssh('nodepool --format json list')) as Listed[];
  const succeeds = async (...args: string[]) => {
    const result = await sfconfig(...args);
    t.equal(result.code, 0, result.output);
    t.comment(args.join(' ') || 'sfconfig', result.times);
    return result;
  };
  const changesNothing = async (...args: string[]) => {
    const { hosts, output } = await succeeds(...args);
    t.ok(
      Object.keys(hosts).length > 0 && Object.values(hosts).every((state) => state === 'unchanged'),
      output,
    );
  };

  await t.test('settings without packages are refused where there are none', async (t) => {
    const { code, output } = await sfconfig('--skip-install');
    t.equal(code, 1);
    t.match(output, 'not installed yet: run sfconfig without --skip-install');
    t.equal(await h2.ssh('ls /etc/systemd/system | grep -c rootfs || true'), '0', 'no host is touched');
  });

  await t.test('another hypervisor is more room', async (t) => {
    await site.setHypervisors(1);
    await succeeds();
    await site.setHypervisors(2);
    await succeeds();
    const jobs = Array.from({ length: 6 }, () => site.run(`nodepool run ${LABEL} -- sh -c '${WAIT}'`));
    const busy = async () => (await nodes()).filter(({ state }) => state === 'in-use').length === 6;
    await until(busy, patience('six nodes in use, three on each host'));
    await Promise.all(hypervisors.map((host) => host.ssh(GO_ON)));
    for (const job of jobs) t.match(await job, { code: 0 });
    await changesNothing();
  });

  await t.test('another password is applied without a look at packages, and is told to nobody', async (t) => {
    await server.ssh(
      `git clone --quiet ${ROOT}/git/config.git /root/change && cd /root/change && git config user.name operator && ` +
        'git config user.email operator@example.org',
    );
    await site.write('/root/change/nodepool/images.yaml', IMAGES);
    const push =
      'cd /root/change && git add --all && git commit --quiet --message Images && git push origin HEAD:master';
    t.match(await site.run(push), { code: 0 });
    const secret = 'secret: #1 & *';
    const settings = `fqdn: ${FQDN}\nnodepool:\n  dib_reg_passwords:\n    - {image_name: rhel, reg_password: "${secret}"}\n`;
    await site.write('/etc/software-factory/sfconfig.yaml', settings);
    const before = await server.ssh('cat /etc/nodepool/secure.conf');
    t.notMatch(before, secret, 'editing alone changes nothing');
    const { times } = await succeeds('--skip-install');
    t.notMatch(Object.keys(times).join(), /Install|Upgrade/);
    t.match(await server.ssh('cat /etc/nodepool/secure.conf'), secret);
    t.equal(await server.ssh('stat -c "%U:%G %a" /etc/nodepool/secure.conf'), 'root:nodepool 440');
    const places = '/etc/nodepool /var/log /var/www';
    const found = await server.ssh(`grep -rlF '${secret}' ${places} 2>/dev/null; true`);
    t.equal(found, '/etc/nodepool/secure.conf', 'and is nowhere else');
    await changesNothing('--skip-install');
  });

  await t.test('an upgrade restarts what is another version, and nodes outlive it', async (t) => {
    const spare = async () =>
      (await nodes()).find(({ state, hostname }) => state === 'ready' && hostname === `h2.${FQDN}`);
    await until(async () => (await spare()) !== undefined, patience('a spare node on the first host'));
    const held = await spare();
    const { code, output } = await site.run(
      `nodepool hold ${held?.id ?? 'none'} --reason 'look at it' --for 1d`,
    );
    t.equal(code, 0, output);
    const before = await pidOf(server, 'nodepool-launcher');
    await site.givePackage(newer);
    await succeeds('--upgrade');
    t.not(await pidOf(server, 'nodepool-launcher'), before, 'the new version runs');
    t.match(await server.ssh('nodepool --version'), '1.0.0');
    t.match(
      (await nodes()).find(({ id }) => id === held?.id),
      { state: 'hold' },
    );
    await changesNothing('--upgrade');
  });

  await t.test('machines that are lost are put back from a backup', async (t) => {
    const backup = await site.run(
      `cd /tmp && ansible-playbook ${PLAYBOOKS}/sf_backup.yml && tar -C ${ROOT}/backup -cf /root/backup.tar .`,
    );
    t.equal(backup.code, 0, backup.output);
    const saved = join(tempDir(t), 'backup.tar');
    await site.copy('h1:/root/backup.tar', saved);
    const look = async () => ({
      keys: await server.ssh(
        `sha256sum ${ROOT}/bootstrap-data/ssh_keys/* ${ROOT}/bootstrap-data/zk-ca/certs/cacert.pem`,
      ),
      commits: await server.ssh('git -C /root/config log --format=%H'),
      settings: await server.ssh('cat /etc/software-factory/sfconfig.yaml /etc/nodepool/secure.conf'),
      hostKey: await h3.ssh('cat /etc/ssh/ssh_host_ed25519_key.pub'),
      held: (await nodes())
        .filter(({ state }) => state === 'hold')
        .map(({ id, hostname, connection_port }) => ({ id, hostname, connection_port })),
    });
    const before = await look();
    t.equal(before.held.length, 1);

    await Promise.all([server.wipe(), h3.wipe()]);
    await site.enterAll();
    await site.givePackage(newer, { install: true });
    await site.copy(saved, 'h1:/root/backup.tar');
    await succeeds('--recover /root/backup.tar');

    t.same(await look(), before);
    const [held] = before.held;
    const login = await site.run(
      `ssh -o StrictHostKeyChecking=no -i ${KEY} -p ${held?.connection_port} zuul-worker@${h2.address} id -un`,
    );
    t.match(login.output, 'zuul-worker', 'a held node can be entered as before');
    await until(
      async () => (await nodes()).filter(({ state }) => state === 'ready').length >= 2,
      patience('two spare nodes'),
    );
    await changesNothing();
  });

  await t.test('a hypervisor is taken out when it is drained, not before', async (t) => {
    // The first host has a held node, so there is room for three on the other one only.
    const job = site.run(`nodepool run ${LABEL} --nodes 3 -- sh -c '${WAIT}'`);
    const busy = async () =>
      (await nodes()).filter(({ state, hostname }) => state === 'in-use' && hostname === `h3.${FQDN}`);
    await until(async () => (await busy()).length === 3, patience('three nodes of the host in use'));

    // Not before: somebody uses its nodes.
    await site.setHypervisors(1);
    const before = await server.ssh('cat /etc/nodepool/nodepool.yaml; git -C /root/config log --oneline');
    const refused = await sfconfig();
    t.equal(refused.code, 1);
    for (const { id } of await busy()) t.match(refused.output, `${id} in-use`);
    t.match(refused.output, `nodepool drain managed-runc-provider h3.${FQDN} --wait`);
    t.equal(await server.ssh('cat /etc/nodepool/nodepool.yaml; git -C /root/config log --oneline'), before);
    t.equal((await busy()).length, 3, 'the job goes on');

    t.equal((await site.run(`nodepool drain managed-runc-provider h3.${FQDN}`)).code, 0);
    await h3.ssh(GO_ON);
    t.match(await job, { code: 0 });
    const drained = await site.run(`nodepool drain managed-runc-provider h3.${FQDN} --wait`);
    t.equal(drained.code, 0, drained.output);
    await until(async () => (await containersOn(h3)).length === 0, patience('no container, bundle or mount'));
    await succeeds();
    t.ok((await nodes()).every(({ hostname }) => hostname !== `h3.${FQDN}`));
    t.notMatch(await server.ssh('cat /etc/nodepool/nodepool.yaml'), `h3.${FQDN}`);
    await changesNothing();
  });

  await t.test('the end: everything off, then gone', async (t) => {
    await succeeds('--disable');
    const active = 'systemctl is-active nodepool-launcher zookeeper; true';
    t.equal(await server.ssh(active), 'inactive\ninactive');
    t.same(await containersOn(h2), []);
    await succeeds('--erase', '--yes');
    for (const host of [server, h2]) t.equal(await host.ssh(REMAINS), '', `on ${host.name}`);
  });
});

const IMAGES = `diskimages:
  - name: rhel
    pause: true
    elements: [centos, vm]
    formats: [qcow2]
`;

/** Users, files and mounts. What sfconfig itself has on the install-server stays: keys, settings, the config repository. */
const REMAINS = `
getent passwd nodepool zookeeper zuul-worker
getent group nodepool zookeeper zuul-worker
find / -xdev \\( -name '*nodepool*' -o -name '*zookeeper*' -o -name 'srv-host*' -o -name host-rootfs \\) \\
  -not -path '/var/lib/apt/*' -not -path '/var/cache/apt/*' -not -path '/var/log/journal/*' -not -path '/usr/share/java/*' \\
  -not -path '/usr/share/maven-repo/*' -not -path '/usr/share/doc/*' -not -path '/var/lib/dpkg/*' -not -path '/usr/share/lintian/*' \\
  -not -path '/root/*' -not -path '/tmp/*' -not -path '${ROOT}/*'
grep -E 'nodepool|host-rootfs' /proc/mounts
true`;
