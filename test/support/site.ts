/** An installation on test hosts: `h1` is the install-server with ZooKeeper and launcher, the others are hypervisors. */
import { readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describeMachine } from '../../scripts/package/machine.ts';
import { tempDir, type Owner } from './temp.ts';
import { canRunTestHosts, downHosts, upHosts, type TestHost } from './testhosts.ts';

const packageScript = fileURLToPath(new URL('../../scripts/package.ts', import.meta.url));
const minutes = 60_000;

export const FQDN = 'example.org';
export const PLAYBOOKS = '/var/lib/software-factory/ansible';
/** Where sfconfig finds the package of the daemons. */
export const PACKAGES = '/var/lib/software-factory/packages';
export const PROVIDER = 'managed-runc-provider';
export const LABEL = 'runc-centos';

export interface Site {
  server: TestHost;
  hypervisors: readonly TestHost[];
  /** What an operator does on a new install-server: a key that all hosts accept, and what sfconfig itself needs. */
  enterAll(): Promise<void>;
  /** Writes arch.yaml: the first `count` hypervisors, each for three containers. */
  setHypervisors(count: number): Promise<void>;
  /** A file on the install-server. */
  write(path: string, text: string): Promise<void>;
  /** Between this machine and the install-server, whose paths begin with `h1:`. */
  copy(from: string, to: string): Promise<void>;
  /** Output of a command on the install-server, both streams; does not reject when the command fails. */
  run(command: string): Promise<{ code: number; output: string }>;
  sfconfig(...args: string[]): Promise<Outcome>;
  /** Puts a package where sfconfig finds it; with `install`, on the install-server itself too. */
  givePackage(file: string, options?: { install?: boolean }): Promise<void>;
}

export interface Outcome {
  code: number;
  output: string;
  /** By host, as the final table says it: `{ 'h1.example.org': 'unchanged' }`. */
  hosts: Record<string, string>;
  /** By play, in seconds. */
  times: Record<string, number>;
}

/** Why there can be no site here; false when there can. */
export async function skipSites(): Promise<string | false> {
  const able = await canRunTestHosts();
  if (able !== true) return able;
  return describeMachine().then(
    () => false as const,
    (error: Error) => error.message,
  );
}

/** The package of this tree, named as that version; returns the path of the .deb. */
export async function makePackage(t: Owner, version: string): Promise<string> {
  const output = join(tempDir(t), version);
  await mkdir(output);
  const args = ['--import=tsx', packageScript, '--version', version, '--output', output];
  await execa(process.execPath, args, { timeout: 5 * minutes });
  return join(output, readdirSync(output).find((name) => name.endsWith('.deb')) ?? 'no .deb');
}

/** Clean hosts that root of the install-server may enter, and there what sfconfig itself needs. */
export async function makeSite(
  t: Owner,
  { hypervisors: count, network, deb }: { hypervisors: number; network: string; deb: string },
): Promise<Site> {
  t.teardown(() => downHosts(network)); // also where the start is interrupted
  const { hosts } = await upHosts(count + 1, { network });
  const [server, ...hypervisors] = hosts as [TestHost, ...TestHost[]];
  const site = siteOn(server, hypervisors);
  await site.enterAll();
  await site.givePackage(deb, { install: true });
  await site.write('/etc/software-factory/sfconfig.yaml', `fqdn: ${FQDN}\n`);
  await site.setHypervisors(count);
  return site;
}

const INSTALL = 'DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends';

function siteOn(server: TestHost, hypervisors: readonly TestHost[]): Site {
  const run: Site['run'] = async (command) => {
    const text = await server.ssh(`{ ${command}\n} 2>&1; echo "exit code $?"`, { timeoutMs: 15 * minutes });
    const code = Number(/exit code (\d+)$/.exec(text)?.[1] ?? NaN);
    return { code, output: text.replace(/\n?exit code \d+$/, '') };
  };
  const write: Site['write'] = async (path, text) => {
    await server.ssh(
      `mkdir -p "$(dirname ${path})" && printf '%s' '${text.replaceAll("'", "'\\''")}' >${path}`,
    );
  };
  const copy: Site['copy'] = async (from, to) => {
    const options = ['-q', '-i', server.keyPath, '-o', 'StrictHostKeyChecking=no'];
    const silent = ['-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'];
    const there = (path: string) => path.replace(/^h1:/, `root@${server.address}:`);
    await execa('scp', [...options, ...silent, there(from), there(to)], { timeout: 2 * minutes });
  };
  return {
    server,
    hypervisors,
    run,
    write,
    copy,
    async enterAll() {
      const key = await server.ssh(
        'ssh-keygen -q -t rsa -N "" -f /root/.ssh/id_rsa && cat /root/.ssh/id_rsa.pub',
      );
      await Promise.all(hypervisors.map((host) => host.ssh(`echo '${key}' >>/root/.ssh/authorized_keys`)));
      await server.ssh(`apt-get -qq update && ${INSTALL} ansible-core git openssh-client >/dev/null 2>&1`, {
        timeoutMs: 10 * minutes,
      });
    },
    async setHypervisors(count) {
      const lines = hypervisors.slice(0, count).map(({ name, address }) => {
        return `  - {name: ${name}, ip: ${address}, max-servers: 3, roles: [hypervisor-runc]}\n`;
      });
      const roles = 'install-server, zookeeper, nodepool-launcher';
      const first = `  - {name: ${server.name}, ip: ${server.address}, roles: [${roles}]}\n`;
      await write('/etc/software-factory/arch.yaml', `inventory:\n${first}${lines.join('')}`);
    },
    async sfconfig(...args) {
      const { code, output } = await run(`sfconfig ${args.join(' ')}`);
      return { code, output, hosts: readHosts(output), times: readTimes(output) };
    },
    async givePackage(file, { install = false } = {}) {
      await server.ssh(`rm -rf ${PACKAGES} && mkdir -p ${PACKAGES}`);
      await copy(file, `h1:${PACKAGES}/`);
      if (install) await server.ssh(`${INSTALL} ${PACKAGES}/*.deb >/dev/null`, { timeoutMs: 5 * minutes });
    },
  };
}

/** `  h1.example.org  12 changed` */
function readHosts(output: string): Record<string, string> {
  const rows = [...output.matchAll(/^ {2}(\S+) +(unchanged|\d+ changed|failed|unreachable)$/gm)];
  return Object.fromEntries(rows.map(([, host = '', state = '']) => [host, state]));
}

/** `ok     Set up zookeeper  4.1 s  unchanged` */
function readTimes(output: string): Record<string, number> {
  const rows = [...output.matchAll(/^(?:ok|failed) +(.*?) {2}([\d.]+) s {2}/gm)];
  return Object.fromEntries(rows.map(([, play = '', seconds]) => [play, Number(seconds)]));
}

/** Containers, bundles and mounts of bundles on a hypervisor. */
export async function containersOn(host: TestHost): Promise<string[]> {
  const bundles = '/var/lib/nodepool/runc';
  const text = await host.ssh(
    `runc list -q; ls ${bundles} 2>/dev/null; grep -o ' ${bundles}/[^ ]*' /proc/mounts; true`,
  );
  return text.split('\n').filter((line) => line.trim() !== '');
}

/** Where the service's main process is; another one after a restart. */
export async function pidOf(host: TestHost, unit: string): Promise<string> {
  return host.ssh(`systemctl show --property=MainPID --value ${unit}`);
}
