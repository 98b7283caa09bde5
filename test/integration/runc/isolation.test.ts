/** A job that tries to get out: what it can and cannot reach, as docs/security.md promises. */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { makeWorld, runcMissing, type World } from './world.ts';

const skip = runcMissing();

/** Each attempt prints one line: its name and what came of it. */
const ATTEMPTS: Record<string, string> = {
  'signal a process of the hypervisor': `kill -0 ${process.pid}`,
  'trace a process of the hypervisor': `ls /proc/${process.pid}`,
  'write /etc': 'echo x >/etc/np-test-escape',
  'write /usr': 'echo x >/usr/np-test-escape',
  'write /root': 'echo x >/root/np-test-escape',
  'read /root': 'ls /root',
  'read shadow': 'cat /etc/shadow',
  'read host key': 'cat /etc/ssh/ssh_host_ed25519_key',
  'read bundles': 'ls /var/lib/nodepool/runc',
  'read kernel memory': 'head -c 1 /proc/kcore',
  'set kernel values': 'echo x >/proc/sys/kernel/hostname',
  'trigger sysrq': 'echo h >/proc/sysrq-trigger',
  mount: 'mount -t tmpfs none /tmp',
  'load a module': 'modprobe dummy || insmod /tmp/none.ko',
  'make a device': 'mknod /tmp/disk b 254 0',
  'open the disk': 'head -c 1 /dev/vda || head -c 1 /dev/sda',
  'make namespaces': 'unshare --user --map-root-user true',
  'change the host name': 'hostname changed',
  'set the clock': 'date -s 2001-01-01',
  'see kernel messages': 'dmesg',
};

async function attempt(world: World, t: Test, sudo: boolean, options: Record<string, unknown>) {
  const opened = world.open({ labels: { debian: options } });
  const instance = await opened.launch();
  const script = Object.entries(ATTEMPTS)
    .map(([name, command]) => `if ( ${command} ) >/dev/null 2>&1; then echo '${name}'; fi`)
    .join('\n');
  const { stdout } = await world.ssh(instance, `${sudo ? 'sudo -n ' : ''}sh -c ${quote(script)}`);
  return { opened, instance, succeeded: stdout.split('\n').filter((line) => line !== '') };
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Lets the test's user become root where the label allows that at all. */
function allowSudo(t: Test, world: World): void {
  const file = `/etc/sudoers.d/${world.user}`;
  writeFileSync(file, `${world.user} ALL=(ALL) NOPASSWD: ALL\n`, { mode: 0o440 });
  t.teardown(() => rmSync(file, { force: true }));
}

t.test('a job reaches nothing of the hypervisor', { skip, timeout: 60_000 }, async (t) => {
  const world = makeWorld(t);
  allowSudo(t, world);
  const { instance, opened, succeeded } = await attempt(world, t, false, {});
  t.strictSame(succeeded, []);

  const sudo = await world.ssh(instance, 'sudo -n true');
  t.match(sudo.stderr, /no new privileges/, 'no way to become root where nothing can be changed anyway');
  const others = await opened.launch();
  t.match((await world.ssh(instance, 'ls -A /home')).stdout, `${world.user}\n`, 'no other home is there');
  const processes = await world.ssh(
    instance,
    'for p in /proc/[0-9]*/comm; do cat $p; done 2>/dev/null | sort -u',
  );
  t.strictSame(
    processes.stdout.split('\n').filter((name) => !['', 'cat', 'sh', 'bash', 'sort'].includes(name)),
    ['sshd'],
    'only its own processes',
  );
  const marker = randomUUID();
  await world.ssh(
    instance,
    `echo ${marker} >/tmp/${marker} && echo ${marker} >~/${marker} && echo >/var/tmp/${marker}`,
  );
  t.match(
    (await world.ssh(others, `ls /tmp /var/tmp ~`)).stdout.includes(marker),
    false,
    'nodes do not see each other',
  );
  t.notOk(existsSync(`/tmp/${marker}`), 'nor does it show on the host');
  t.ok(existsSync(join(world.base, instance.externalId, 'homedir', marker)));

  const network = await world.ssh(instance, 'readlink /proc/self/ns/net; cut -d : -f 1 -s /proc/net/dev');
  const interfaces = readFileSync('/proc/net/dev', 'utf8').match(/^.*(?=:)/gm) ?? [];
  t.strictSame(
    network.stdout.trimEnd().split('\n'),
    [readlinkSync('/proc/self/ns/net'), ...interfaces],
    'but the network is that of the hypervisor',
  );

  const status = await world.ssh(instance, 'grep -E "Cap(Eff|Amb)|NoNewPrivs|Seccomp:" /proc/self/status');
  t.strictSame(status.stdout.replace(/\t/g, ' ').split('\n').slice(0, 4), [
    'CapEff: 0000000000000000',
    'CapAmb: 0000000000000000',
    'NoNewPrivs: 1',
    'Seccomp: 2',
  ]);
});

t.test('root in a copy-on-write container is root of the copy only', { skip, timeout: 60_000 }, async (t) => {
  const world = makeWorld(t);
  allowSudo(t, world);
  const { instance, succeeded } = await attempt(world, t, true, { 'rw-overlay': true });
  t.strictSame(
    succeeded,
    ['write /etc', 'write /usr', 'write /root', 'read /root', 'read shadow', 'read host key'],
    'its own files, and nothing of the kernel',
  );
  for (const path of ['/etc/np-test-escape', '/usr/np-test-escape', '/root/np-test-escape']) {
    t.notOk(existsSync(path), `${path} is not on the hypervisor`);
  }
  const asRoot = async (command: string) =>
    (await world.ssh(instance, `sudo -n sh -c ${quote(command)}`)).stdout;
  t.equal(await asRoot('ls -A /var/lib/nodepool'), '', 'the bundles are hidden');
  t.equal(await asRoot('ls -A /root'), 'np-test-escape\n', 'an empty home of its own');
  const shadow = await asRoot('cat /etc/shadow /etc/shadow- /etc/gshadow- 2>/dev/null');
  t.match(shadow, /^root:\*:/);
  t.notMatch(shadow, /\$/, 'no password hash');
  const hostKey = readFileSync('/etc/ssh/ssh_host_ed25519_key.pub', 'utf8').split(' ')[1] ?? '';
  t.notMatch(await asRoot('cat /etc/ssh/*'), hostKey, "not the hypervisor's identity");
  t.notMatch(await asRoot('cat /proc/[0-9]*/comm'), /node|systemd|init/);
  t.match(
    await asRoot('useradd -m extra && id extra && rm -rf /usr/share/doc && echo done'),
    /uid=\d+\(extra\)[^]*done/,
  );
  t.ok(existsSync('/usr/share/doc'));
});

t.test('limits hold: processes, memory, CPU, open files', { skip, timeout: 60_000 }, async (t) => {
  const world = makeWorld(t);
  const opened = world.open({ labels: { debian: { pids: 40, memory: '64M', cpus: 0.5 } } });
  const instance = await opened.launch();
  t.strictSame(opened.provider.cost(opened.pool, { name: 'debian', options: { memory: '64M', cpus: 0.5 } }), {
    instances: 1,
    cores: 1,
    ram: 64,
  });
  const bomb = await world.ssh(
    instance,
    'i=0; while [ $i -lt 100 ]; do sleep 5 & i=$((i+1)); done 2>&1; kill $(jobs -p) 2>/dev/null; echo end',
  );
  t.match(`${bomb.stdout}${bomb.stderr}`, /fork|Resource temporarily unavailable|Cannot fork/i);
  const eaten = await world.ssh(instance, 'head -c 200000000 /dev/zero | tail -c 200000000 | wc -c');
  t.notMatch(eaten.stdout, /200000000/, 'a process that eats too much memory is ended');
  t.equal((await world.ssh(instance, 'echo alive')).stdout, 'alive\n', 'and the node goes on');
  t.ok(Number((await world.ssh(instance, 'ulimit -Hn')).stdout) >= 1024);
});
