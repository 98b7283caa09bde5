import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import t from 'tap';
import { canRunTestHosts, upHosts } from '../support/testhosts.ts';

const able = await canRunTestHosts();

t.test(
  'two hosts lose their network and their power, come back, and leave nothing',
  { skip: able !== true && able },
  async (t) => {
    const before = await traces();
    const { hosts, down } = await upHosts(2, { network: '10.77.9' });
    t.teardown(down);
    const [first, second] = hosts as [(typeof hosts)[0], (typeof hosts)[0]];
    t.equal(await first.ssh('hostname'), 'h1');
    t.equal(await second.ssh('getent hosts h1 | cut -d " " -f 1'), first.address);

    await first.cut();
    t.equal(await exitCodeOf(first.ssh('true')), 255, 'a host without network does not answer');
    t.equal(await second.ssh('hostname'), 'h2', 'the other one still answers');
    await first.mend();
    t.equal(await first.ssh('hostname'), 'h1', 'it answers again');

    await second.ssh('echo kept >/root/note && sync && touch /run/note');
    await second.kill();
    t.equal(await exitCodeOf(second.ssh('true')), 255, 'a host without power does not answer');
    await second.boot();
    t.equal(
      await second.ssh('cat /root/note; ls /run/note 2>&1 || true'),
      "kept\nls: cannot access '/run/note': No such file or directory",
    );

    await down();
    t.same(await traces(), before);
  },
);

/** Of a command on a host; 0 when it succeeded. */
async function exitCodeOf(command: Promise<unknown>): Promise<unknown> {
  try {
    await command;
    return 0;
  } catch (error) {
    return (error as { exitCode?: number }).exitCode;
  }
}

/** What hosts are made of, as far as this machine can see it. */
async function traces(): Promise<object> {
  const [links, namespaces, groups, processes, rules] = await Promise.all([
    execa('ip', ['-br', 'link']),
    execa('ip', ['netns']),
    execa('find', ['/sys/fs/cgroup', '-name', 'th0a4d09-*']),
    execa('pgrep', ['-f', 'machine=th0a4d09-'], { reject: false }),
    execa('iptables', ['-t', 'nat', '-S']),
  ]);
  const mounts = (await readFile('/proc/mounts', 'utf8')).match(/^.*testhosts.*$/gm);
  return {
    links: links.stdout.match(/th0a4d09\S*/g),
    namespaces: namespaces.stdout.match(/th0a4d09\S*/g),
    groups: groups.stdout,
    processes: processes.stdout,
    rules: rules.stdout.match(/10\.77\.9\./g),
    mounts,
  };
}
